package rounding_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Mutation: hashing the index once instead of twice fails TestBits.

// lowbias32 is the mixer as published (https://nullprogram.com/blog/2018/07/31).
func lowbias32(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	return x ^ x>>16
}

// TestBits: the formula, by which graphs draw their noise too.
func TestBits(t *testing.T) {
	for _, count := range []uint32{1, 2, 70000} {
		const stream = 0x1281
		hash := lowbias32(count + lowbias32(stream))
		key := rounding.NewKey(count, stream)
		require.Equal(t, hash, uint32(key))
		for _, i := range []uint32{0, 1, 2, 11, math.MaxUint32} {
			require.Equal(t, lowbias32(lowbias32(i^hash)+hash), key.Bits(uint64(i)))
			high := lowbias32(hash + lowbias32(3)) // the key of a fourth page
			require.Equal(t, lowbias32(lowbias32(i^high)+high), key.Bits(3<<32|uint64(i)))
		}
	}
}

// TestFillIsByIndex: parts of a tensor, also across 2³², have the bits of the
// whole.
func TestFillIsByIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rounding.Key(rapid.Uint32().Draw(t, "key"))
		first := rapid.SampledFrom([]uint64{0, 5, 1<<32 - 7, 1 << 40}).Draw(t, "first")
		n := rapid.IntRange(1, 40).Draw(t, "n")
		cut := rapid.IntRange(0, n).Draw(t, "cut")
		whole, parts := make([]uint32, n), make([]uint32, n)
		key.Fill(whole, first)
		key.Fill(parts[cut:], first+uint64(cut))
		key.Fill(parts[:cut], first)
		require.Equal(t, whole, parts)
		digits := rapid.IntRange(1, 24).Draw(t, "digits")
		u := make([]float32, n)
		key.Uniforms(u, first, digits)
		for i, v := range u {
			require.Equal(t, float64(whole[i]>>(32-digits)), math.Ldexp(float64(v), digits))
			require.Less(t, v, float32(1))
		}
	})
}

// TestUniform: mean, variance and neighbouring elements of 2²⁰ uniforms; each
// bound is 5 standard errors of independent ones.
func TestUniform(t *testing.T) {
	const n = 1 << 20
	u := make([]float32, n)
	rounding.NewKey(7, 9).Uniforms(u, 0, 24)
	var mean, square, lag float64
	for i, v := range u {
		d := float64(v) - 0.5
		mean += d
		square += d * d
		lag += d * (float64(u[(i+1)%n]) - 0.5)
	}
	require.InDelta(t, 0, mean/n, 5*math.Sqrt(1./12/n))
	require.InDelta(t, 1./12, square/n, 5*math.Sqrt(1./180/n))
	require.InDelta(t, 0, lag/n, 5*math.Sqrt(1./144/n))
}

func TestKeysDiffer(t *testing.T) {
	seen := map[rounding.Key]bool{}
	for seed := range uint64(8) {
		for step := range uint64(8) {
			for operand := range uint64(8) {
				seen[rounding.Derive(seed, step, operand)] = true
			}
		}
	}
	require.Len(t, seen, 512)
	require.NotEqual(t, rounding.Derive(1, 2, 3), rounding.Derive(1, 3, 2))
	require.NotEqual(t, rounding.Derive(1), rounding.Derive(1, 0))
	require.NotEqual(t, rounding.NewKey(1, 2), rounding.NewKey(2, 1))
}

func BenchmarkUniforms(b *testing.B) {
	u := make([]float32, 1<<14)
	b.SetBytes(int64(4 * len(u)))
	b.ReportAllocs()
	for b.Loop() {
		rounding.Key(1).Uniforms(u, 0, 20)
	}
}
