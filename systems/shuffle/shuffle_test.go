package shuffle_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/systems/shuffle"
)

// Mutation: dropping the "i < p.n" of At's cycle walk fails TestBijection; one
// round instead of six fails TestMixes.

func TestBijection(t *testing.T) {
	sizes := []uint64{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1000, 4096, 4097, 100_003}
	if !testing.Short() {
		sizes = append(sizes, 1_000_003)
	}
	for _, n := range sizes {
		for seed := range uint64(3) {
			p := shuffle.New(n, seed)
			require.Equal(t, n, p.Len())
			seen := make([]bool, n)
			for i := range n {
				j := p.At(i)
				require.Less(t, j, n)
				require.False(t, seen[j], "n=%d seed=%d: %d twice", n, seed, j)
				seen[j] = true
				if n < 5000 {
					require.Equal(t, i, p.Inverse(j))
				}
			}
		}
	}
}

func TestInverseOfLargeSizes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, math.MaxUint64).Draw(t, "n")
		p := shuffle.New(n, rapid.Uint64().Draw(t, "seed"))
		i := rapid.Uint64Range(0, n-1).Draw(t, "i")
		j := p.At(i)
		require.Less(t, j, n)
		require.Equal(t, i, p.Inverse(j))
	})
}

// A fixed point of the algorithm: other machines and later versions must give
// the same order, or a resumed run reads other documents.
func TestStable(t *testing.T) {
	p := shuffle.New(10, 1)
	got := make([]uint64, 10)
	for i := range got {
		got[i] = p.At(uint64(i))
	}
	require.Equal(t, []uint64{2, 1, 7, 4, 8, 9, 6, 3, 0, 5}, got) // computed apart from this package, from doc.go
}

// The expected number of fixed points and of neighbours that stay neighbours
// is 1 and 2 for a uniform permutation; each is close to a Poisson variable, so
// over 400 seeds the means lie within 5·σ/√400 of that (σ² = 1 and 2).
func TestMixes(t *testing.T) {
	const n, seeds = 1000, 400
	var fixed, neighbours float64
	for seed := range uint64(seeds) {
		p := shuffle.New(n, seed)
		for i := range uint64(n) {
			if p.At(i) == i {
				fixed++
			}
			if i > 0 {
				if d := int64(p.At(i)) - int64(p.At(i-1)); d == 1 || d == -1 {
					neighbours++
				}
			}
		}
	}
	require.InDelta(t, 1, fixed/seeds, 5/math.Sqrt(seeds))
	require.InDelta(t, 2, neighbours/seeds, 5*math.Sqrt2/math.Sqrt(seeds))
	require.NotEqual(t, shuffle.New(n, 1).At(0)+shuffle.New(n, 1).At(1)*n, shuffle.New(n, 2).At(0)+shuffle.New(n, 2).At(1)*n)
}

func TestOutOfRangePanics(t *testing.T) {
	require.Panics(t, func() { shuffle.New(5, 1).At(5) })
	require.Panics(t, func() { shuffle.New(0, 1).Inverse(0) })
}

func ExampleNew() {
	p := shuffle.New(5, 42)
	seen := 0
	for i := range p.Len() {
		seen |= 1 << p.At(i)
	}
	fmt.Printf("%05b\n", seen)
	// Output: 11111
}

func BenchmarkAt(b *testing.B) {
	for _, n := range []uint64{1000, 1 << 20, 1<<20 + 1, 1 << 40} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := shuffle.New(n, 1)
			b.ReportAllocs()
			var sum uint64
			i := uint64(0)
			for b.Loop() {
				sum += p.At(i % n)
				i++
			}
			_ = sum
		})
	}
}
