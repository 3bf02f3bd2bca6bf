package corpus_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/systems/corpus"
)

// Mutation: "!=" to "==" in part.Documents fails TestPartsPartition; hashing
// the origin with its version fails TestSplitByOrigin.

// The rule of the package comment, in floating point wide enough for it.
func TestValidationRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		fraction := rapid.Float64Range(0, 1).Draw(t, "fraction")
		sum := sha256.Sum256(text)
		share := float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
		require.Equal(t, share < fraction, corpus.Validation(text, fraction))
	})
	require.False(t, corpus.Validation([]byte("x"), 0))
	require.True(t, corpus.Validation([]byte("x"), 1))
}

// Each document goes to one part, the same whatever comes before it, whatever
// it is called and whatever else there is.
func TestPartsPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.String(), 1, 40, rapid.ID[string]).Draw(t, "texts")
		split := corpus.Split{Fraction: rapid.Float64Range(0, 0.999).Draw(t, "fraction")}
		order := rapid.Permutation(all).Draw(t, "order")
		some := order[:rapid.IntRange(1, len(order)).Draw(t, "some")]

		part := func(list []string, validation bool) []string {
			var docs []corpus.Document
			for i, s := range list {
				docs = append(docs, corpus.Document{ID: fmt.Sprint(i), Origin: fmt.Sprint("o", i), Text: []byte(s)})
			}
			return texts(t, split.Part(corpus.Memory("m", docs...), validation))
		}
		train, held := part(all, false), part(all, true)
		require.ElementsMatch(t, all, append(slices.Clone(train), held...))
		for _, s := range held {
			require.True(t, corpus.Validation([]byte(s), split.Fraction), s)
		}
		require.ElementsMatch(t, train, part(order, false))
		require.ElementsMatch(t, held, part(order, true))
		require.Subset(t, append(slices.Clone(train), ""), append(part(some, false), ""))
		require.Subset(t, append(slices.Clone(held), ""), append(part(some, true), ""))
	})
}

// n documents with probability p: the count lies within 5 standard deviations.
func TestSplitFraction(t *testing.T) {
	const n = 20_000
	for _, p := range []float64{0.01, 0.05, 0.5} {
		for _, by := range []corpus.SplitBy{corpus.ByText, corpus.ByOrigin} {
			s, held := corpus.Split{Fraction: p, By: by}, 0.0
			for i := range n {
				if s.Validation(&corpus.Document{Text: []byte(fmt.Sprint("t", i)), Origin: fmt.Sprint("o", i)}) {
					held++
				}
			}
			require.InDelta(t, n*p, held, 5*math.Sqrt(n*p*(1-p)))
		}
	}
}

func TestSplitByOrigin(t *testing.T) {
	s := corpus.Split{Fraction: 0.3, By: corpus.ByOrigin}
	held := 0
	for i := range 200 {
		name := fmt.Sprint("crate-", i)
		first := s.Validation(&corpus.Document{Origin: name + "-1.0.0", Text: []byte("a")})
		if first {
			held++
		}
		for v := range 10 { // other texts, other versions
			d := corpus.Document{Origin: fmt.Sprintf("%s-%d.2.3-rc.%d", name, v, v), Text: []byte{byte(v)}}
			require.Equal(t, first, s.Validation(&d), d.Origin)
		}
	}
	require.Greater(t, held, 20)
	require.Less(t, held, 120)

	var docs []corpus.Document
	for i := range 300 {
		docs = append(docs, corpus.Document{Origin: fmt.Sprintf("c%d-1.0.%d", i%30, i), Text: fmt.Append(nil, i)})
	}
	parts := map[string]bool{}
	for _, validation := range []bool{false, true} {
		for d, err := range s.Part(corpus.Memory("m", docs...), validation).Documents(t.Context()) {
			require.NoError(t, err)
			before, seen := parts[corpus.Family(d.Origin)]
			require.True(t, !seen || before == validation, d.Origin)
			parts[corpus.Family(d.Origin)] = validation
		}
	}
	require.Len(t, parts, 30)
}

func TestFamily(t *testing.T) {
	for origin, want := range map[string]string{
		"serde-1.0.219": "serde", "serde_json-1.0.0-rc.1+meta": "serde_json", "a-b-2.0.0": "a-b", "owner/repo": "owner/repo",
		"rust-1.2": "rust-1.2", "": "", "-1.2.3": "-1.2.3", "md-5-0.10.6": "md-5",
	} {
		require.Equal(t, want, corpus.Family(origin), origin)
	}
}

func TestSplitValidate(t *testing.T) {
	for _, bad := range []float64{-0.1, 1, 2, math.NaN()} {
		s := corpus.Split{Fraction: bad}
		require.Error(t, s.Validate())
		require.Error(t, firstError(t.Context(), s.Part(corpus.Memory("m", doc("1")), true)))
	}
	require.NoError(t, corpus.Split{Fraction: 0.999}.Validate())
	// Having no validation text is not an error here.
	require.Empty(t, texts(t, corpus.Split{}.Part(corpus.Memory("m", doc("1")), true)))
}
