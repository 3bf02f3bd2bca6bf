package bpe

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	for d := json.NewDecoder(f); ; {
		var line struct{ Text string }
		err := d.Decode(&line)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		docs = append(docs, []byte(line.Text))
	}
	require.NotEmpty(t, docs)
	return docs
}

// goldenPattern is what vectors.json holds of a pattern. A vector has the ids
// with special tokens parsed, the ids with them as text, and the lengths of the
// pieces of the text.
type goldenPattern struct {
	Regex   string           `json:"regex"`
	Size    int              `json:"vocab_size_with_specials"`
	Special map[string]int32 `json:"special_ids"`
	Vectors [][3][]int32     `json:"vectors"`
	Invalid []struct {
		Replaced []int32 `json:"ids_of_text_python_replace"`
		Bytes    []int32 `json:"ids_one_byte_tokens"`
	} `json:"invalid_utf8"`
}

type goldenVectors struct {
	Specials []string                 `json:"specials"`
	Strings  []string                 `json:"strings"`
	Patterns map[string]goldenPattern `json:"patterns"`
	Invalid  []struct {
		Hex      string `json:"hex"`
		Replaced string `json:"text_python_replace"`
	} `json:"invalid_utf8"`
}

type goldenMerges struct {
	HF           [][]string `json:"merges_hf_ties"`
	ByteOrder    [][]string `json:"merges_byte_order_ties"`
	UniquePieces int        `json:"unique_pieces"`
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
	var vectors goldenVectors
	goldenFile(t, "tokenizer/vectors.json", &vectors)
	var merges struct {
		Patterns map[string]goldenMerges `json:"patterns"`
		Tiny     []tinyCase              `json:"tiny"`
	}
	goldenFile(t, "tokenizer/merges.json", &merges)
	docs := corpus(t)
	require.NotEmpty(t, manifest.Cases)
	for _, c := range manifest.Cases {
		t.Run(c.Name, func(t *testing.T) {
			for key := range c.Hyper {
				require.Contains(t, []string{"merges", "regex", "specials", "file"}, key, "a case that is not understood")
			}
			require.Contains(t, merges.Patterns, c.Name)
			require.Contains(t, vectors.Patterns, c.Name)
			tok := checkTraining(t, docs, c.Hyper, vectors.Specials, merges.Patterns[c.Name])
			loaded, err := Load(filepath.Join(goldenDir(), filepath.FromSlash(c.Hyper["file"].(string))))
			require.NoError(t, err)
			require.Equal(t, loaded.Hash(), tok.Hash(), "trained equals the reference's file")
			for _, tok := range []*Tokenizer{tok, loaded} {
				again, err := tok.MarshalJSON()
				require.NoError(t, err)
				parsed, err := Parse(again)
				require.NoError(t, err)
				require.Equal(t, tok.Hash(), parsed.Hash())
			}
			checkVectors(t, loaded, vectors, vectors.Patterns[c.Name])
		})
	}
	require.NotEmpty(t, merges.Tiny)
	for _, c := range merges.Tiny {
		c.check(t)
	}
	t.Logf("golden tokenizer: %d cases", len(manifest.Cases))
}

// checkTraining trains with both rules for ties.
func checkTraining(t *testing.T, docs [][]byte, hyper map[string]any, specials []string, want goldenMerges) *Tokenizer {
	t.Helper()
	split := splitOf(t, hyper["regex"].(string))
	cfg := Config{VocabSize: 256 + int(hyper["merges"].(float64)) + len(specials), Split: split, Special: specials, MinCount: 1}
	tok, err := Train(slices.Values(docs), cfg)
	require.NoError(t, err)
	checkMerges(t, want.HF, tok)
	pieces := countPieces(slices.Values(docs), cfg, tok.next)
	distinct, _ := pieces.size()
	require.Equal(t, want.UniquePieces, distinct)
	cfg.Ties = ByteOrder
	byOrder, err := Train(slices.Values(docs), cfg)
	require.NoError(t, err)
	checkMerges(t, want.ByteOrder, byOrder)
	return tok
}

func splitOf(t *testing.T, regex string) Split {
	split := Regex(regex)
	require.NoError(t, split.Validate(), "an expression that is not understood")
	return split
}

// checkMerges compares with merges whose halves are written in hexadecimal.
func checkMerges(t *testing.T, want [][]string, tok *Tokenizer) {
	t.Helper()
	require.Len(t, tok.Merges(), len(want))
	for i, m := range tok.Merges() {
		require.Equal(t, want[i][:2], []string{hex.EncodeToString(m[0]), hex.EncodeToString(m[1])}, "merge %d", i)
	}
}

func checkVectors(t *testing.T, tok *Tokenizer, all goldenVectors, p goldenPattern) {
	t.Helper()
	require.Equal(t, p.Size, tok.VocabSize())
	require.Equal(t, p.Regex, tok.Split().Expression())
	require.Len(t, p.Special, len(all.Specials))
	for name, id := range p.Special {
		got, ok := tok.ID(name)
		require.True(t, ok)
		require.Equal(t, id, got)
	}
	require.NotEmpty(t, all.Strings)
	require.Len(t, p.Vectors, len(all.Strings))
	for i, text := range all.Strings {
		v := p.Vectors[i]
		lengths := []int32{}
		for piece := range tok.Pieces([]byte(text)) {
			lengths = append(lengths, int32(len(piece)))
		}
		require.Equal(t, v[2], lengths, "pieces of %q", text)
		require.Equal(t, v[0], tok.EncodeSpecial([]int32{}, []byte(text)), "%q, specials parsed", text)
		require.Equal(t, v[1], tok.Encode([]int32{}, []byte(text)), "%q, specials as text", text)
		require.Equal(t, text, string(tok.Decode(v[0])))
		require.Equal(t, text, string(tok.Decode(v[1])))
	}
	require.Len(t, p.Invalid, len(all.Invalid))
	for i, v := range all.Invalid {
		raw, err := hex.DecodeString(v.Hex)
		require.NoError(t, err)
		require.Equal(t, raw, tok.Decode(tok.Encode(nil, raw)))
		require.Equal(t, raw, tok.Decode(p.Invalid[i].Bytes))
		require.Equal(t, p.Invalid[i].Replaced, tok.Encode(nil, []byte(v.Replaced)))
	}
}

// tinyCase is a list of words with the merges and their counts.
type tinyCase struct {
	Words  []string `json:"words"`
	Merges [][]any  `json:"merges"`
}

func (c tinyCase) check(t *testing.T) {
	counts := newCounter()
	for _, w := range c.Words {
		counts.add([]byte(w), func(text []byte, _ int) int { return len(text) })
	}
	list := newTrainer(counts, &byteIDs, 1).merges(len(c.Merges))
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
