package bpe

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: `c.pair > o.pair` in candidate.before, leaving out t.vanish for the
// pair behind a merge, or stopping at `>= minCount` in offer makes these tests
// fail.

// recount is training by its definition: all pairs are counted again for every
// merge.
func recount(docs [][]byte, split func([]byte, int) int, ids *[256]int32, n int, minCount int64) []pair {
	var words [][]int32
	for _, doc := range docs {
		for _, piece := range piecesOf(split, doc) {
			var w []int32
			for i := range len(piece) {
				w = append(w, ids[piece[i]])
			}
			words = append(words, w)
		}
	}
	var list []pair
	for len(list) < n {
		counts := map[pair]int64{}
		for _, w := range words {
			for i := 1; i < len(w); i++ {
				counts[pairOf(w[i-1], w[i])]++
			}
		}
		var best pair
		for p, c := range counts {
			if c > counts[best] || c == counts[best] && p < best {
				best = p
			}
		}
		if counts[best] < minCount || counts[best] == 0 {
			break
		}
		list = append(list, best)
		for i, w := range words {
			var out []int32
			for j := 0; j < len(w); j++ {
				if j+1 < len(w) && pairOf(w[j], w[j+1]) == best {
					out = append(out, int32(255+len(list)))
					j++
				} else {
					out = append(out, w[j])
				}
			}
			words[i] = out
		}
	}
	return list
}

func TestTrainIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]string{"ab", "abc ", "a\n ", "aé1'"}).Draw(t, "alphabet")
		docs := rapid.SliceOfN(rapid.Map(rapid.StringOfN(rapid.RuneFrom([]rune(alphabet)), 1, 120, -1), func(s string) []byte { return []byte(s) }), 1, 5).Draw(t, "docs")
		split := rapid.SampledFrom(append(named, Regex(`\S+|\s+`))).Draw(t, "split")
		minCount := rapid.Int64Range(1, 4).Draw(t, "least count")
		ties := rapid.SampledFrom([]Ties{CharacterOrder, ByteOrder}).Draw(t, "ties")
		next, err := split.splitter()
		require.NoError(t, err)
		ids := map[Ties]*[256]int32{CharacterOrder: &byteIDs, ByteOrder: &identityIDs}[ties]
		n := rapid.IntRange(0, 40).Draw(t, "merges")
		want := recount(docs, next, ids, n, minCount)
		tok, err := Train(slices.Values(docs), Config{VocabSize: 256 + n, Split: split, MinCount: minCount, Ties: ties, Threads: 2})
		if len(want) < n {
			require.Equal(t, &VocabError{Want: 256 + n, Merges: len(want), Largest: 256 + len(want)}, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, append([]pair(nil), tok.merges...))
		for id := range tok.VocabSize() { // every token is the token of its own bytes
			require.Equal(t, []int32{int32(id)}, newEncoder(tok).merge(nil, tok.Token(int32(id))))
		}
	})
}

func TestThreadsAndOrderDoNotMatter(t *testing.T) {
	docs := corpus(t)
	one, err := Train(slices.Values(docs), Config{VocabSize: 600, Threads: 1})
	require.NoError(t, err)
	whole := []byte{}
	for _, doc := range docs { // a line break and a letter: a text apart, as a piece goes
		whole = append(append(whole, doc...), "\n\nx"...)
	}
	again, err := Train(slices.Values(docs), Config{VocabSize: 600, Threads: 1})
	require.NoError(t, err)
	require.Equal(t, one.Hash(), again.Hash())
	slices.Reverse(docs)
	four, err := Train(slices.Values(docs), Config{VocabSize: 600, Threads: 4})
	require.NoError(t, err)
	require.Equal(t, one.Hash(), four.Hash())

	whole = []byte(strings.Repeat(string(whole), 2*partBytes/len(whole)+2))
	single, err := Train(slices.Values([][]byte{whole}), Config{VocabSize: 600, Threads: 1})
	require.NoError(t, err)
	next, err := Llama3.splitter()
	require.NoError(t, err)
	uncut := newCounter()
	uncut.add(whole, next)
	require.Equal(t, single.merges, newTrainer(uncut, &byteIDs, 2).merges(344), "a long document is cut where its pieces allow it")
}

// TestCounter counts enough pieces to make the table grow, some of them too long
// for a key.
func TestCounter(t *testing.T) {
	want := map[string]int64{}
	a, b := newCounter(), newCounter()
	whole := func(text []byte, _ int) int { return len(text) }
	for i := range 30_000 {
		piece := strings.Repeat("x", i%20) + fmt.Sprint(i%7000)
		want[piece]++
		[]*counter{a, b}[i%2].add([]byte(piece), whole)
	}
	a.merge(b)
	got := map[string]int64{}
	for piece, n := range a.all() {
		got[string(piece)] += n
	}
	require.Equal(t, want, got)
	require.Equal(t, len(want), a.used+len(a.long))
	require.NotEmpty(t, a.long)
	for range a.all() {
		break // stopping early is allowed
	}
}

func TestCheckSize(t *testing.T) {
	c := newCounter()
	c.add([]byte("one two two three"), nextModern)
	const distinct = len("one") + len(" two") + len(" three")
	require.NoError(t, checkSize(c, distinct))
	require.ErrorContains(t, checkSize(c, distinct-1), "have 13 bytes, at most 12 can be trained on: give less text")
}

func TestTrainingErrors(t *testing.T) {
	docs := slices.Values([][]byte{[]byte("aaab aaab")})
	_, err := Train(docs, Config{VocabSize: 5000, Special: []string{"<|bos|>"}})
	var vocab *VocabError
	require.ErrorAs(t, err, &vocab)
	require.Equal(t, VocabError{Want: 5000, Merges: 3, Largest: 260}, *vocab)
	require.ErrorContains(t, err, "the text supports 3 merges and with them a vocabulary of at most 260 tokens, 5000 were asked for")
	_, err = Train(docs, Config{VocabSize: vocab.Largest, Special: []string{"<|bos|>"}})
	require.NoError(t, err)
	_, err = Train(docs, Config{VocabSize: 100})
	require.ErrorContains(t, err, "at least 256")
	_, err = Train(docs, Config{VocabSize: 300, Split: "x"})
	require.ErrorContains(t, err, "split pattern")
	for _, none := range [][][]byte{nil, {nil, {}}} {
		_, err = Train(slices.Values(none), Config{VocabSize: 300})
		require.ErrorContains(t, err, "no text")
	}
	_, err = Train(docs, Config{VocabSize: 258, Special: []string{"a", "a"}})
	require.ErrorContains(t, err, "twice")
	_, err = Train(docs, Config{VocabSize: 257, Special: []string{""}})
	require.ErrorContains(t, err, "empty")
}

func TestOptionsAct(t *testing.T) {
	docs := slices.Values([][]byte{[]byte("12345 12345 ab ab ab x  \n y")})
	base, err := Train(docs, Config{VocabSize: 258})
	require.NoError(t, err)
	for name, cfg := range map[string]Config{
		"split":   {VocabSize: 258, Split: GPT2},
		"regex":   {VocabSize: 258, Split: Regex(`\S+|\s+`)},
		"special": {VocabSize: 258, Special: []string{"<|bos|>"}},
		"ties":    {VocabSize: 258, Ties: ByteOrder},
		"size":    {VocabSize: 257},
	} {
		other, err := Train(docs, cfg)
		require.NoError(t, err)
		require.NotEqual(t, base.Hash(), other.Hash(), name)
	}
	_, err = Train(docs, Config{VocabSize: 258, MinCount: 100})
	require.Error(t, err)
}
