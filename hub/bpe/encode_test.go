package bpe

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: comparing only the rank's place in site, leaving out ranks[gone] =
// noRank in mergeHeap, or the length in keyOf makes these tests fail.

func small(t testing.TB, split Split) *Tokenizer {
	t.Helper()
	var docs [][]byte
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"fn", "let", "mut", "->", "i32", "count", "value", "  ", "\n    ", "{", "}", "()", "=", "1", "42", "été", "                    "}
	for range 200 {
		var b bytes.Buffer
		for range 50 {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteByte(' ')
		}
		docs = append(docs, b.Bytes())
	}
	tok, err := Train(slices.Values(docs), Config{VocabSize: 310, Split: split, Special: []string{"<|bos|>", "<|eos|>", "<|bos|><|bos|>"}})
	require.NoError(t, err)
	return tok
}

// defined is encoding by its definition, straight from the merges.
func defined(tok *Tokenizer, text []byte) []int32 {
	out := []int32{}
	for piece := range tok.Pieces(text) {
		ids := []int32{}
		for _, b := range piece {
			ids = append(ids, tok.bytes[b])
		}
		for { // lowest rank first, leftmost among equals
			best, at := len(tok.merges), -1
			for i := 1; i < len(ids); i++ {
				if rank := slices.Index(tok.merges, pairOf(ids[i-1], ids[i])); rank >= 0 && rank < best {
					best, at = rank, i-1
				}
			}
			if at < 0 {
				break
			}
			ids = slices.Replace(ids, at, at+2, int32(256+best))
		}
		out = append(out, ids...)
	}
	return out
}

func TestEncode(t *testing.T) {
	for _, split := range append(named, Regex(`[^\s]+|\s+`)) {
		tok := small(t, split)
		words := rapid.SampledFrom([]string{"count", "value", "i32", "été", "mut", " ", "                      ", "let", "\n    ", "42"})
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(texts(), rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.SliceOfN(words, 0, 12), func(w []string) []byte {
				return []byte(strings.Join(w, ""))
			})).Draw(t, "text")
			ids := tok.Encode([]int32{7}, text)
			require.Equal(t, append([]int32{7}, defined(tok, text)...), ids)
			require.Equal(t, string(text), string(tok.Decode(ids[1:])))
			s := tok.Stream()
			var streamed []byte
			for _, id := range ids[1:] {
				streamed = append(streamed, s.Next(id)...)
			}
			require.Equal(t, string(text), string(append(streamed, s.Flush()...)))
		})
	}
}

// TestLongPiece compares the heap with the simple loop.
func TestLongPiece(t *testing.T) {
	tok := small(t, Llama3)
	rapid.Check(t, func(t *rapid.T) {
		piece := []byte(strings.Repeat(rapid.SampledFrom([]string{"count", "value", "a", "letmut", "éét"}).Draw(t, "word"), rapid.IntRange(1, 60).Draw(t, "n")))
		require.Len(t, slices.Collect(tok.Pieces(piece)), 1)
		e := newEncoder(tok)
		e.load(piece)
		require.Equal(t, defined(tok, piece), e.mergeHeap(nil))
		require.Equal(t, defined(tok, piece), e.merge(nil, piece))
	})
}

// TestStepsOfLongPieces shows for a megabyte without a place to split that the
// steps of encoding and of training are in proportion to it. Time would say the
// same only on an idle machine.
func TestStepsOfLongPieces(t *testing.T) {
	tok := small(t, Llama3)
	rng := rand.New(rand.NewPCG(1, 3))
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = "countvalemi"[rng.IntN(11)]
	}
	for name, text := range map[string][]byte{
		"words": bytes.Repeat([]byte("countvalue"), 1<<20/10), "one letter": bytes.Repeat([]byte("e"), 1<<20), "random letters": random,
		"spaces": bytes.Repeat([]byte(" "), 1<<20), "line breaks": bytes.Repeat([]byte("\n \t\n"), 1<<18), "signs": bytes.Repeat([]byte("=}"), 1<<19),
		"characters": bytes.Repeat([]byte("漢"), 1<<20/3), "not UTF-8": bytes.Repeat([]byte{0xff}, 1<<20),
	} {
		pieces := newCounter()
		pieces.add(text, tok.next)
		require.Equal(t, 1, pieces.used+len(pieces.long), "%s: one piece", name)
		e := newEncoder(tok)
		ids := e.encode(nil, text)
		require.LessOrEqual(t, e.steps, 3*len(text), name)
		require.GreaterOrEqual(t, e.steps, len(text)-len(ids), "%s: each merge is a step", name)
		trainer := newTrainer(pieces, &byteIDs, 2)
		require.NotEmpty(t, trainer.merges(400))
		require.LessOrEqual(t, len(trainer.visits), 3*len(text), "%s: training goes over each at most once", name)
	}
}

func TestEncodeSpecial(t *testing.T) {
	tok := small(t, Llama3)
	id := func(name string) int32 {
		n, ok := tok.ID(name)
		require.True(t, ok)
		return n
	}
	bos, eos, two := id("<|bos|>"), id("<|eos|>"), id("<|bos|><|bos|>")
	enc := func(s string) []int32 { return tok.Encode(nil, []byte(s)) }
	for text, want := range map[string][]int32{
		"<|bos|>":                         {bos},
		"<|bos|><|bos|><|bos|>":           {two, bos},
		"let<|eos|>":                      append(enc("let"), eos),
		"<|bos|> <|bo":                    append([]int32{bos}, enc(" <|bo")...),
		"<<|eos|>|>":                      append(append(enc("<"), eos), enc("|>")...),
		"count":                           enc("count"),
		"<|eos|>  <|eos|>\n" + "<|bos|>x": slices.Concat([]int32{eos}, enc("  "), []int32{eos}, enc("\n"), []int32{bos}, enc("x")),
	} {
		require.Equal(t, want, tok.EncodeSpecial(nil, []byte(text)), text)
		require.Equal(t, text, string(tok.Decode(want)))
		require.NotContains(t, tok.Encode(nil, []byte(text)), bos, "text is only text")
	}
	require.Empty(t, tok.EncodeSpecial(nil, nil))
	require.Equal(t, []string{"<|bos|>", "<|eos|>", "<|bos|><|bos|>"}, tok.Special())
	_, ok := tok.ID("count")
	require.False(t, ok)
}

// TestEncodeBatch has texts of all sizes, among them one that is cut.
func TestEncodeBatch(t *testing.T) {
	tok := small(t, GPT2)
	rng := rand.New(rand.NewPCG(5, 6))
	var b []byte
	for len(b) < 3*partBytes {
		b = append(b, []string{"count ", "été", "value(", "42", "\n\n", "  ", "'s "}[rng.IntN(7)]...)
	}
	docs := [][]byte{nil, b[:10], b, b[:1000], bytes.Repeat([]byte("7"), 2*partBytes), b[:partBytes]}
	parts := 0
	GPT2.parts(b, partBytes, func([]byte) { parts++ })
	require.Equal(t, 3, parts)
	for _, threads := range []int{0, 1, 3, 64} {
		out := tok.EncodeBatch(docs, threads)
		require.Len(t, out, len(docs))
		for i, doc := range docs {
			require.True(t, slices.Equal(tok.Encode(nil, doc), out[i]), "text %d", i)
		}
	}
	require.Empty(t, tok.EncodeBatch(nil, 2))
}

// TestConcurrentUse shares a tokenizer; run it with -race.
func TestConcurrentUse(t *testing.T) {
	tok := small(t, Llama3)
	text := []byte("let mut count = 42; // été\n")
	want := tok.Encode(nil, text)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if !slices.Equal(want, tok.Encode(nil, text)) || !slices.Equal(want, tok.EncodeBatch([][]byte{text}, 2)[0]) {
					t.Error("another result")
				}
			}
		})
	}
	wg.Wait()
}

func TestStreamHoldsBackHalfCharacters(t *testing.T) {
	tok := small(t, Llama3)
	s := tok.Stream()
	text := []byte("日")
	require.Empty(t, s.Next(tok.bytes[text[0]]))
	require.Empty(t, s.Next(tok.bytes[text[1]]))
	require.Equal(t, text, s.Next(tok.bytes[text[2]]))
	require.Empty(t, s.Next(tok.bytes[text[0]]))
	require.Equal(t, text[:1], s.Flush())
	require.Empty(t, s.Flush())
	require.Empty(t, s.Next(-1), "an unknown id is nothing")
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	tok := small(t, Llama3)
	text := []byte(strings.Repeat("let mut count = 4217; // été and more\n", 50))
	dst := tok.Encode(nil, text)
	e := newEncoder(tok)
	require.Zero(t, testing.AllocsPerRun(10, func() { dst = e.encode(dst[:0], text) }))
}

func FuzzRoundTrip(f *testing.F) {
	toks := []*Tokenizer{small(f, GPT2), small(f, CL100K), small(f, Llama3)}
	f.Add([]byte("fn main() { let x = 42; }\n\n  \t"))
	f.Add([]byte{0xff, 0xf0, 0x9f, 'a', '\'', 'S'})
	f.Add([]byte("it's <|bos|> 12345                                     été"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, tok := range toks {
			ids := tok.Encode(nil, text)
			require.Equal(t, string(text), string(tok.Decode(ids)))
			require.Equal(t, ids, tok.EncodeBatch([][]byte{text}, 1)[0])
			require.Equal(t, string(text), string(tok.Decode(tok.EncodeSpecial(nil, text))))
		}
	})
}
