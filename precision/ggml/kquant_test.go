package ggml

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: dropping the upper two bits of the last four scales fails TestQ4KByHand,
// weights of 1 in fitAffine, or one candidate instead of 21, TestSearchPays.

// TestQ4KByHand: scales 1 2 3 4 5 37 7 8 and offsets 8 7 6 5 4 3 50 1 under d = 1 and
// 1/2, code bytes 7k+3.
func TestQ4KByHand(t *testing.T) {
	raw, err := hex.DecodeString("003c0038" + "018203040807c60545352718")
	require.NoError(t, err)
	for k := range 128 {
		raw = append(raw, byte(7*k+3))
	}
	y := decode(t, Q4_K, raw)
	sum := 0.0
	for _, v := range y {
		sum += float64(v)
	}
	require.Equal(t, 14016., sum)
	for i, want := range map[int]float32{0: -1, 31: 8, 32: -3.5, 64: 6, 160: 442.5, 191: 331.5, 192: -4, 255: 55.5} {
		require.Equal(t, want, y[i], "value %d", i)
	}
}

// TestBlocksByHand: (i-16)/8 and (i mod 16 - 8)/4, computed by GGML.
func TestBlocksByHand(t *testing.T) {
	x, y := make([]float32, 32), make([]float32, 32)
	for i := range x {
		x[i], y[i] = float32(i-16)/8, float32(i%16-8)/4
	}
	require.Equal(t, "0034809191a2a2b3b3c4c4d5d5e6e6f7f7f8", hex.EncodeToString(encode(t, Q4_0, x)))
	require.Equal(t, "082481899199a1a9b1b9c0c8d0d8e0e8f0f8000810182028303840474f575f676f77", hex.EncodeToString(encode(t, Q8_0, x)))
	require.Equal(t, "003400112233445566778899aabbccddeeff", hex.EncodeToString(encode(t, Q4_0, y)))
	require.Equal(t, "7eeeddddccccbbaa990011223344445555", hex.EncodeToString(encode(t, MXFP4, y)))
}

func gaussian(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func relative(x, y []float32) float64 {
	var e, s float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		e, s = e+d*d, s+float64(x[i])*float64(x[i])
	}
	return math.Sqrt(e / s)
}

// TestSearchPays: on Gaussian values the search for scales is better than the scales of
// the range are, by what GGML's is.
func TestSearchPays(t *testing.T) {
	x := gaussian(1, 1<<16)
	require.Less(t, relative(x, decode(t, Q4_K, encode(t, Q4_K, x))), 0.0725)
	require.Less(t, relative(x, decode(t, Q4_0, encode(t, Q4_0, x))), 0.09)
	require.Less(t, relative(x, decode(t, Q6_K, encode(t, Q6_K, x))), 0.0178)
	plain, best := 0.0, 0.0
	for i := 0; i < len(x); i += 32 {
		part := x[i : i+32]
		low, high := slices.Min(part), slices.Max(part)
		scale, offset := fitAffine(part)
		for _, v := range part {
			l := math.Round(float64((v - low) / (high - low) * 15))
			plain += math.Pow(float64(v-low)-l*float64(high-low)/15, 2)
			l = min(max(math.Round((float64(v)-offset)/scale), 0), 15)
			best += math.Pow(float64(v)-offset-l*scale, 2)
		}
	}
	require.Less(t, best, 0.85*plain)
}

// TestKQuantsOfAnySize: the error is bounded by the largest value of the block, whatever
// its sign and the spread of its parts.
func TestKQuantsOfAnySize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := make([]float32, 256)
		top := 0.0
		shift := float32(rapid.SampledFrom([]float64{0, -3, 3}).Draw(t, "shift"))
		for part := range 8 {
			size := float32(math.Exp2(rapid.Float64Range(-12, 4).Draw(t, "size")))
			for i, v := range gaussian(rapid.Uint64().Draw(t, "seed"), 32) {
				x[32*part+i] = size * (v + shift)
				top = max(top, math.Abs(float64(x[32*part+i])))
			}
		}
		for kind, bound := range map[Type]float64{Q4_K: 0.12, Q6_K: 0.035, Q8_K: 0.005} {
			for i, v := range decode(t, kind, encode(t, kind, x)) {
				require.InDelta(t, x[i], v, bound*top, "%s value %d", kind, i)
			}
		}
	})
	for _, kind := range []Type{Q4_K, Q6_K, Q8_K} {
		require.Equal(t, make([]float32, 256), decode(t, kind, encode(t, kind, make([]float32, 256))), "%s of zeros", kind)
	}
	same := make([]float32, 256)
	for i := range same {
		same[i] = 0.5
	}
	for _, v := range decode(t, Q4_K, encode(t, Q4_K, same)) {
		require.InDelta(t, 0.5, v, 0.5/60)
	}
}

// TestOperands: what activations are rounded to, and the sums that the blocks carry.
func TestOperands(t *testing.T) {
	require.Equal(t, Q8_K, TQ2_0.Operand())
	require.Equal(t, Q8_1, Q4_1.Operand())
	require.Equal(t, F16, F16.Operand())
	for _, kind := range types {
		require.Equal(t, kind.Operand(), kind.Operand().Operand(), "%s", kind)
		require.Zero(t, kind.Block()%kind.Operand().Block(), "%s: a row fits its operand", kind)
	}
	x := gaussian(3, 256)
	x[7] = -9
	raw := encode(t, Q8_K, x)
	d := math.Float32frombits(binary.LittleEndian.Uint32(raw))
	require.InDelta(t, 9./127, d, 1e-8)
	require.Equal(t, int8(-127), int8(raw[4+7]))
	for part := range 16 {
		sum := 0
		for _, c := range raw[4+16*part : 4+16*(part+1)] {
			sum += int(int8(c))
		}
		require.Equal(t, sum, int(int16(binary.LittleEndian.Uint16(raw[260+2*part:]))))
	}
	raw = encode(t, Q8_1, x[:32])
	sum := float32(0)
	for _, v := range decode(t, Q8_1, raw) {
		sum += v
	}
	require.InDelta(t, sum, getScale(raw[2:]), 0.01)
	require.Equal(t, decode(t, Q8_0, encode(t, Q8_0, x)), decode(t, Q8_1, encode(t, Q8_1, x)))
}

func TestRound(t *testing.T) {
	for _, kind := range types {
		x := gaussian(9, 3*256)
		want := decode(t, kind, encode(t, kind, x))
		require.NoError(t, kind.Round(x))
		require.Equal(t, want, x, "%s", kind)
	}
	require.Error(t, Q8_0.Round(make([]float32, 31)))
	x := make([]float32, 32)
	x[31] = float32(math.NaN())
	require.ErrorContains(t, Q8_0.Round(x), "NaN")
	require.Error(t, Type(99).Round(x))
}
