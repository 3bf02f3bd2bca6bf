package corpus

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: not wrapping i at the end of the table in hashTable.find fails
// TestHashSet; growing to twice the size fails TestHashSetSize.

func TestHashSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few bits: hashes meet, at the ends of tables too.
		hash := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 40), rapid.Custom(func(t *rapid.T) uint64 {
			return 0xffff_ffff_ffff_ff00 | rapid.Uint64Range(0, 255).Draw(t, "low")
		}))
		set, model := new(hashSet), map[uint64]bool{}
		for _, h := range rapid.SliceOfN(hash, 0, 400).Draw(t, "hashes") {
			require.Equal(t, !model[h], set.add(h))
			model[h] = true
		}
		for h := range model {
			require.False(t, set.add(h))
		}
	})
}

// A table grows by half when it is 4/5 full, so that the load lies between
// 8/15 and 4/5: 10 to 15 bytes for each hash, and what the allocator rounds up.
func TestHashSetSize(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	before := heapBytes()
	set := new(hashSet)
	n := 0
	for _, upTo := range []int{300_000, 350_000, 400_000, 500_000, 700_000} {
		for ; n < upTo; n++ {
			set.add(rng.Uint64())
		}
		each := float64(heapBytes()-before) / float64(n)
		require.Greater(t, each, 9.0)
		require.Less(t, each, 16.0)
	}
	runtime.KeepAlive(set)
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkHashSet(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	set := new(hashSet)
	b.ReportAllocs()
	for b.Loop() {
		set.add(rng.Uint64())
	}
}
