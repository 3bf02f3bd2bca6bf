package bpe

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: taking the larger pair among equal counts, or \p{N}{1,2} for
// \p{N}{1,3} in nextModern, makes TestGoldenTokenizer fail.

func goldenFile(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(goldenDir(), name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

func goldenDir() string {
	if dir := os.Getenv("NANOCHAT_GOLDEN"); dir != "" {
		return dir
	}
	return "testdata/golden"
}

func corpus(t *testing.T) [][]byte {
	f, err := os.Open(filepath.Join(goldenDir(), "tokenizer", "corpus.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	var docs [][]byte
	for s := bufio.NewScanner(f); s.Scan(); {
		var line struct{ Text string }
		require.NoError(t, json.Unmarshal(s.Bytes(), &line))
		docs = append(docs, []byte(line.Text))
	}
	return docs
}

type goldenPattern struct {
	Regex   string           `json:"regex"`
	Size    int              `json:"vocab_size_with_specials"`
	Special map[string]int32 `json:"special_ids"`
	Vectors [][3][]int32     `json:"vectors"`
}

func TestGoldenTokenizer(t *testing.T) {
	var manifest struct {
		Cases []struct {
			Name  string
			Hyper map[string]any
		}
	}
	if _, err := os.Stat(filepath.Join(goldenDir(), "tokenizer.json")); os.IsNotExist(err) {
		t.Skipf("golden family tokenizer is not in %s", goldenDir())
	}
	goldenFile(t, "tokenizer.json", &manifest)
	var vectors struct {
		Specials []string                 `json:"specials"`
		Strings  []string                 `json:"strings"`
		Patterns map[string]goldenPattern `json:"patterns"`
		Invalid  []struct {
			Hex string `json:"hex"`
		} `json:"invalid_utf8"`
	}
	goldenFile(t, "tokenizer/vectors.json", &vectors)
	var merges struct {
		Patterns map[string]map[string]json.RawMessage `json:"patterns"`
		Tiny     []tinyCase                            `json:"tiny"`
	}
	goldenFile(t, "tokenizer/merges.json", &merges)
	docs := corpus(t)
	require.NotEmpty(t, manifest.Cases)
	for _, c := range manifest.Cases {
		t.Run(c.Name, func(t *testing.T) {
			for key := range c.Hyper {
				require.Contains(t, []string{"merges", "regex", "specials", "file"}, key)
			}
			split := splitOf(t, c.Hyper["regex"].(string))
			n := int(c.Hyper["merges"].(float64))
			cfg := Config{VocabSize: 256 + n + len(vectors.Specials), Split: split, Special: vectors.Specials, MinCount: 1}
			tok, err := Train(slices.Values(docs), cfg)
			require.NoError(t, err)
			checkMerges(t, merges.Patterns[c.Name]["merges_hf_ties"], tok)
			cfg.Ties = ByteOrder
			byOrder, err := Train(slices.Values(docs), cfg)
			require.NoError(t, err)
			checkMerges(t, merges.Patterns[c.Name]["merges_byte_order_ties"], byOrder)

			loaded, err := Load(filepath.Join(goldenDir(), filepath.FromSlash(c.Hyper["file"].(string))))
			require.NoError(t, err)
			require.Equal(t, loaded.Hash(), tok.Hash(), "trained equals the reference's file")
			again, err := tok.MarshalJSON()
			require.NoError(t, err)
			parsed, err := Parse(again)
			require.NoError(t, err)
			require.Equal(t, tok.Hash(), parsed.Hash())
			checkVectors(t, tok, vectors.Strings, vectors.Patterns[c.Name])
			for _, v := range vectors.Invalid {
				raw, err := hex.DecodeString(v.Hex)
				require.NoError(t, err)
				require.Equal(t, raw, tok.Decode(tok.Encode(nil, raw)))
			}
		})
	}
	for _, c := range merges.Tiny {
		c.check(t)
	}
	t.Logf("golden tokenizer: %d cases", len(manifest.Cases))
}

func splitOf(t *testing.T, regex string) Split {
	for split, p := range patterns {
		if p == regex {
			return split
		}
	}
	t.Fatalf("split pattern %q is not understood", regex)
	return ""
}

func checkMerges(t *testing.T, raw json.RawMessage, tok *Tokenizer) {
	t.Helper()
	var want [][]string
	require.NoError(t, json.Unmarshal(raw, &want))
	var got [][]string
	for _, m := range tok.Merges() {
		got = append(got, []string{hex.EncodeToString(m[0]), hex.EncodeToString(m[1])})
	}
	for i := range want {
		require.Equal(t, want[i][:2], got[i], "merge %d", i)
	}
	require.Len(t, got, len(want))
}

func checkVectors(t *testing.T, tok *Tokenizer, texts []string, p goldenPattern) {
	t.Helper()
	require.Equal(t, p.Size, tok.VocabSize())
	for name, id := range p.Special {
		got, ok := tok.ID(name)
		require.True(t, ok)
		require.Equal(t, id, got)
	}
	require.Len(t, p.Vectors, len(texts))
	for i, text := range texts {
		v := p.Vectors[i]
		var lengths []int32
		tok.Split().Pieces([]byte(text), func(piece []byte) bool {
			lengths = append(lengths, int32(len(piece)))
			return true
		})
		if !strings.Contains(text, "<|") {
			require.Equal(t, v[2], append([]int32{}, lengths...), "pieces of %q", text)
		}
		require.Equal(t, v[0], append([]int32{}, tok.EncodeSpecial(nil, []byte(text))...), "%q, specials parsed", text)
		require.Equal(t, v[1], append([]int32{}, tok.Encode(nil, []byte(text))...), "%q, specials as text", text)
		require.Equal(t, text, string(tok.Decode(v[1])))
	}
}

// tinyCase is a list of words with the merges and their counts.
type tinyCase struct {
	Words  []string `json:"words"`
	Merges [][]any  `json:"merges"`
}

func (c tinyCase) check(t *testing.T) {
	counts := map[string]int64{}
	for _, w := range c.Words {
		counts[w]++
	}
	tr := newTrainer(counts, &byteIDs)
	list := tr.merges(len(c.Merges), 1)
	tok, err := newTokenizer(GPT2, &byteIDs, list, nil)
	require.NoError(t, err)
	var got []string
	for _, m := range tok.Merges() {
		got = append(got, string(m[0])+"+"+string(m[1]))
	}
	var want []string
	for _, m := range c.Merges {
		want = append(want, undisplay(m[0].(string))+"+"+undisplay(m[1].(string)))
	}
	require.Equal(t, want, got, "words %q", c.Words)
}

func undisplay(s string) string {
	if b, ok := parseDisplay(s); ok {
		return string(b)
	}
	return s
}
