package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/gguf"
)

// pretokenizer is a name of tokenizer.ggml.pre with what llama.cpp does by it.
type pretokenizer struct {
	name         string
	split        bpe.Split
	ignoreMerges bool
}

// pretokenizers are those that package bpe can be, the preferred of equals first.
var pretokenizers = []pretokenizer{
	{"gpt-2", bpe.GPT2, false},
	{"llama-bpe", bpe.Llama3, true},
	{"llama-bpe", bpe.CL100K, true}, // cuts texts as llama3 does
	{"llama3", bpe.Llama3, true},
	{"llama-v3", bpe.Llama3, true},
	{"qwen2", bpe.Regex(strings.Replace(bpe.Llama3.Expression(), `\p{N}{1,3}`, `\p{N}`, 1)), false},
	{"smollm", digits, false},
	{"starcoder", digits, false},
}

// digits is GPT-2's pattern after every digit has been cut off: spaces before one are
// then at an end.
var digits = bpe.Regex(strings.Replace(strings.Replace(bpe.GPT2.Expression(), ` ?\p{N}+|`, "", 1), `'s|`, `\p{N}|\s+(?=\p{N})|'s|`, 1))

// The types of tokens in tokenizer.ggml.token_type that occur here.
const (
	normalToken  int32 = 1
	controlToken int32 = 3
	userToken    int32 = 4
	unusedToken  int32 = 5
)

// tokenizerModel is byte-level BPE in tokenizer.ggml.model.
const tokenizerModel = "gpt2"

// pretokenizerOf finds what makes llama.cpp cut texts as the tokenizer does.
func pretokenizerOf(tok *bpe.Tokenizer, d bpe.Definition) (string, error) {
	i := slices.IndexFunc(pretokenizers, func(p pretokenizer) bool { return p.split == d.Split })
	if i < 0 {
		return "", &UnsupportedError{llamacpp, []string{fmt.Sprintf("the split pattern %q", d.Split.Expression())}}
	}
	p := pretokenizers[i]
	if p.ignoreMerges == d.IgnoreMerges {
		return p.name, nil
	}
	if d.IgnoreMerges {
		return "", &UnsupportedError{llamacpp, []string{fmt.Sprintf("ignore_merges with the split of %s", p.name)}}
	}
	for id := range d.Tokens {
		text := tok.Token(int32(id))
		if d.Special[int32(id)] || len(text) < 2 {
			continue
		}
		for piece := range tok.Pieces(text) {
			if ids := tok.Encode(nil, text); len(piece) == len(text) && (len(ids) != 1 || ids[0] != int32(id)) {
				return "", &UnsupportedError{llamacpp, []string{fmt.Sprintf("merges that do not lead to the token %q, with the split of %s", text, p.name)}}
			}
			break
		}
	}
	return p.name, nil
}

// vocabulary is the tokenizer as the metadata of a file for a model of size tokens.
func vocabulary(tok *bpe.Tokenizer, size int, o GGUFOptions) ([]gguf.KV, error) {
	d := tok.Definition()
	pre, err := pretokenizerOf(tok, d)
	if err != nil {
		return nil, err
	}
	if len(d.Tokens) > size {
		return nil, fmt.Errorf("export: the tokenizer has %d tokens, the model has %d", len(d.Tokens), size)
	}
	types := slices.Repeat([]int32{normalToken}, len(d.Tokens))
	for id := range d.Special {
		types[id] = controlToken
	}
	tokens := d.Tokens
	for id := len(tokens); id < size; id++ {
		tokens, types = append(tokens, fmt.Sprintf("[PAD%d]", id)), append(types, unusedToken)
	}
	merges := make([]string, len(d.Merges))
	for i, m := range d.Merges {
		merges[i] = m[0] + " " + m[1]
	}
	kv := []gguf.KV{
		{Key: "tokenizer.ggml.model", Value: tokenizerModel}, {Key: "tokenizer.ggml.pre", Value: pre},
		{Key: "tokenizer.ggml.tokens", Value: tokens}, {Key: "tokenizer.ggml.token_type", Value: types},
		{Key: "tokenizer.ggml.merges", Value: merges},
	}
	for _, t := range []struct{ role, content string }{{"bos", o.BOS}, {"eos", o.EOS}, {"padding", o.PAD}} {
		if t.content == "" {
			continue
		}
		id, ok := tok.ID(t.content)
		if !ok {
			return nil, fmt.Errorf("export: %s token %q is not a special token of the tokenizer", t.role, t.content)
		}
		kv = append(kv, gguf.KV{Key: "tokenizer.ggml." + t.role + "_token_id", Value: uint32(id)})
	}
	kv = append(kv, gguf.KV{Key: "tokenizer.ggml.add_bos_token", Value: o.BOS != ""}, gguf.KV{Key: "tokenizer.ggml.add_eos_token", Value: false})
	if o.ChatTemplate != "" {
		kv = append(kv, gguf.KV{Key: "tokenizer.chat_template", Value: o.ChatTemplate})
	}
	return kv, nil
}

// readVocabulary is the inverse of vocabulary; unused tokens at the end are padding.
func readVocabulary(f *gguf.File) (*bpe.Tokenizer, error) {
	model, err := gguf.Get[string](f, "tokenizer.ggml.model")
	if err != nil {
		return nil, err
	}
	pre, err := gguf.GetOr(f, "tokenizer.ggml.pre", "")
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(pretokenizers, func(p pretokenizer) bool { return p.name == pre })
	if model != tokenizerModel || i < 0 {
		return nil, fmt.Errorf("export: tokenizer.ggml.model %q with tokenizer.ggml.pre %q is not supported, want %q with gpt-2, llama-bpe, qwen2 or smollm",
			model, pre, tokenizerModel)
	}
	d := bpe.Definition{Split: pretokenizers[i].split, IgnoreMerges: pretokenizers[i].ignoreMerges, Special: map[int32]bool{}}
	if d.Tokens, err = gguf.Get[[]string](f, "tokenizer.ggml.tokens"); err != nil {
		return nil, err
	}
	types, err := gguf.Get[[]int32](f, "tokenizer.ggml.token_type")
	if err != nil {
		return nil, err
	}
	merges, err := gguf.Get[[]string](f, "tokenizer.ggml.merges")
	if err != nil {
		return nil, err
	}
	if len(types) != len(d.Tokens) {
		return nil, fmt.Errorf("export: tokenizer.ggml.token_type has %d entries for %d tokens", len(types), len(d.Tokens))
	}
	for n := len(types); n > 0 && types[n-1] == unusedToken; n-- {
		d.Tokens, types = d.Tokens[:n-1], types[:n-1]
	}
	for id, t := range types {
		if t == controlToken || t == userToken {
			d.Special[int32(id)] = true
		}
	}
	for rank, m := range merges {
		left, right, ok := cutMerge(m)
		if !ok {
			return nil, fmt.Errorf("export: merge %d is %q, want two tokens", rank, m)
		}
		d.Merges = append(d.Merges, [2]string{left, right})
	}
	return bpe.New(d)
}

// cutMerge cuts a merge at the first space behind its first byte.
func cutMerge(m string) (left, right string, ok bool) {
	if m == "" {
		return "", "", false
	}
	left, right, ok = strings.Cut(m[1:], " ")
	return m[:1] + left, right, ok
}
