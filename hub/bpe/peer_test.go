package bpe

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: reading \p{N}{1,3} as \p{N} in digits, or merging the pair that was
// seen last among equals, makes TestHuggingFace fail.

// peerScript trains on the documents of the request, and encodes its texts with
// the tokenizer trained there and with ours.
const peerScript = `
import json, sys
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
q = json.load(sys.stdin)
tok = Tokenizer(models.BPE())
level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(q["regex"]), "isolated"), level])
tok.train_from_iterator(q["docs"], trainers.BpeTrainer(vocab_size=q["vocab"], show_progress=False, special_tokens=[],
                                                       initial_alphabet=level.alphabet()))
ours = Tokenizer.from_file(q["file"])
model = lambda t: {k: json.loads(t.to_str())["model"][k] for k in ("vocab", "merges")}
plain = {k: v for k, v in ours.get_vocab().items() if not k.startswith("<|")}
ids = [ours.encode(t, add_special_tokens=False).ids for t in q["texts"]]
print(json.dumps({"same": model(tok) == model(ours) and tok.get_vocab() == plain, "ids": ids,
                  "decoded": [ours.decode(i, skip_special_tokens=False) for i in ids]}))
`

// TestHuggingFace compares training, tokenizer.json and ids with Hugging Face
// tokenizers, for the named splits and for three that only the general matcher
// knows.
func TestHuggingFace(t *testing.T) {
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		t.Skip("PEER_PYTHON does not name a Python with tokenizers")
	}
	upper, lower := `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	suffix := `(?i:'s|'t|'re|'ve|'m|'ll|'d)?`
	o200k := `[^\r\n\p{L}\p{N}]?` + upper + `*` + lower + `+` + suffix + `|[^\r\n\p{L}\p{N}]?` + upper + `+` + lower + `*` + suffix +
		`|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2 := strings.Replace(patterns[Llama3], `{1,3}`, ``, 1)
	possessive := strings.NewReplacer(`?\p{L}+`, `?+\p{L}++`, `{1,3}`, `{1,2}`).Replace(patterns[CL100K])

	docs := corpus(t)
	texts := []string{"<|bos|>fn main() {\n    it's();\n}\n<|eos|>", "DON'T 'ſ  \r\n\t 1234567 ½Ⅷ 漢字🦀 x\u0301\u0085\u3000y ", ""}
	for _, doc := range docs[:20] {
		texts = append(texts, string(doc))
	}
	for _, split := range append(slices.Clone(named), Regex(o200k), Regex(qwen2), Regex(possessive)) {
		const merges = 700
		special := []string{"<|bos|>", "<|eos|>"}
		tok, err := Train(slices.Values(docs), Config{VocabSize: 256 + merges + len(special), Split: split, Special: special})
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "tokenizer.json")
		require.NoError(t, tok.WriteFile(file))
		var plain []string
		for _, doc := range docs {
			plain = append(plain, string(doc))
		}
		request, err := json.Marshal(map[string]any{"regex": split.Expression(), "docs": plain, "vocab": 256 + merges, "file": file, "texts": texts})
		require.NoError(t, err)
		cmd := exec.Command(python, "-c", peerScript)
		cmd.Stdin = strings.NewReader(string(request))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		require.NoError(t, err)
		var got struct {
			Same    bool
			IDs     [][]int32
			Decoded []string
		}
		require.NoError(t, json.Unmarshal(out, &got))
		require.True(t, got.Same, "vocabulary and merges of %s", split)
		require.Len(t, got.IDs, len(texts))
		for i, text := range texts {
			require.Equal(t, got.IDs[i], tok.EncodeSpecial([]int32{}, []byte(text)), "%s: %q", split, text)
			require.Equal(t, text, got.Decoded[i])
		}
	}
}
