package bpe

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: letting mergeLong take the rightmost of equal ranks makes
// TestLongPieces fail.

func small(t testing.TB, split Split) *Tokenizer {
	t.Helper()
	var docs [][]byte
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"fn", "let", "mut", "->", "i32", "count", "value", "  ", "\n    ", "{", "}", "()", "=", "1", "42", "été"}
	for range 200 {
		var b bytes.Buffer
		for range 50 {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteByte(' ')
		}
		docs = append(docs, b.Bytes())
	}
	tok, err := Train(slices.Values(docs), Config{VocabSize: 300, Split: split, Special: []string{"<|bos|>", "<|eos|>"}})
	require.NoError(t, err)
	return tok
}

func TestRoundTripOfAnyBytes(t *testing.T) {
	for _, split := range []Split{GPT2, CL100K, Llama3} {
		tok := small(t, split)
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) })).Draw(t, "text")
			require.Equal(t, string(text), string(tok.Decode(tok.Encode(nil, text))))
			var joined []byte
			split.Pieces(text, func(p []byte) bool {
				require.NotEmpty(t, p)
				joined = append(joined, p...)
				return true
			})
			require.Equal(t, string(text), string(joined))
			s := tok.Stream()
			var streamed []byte
			for _, id := range tok.Encode(nil, text) {
				streamed = append(streamed, s.Next(id)...)
			}
			require.Equal(t, string(text), string(append(streamed, s.Flush()...)))
		})
	}
}

func TestStreamHoldsBackHalfCharacters(t *testing.T) {
	tok := small(t, Llama3)
	s := tok.Stream()
	text := []byte("日")
	require.Empty(t, s.Next(tok.bytes[text[0]]))
	require.Empty(t, s.Next(tok.bytes[text[1]]))
	require.Equal(t, text, s.Next(tok.bytes[text[2]]))
}

func TestThreadsAndOrderDoNotMatter(t *testing.T) {
	docs := corpus(t)
	one, err := Train(slices.Values(docs), Config{VocabSize: 600, Threads: 1})
	require.NoError(t, err)
	slices.Reverse(docs)
	four, err := Train(slices.Values(docs), Config{VocabSize: 600, Threads: 4})
	require.NoError(t, err)
	require.Equal(t, one.Hash(), four.Hash())
	batch := four.EncodeBatch(docs, 4)
	for i, doc := range docs {
		require.Equal(t, one.Encode(nil, doc), append([]int32(nil), batch[i]...))
	}
}

// TestLongPieces compares the heap with the simple merge and shows that a
// megabyte without a split point takes a time in proportion.
func TestLongPieces(t *testing.T) {
	tok := small(t, Llama3)
	rapid.Check(t, func(t *rapid.T) {
		piece := []byte(strings.Repeat(rapid.SampledFrom([]string{"count", "value", "a", "i32i3", "éét"}).Draw(t, "word"), rapid.IntRange(1, 50).Draw(t, "n")))
		e := tok.pool.New().(*encoder)
		long := e.mergeLong(nil, piece)
		ids := []int32{}
		for _, b := range piece {
			ids = append(ids, tok.bytes[b])
		}
		for { // the definition: lowest rank first, leftmost among equals
			best := merged{rank: noRank}
			at := -1
			for i := 1; i < len(ids); i++ {
				if m := tok.table.get(ids[i-1], ids[i]); m.rank < best.rank {
					best, at = m, i-1
				}
			}
			if at < 0 {
				break
			}
			ids = slices.Replace(ids, at, at+2, best.id)
		}
		require.Equal(t, ids, long)
		require.Equal(t, ids, e.merge(nil, piece))
	})
	elapsed := func(n int) time.Duration {
		text := bytes.Repeat([]byte("countvalue"), n/10)
		best := time.Hour
		for range 3 {
			start := time.Now()
			tok.Encode(nil, text)
			best = min(best, time.Since(start))
		}
		return best
	}
	require.Less(t, elapsed(1<<20), 60*elapsed(1<<16)+time.Second/10, "sixteen times the text, quadratic would be 256 times")
}

func TestTrainingErrors(t *testing.T) {
	docs := slices.Values([][]byte{[]byte("aaab aaab")})
	_, err := Train(docs, Config{VocabSize: 5000})
	var vocab *VocabError
	require.ErrorAs(t, err, &vocab)
	require.Greater(t, vocab.Largest, 256)
	_, err = Train(docs, Config{VocabSize: vocab.Largest})
	require.NoError(t, err)
	_, err = Train(docs, Config{VocabSize: 100})
	require.ErrorContains(t, err, "at least 256")
	_, err = Train(docs, Config{VocabSize: 300, Split: "x"})
	require.ErrorContains(t, err, "split pattern")
	_, err = Train(slices.Values([][]byte{}), Config{VocabSize: 300})
	require.ErrorContains(t, err, "no text")
	_, err = Train(docs, Config{VocabSize: 259, Special: []string{"a", "a"}})
	require.ErrorContains(t, err, "twice")
}

func TestOptionsAct(t *testing.T) {
	docs := slices.Values([][]byte{[]byte("12345 12345 ab ab ab x  \n y")})
	base, err := Train(docs, Config{VocabSize: 258})
	require.NoError(t, err)
	for name, cfg := range map[string]Config{
		"split":   {VocabSize: 258, Split: GPT2},
		"special": {VocabSize: 258, Special: []string{"<|bos|>"}},
		"ties":    {VocabSize: 258, Ties: ByteOrder},
	} {
		other, err := Train(docs, cfg)
		require.NoError(t, err)
		require.NotEqual(t, base.Hash(), other.Hash(), name)
	}
	_, err = Train(docs, Config{VocabSize: 258, MinCount: 100})
	require.Error(t, err)
}

func TestFile(t *testing.T) {
	tok := small(t, CL100K)
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	require.NoError(t, tok.WriteFile(path))
	loaded, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, tok.Hash(), loaded.Hash())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for from, to := range map[string]string{
		`"normalizer": null`: `"normalizer": {"type":"NFC"}`, `"dropout": null`: `"dropout": 0.1`,
		`"byte_fallback": false`: `"byte_fallback": true`, `"type": "BPE"`: `"type": "Unigram"`,
		`\\p{N}{1,3}`: `\\p{N}{1,2}`, `"unk_token": null`: `"unk_token": "x"`,
	} {
		changed := bytes.Replace(data, []byte(from), []byte(to), 1)
		require.NotEqual(t, data, changed, from)
		_, err := Parse(changed)
		require.ErrorContains(t, err, "not supported", from)
	}
	for n := 0; n < len(data)-2; n += 97 {
		_, err := Parse(data[:n])
		require.Error(t, err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	tok := small(f, Llama3)
	f.Add([]byte("fn main() { let x = 42; }\n\n  \t"))
	f.Add([]byte{0xff, 0xf0, 0x9f, 'a', '\'', 'S'})
	f.Fuzz(func(t *testing.T, text []byte) {
		require.Equal(t, string(text), string(tok.Decode(tok.Encode(nil, text))))
	})
}

func ExampleTrain() {
	docs := slices.Values([][]byte{[]byte("low lower lowest low lower"), []byte("low low")})
	tok, err := Train(docs, Config{VocabSize: 261, Special: []string{"<|bos|>"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ids := tok.Encode(nil, []byte(" lower"))
	for _, id := range ids {
		fmt.Printf("%q ", tok.Token(id))
	}
	fmt.Println(string(tok.Decode(ids)))
	// Output: " lowe" "r"  lower
}

func benchmarkText(b *testing.B) [][]byte {
	b.Helper()
	var docs [][]byte
	for _, name := range []string{"encode.go", "train.go", "json.go", "split.go"} {
		text, err := os.ReadFile(name)
		require.NoError(b, err)
		docs = append(docs, text)
	}
	return docs
}

func BenchmarkEncode(b *testing.B) {
	docs := benchmarkText(b)
	tok, err := Train(slices.Values(docs), Config{VocabSize: 1024})
	require.NoError(b, err)
	text := bytes.Join(docs, nil)
	dst := make([]int32, 0, len(text))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		dst = tok.Encode(dst[:0], text)
	}
}

func BenchmarkTrain(b *testing.B) {
	docs := benchmarkText(b)
	for b.Loop() {
		if _, err := Train(slices.Values(docs), Config{VocabSize: 1024}); err != nil {
			b.Fatal(err)
		}
	}
}
