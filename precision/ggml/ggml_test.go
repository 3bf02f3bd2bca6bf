package ggml

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
)

// Mutation: a stride of 16 in the first 32 bytes of TQ1_0, or a shift by 2 bits
// less in TQ2_0, fails TestTernaryOracles; ties to even fail TestCodesAreTheSearch.

var types = Types()

func encode(t require.TestingT, kind Type, x []float32) []byte {
	dst := make([]byte, kind.Bytes(len(x)))
	require.NoError(t, kind.Encode(dst, x))
	return dst
}

func decode(t require.TestingT, kind Type, src []byte) []float32 {
	x := make([]float32, len(src)/kind.Bytes(kind.Block())*kind.Block())
	require.NoError(t, kind.Decode(x, src))
	return x
}

// TestTernaryOracles: bytes computed by hand from the layouts.
func TestTernaryOracles(t *testing.T) {
	x := make([]float32, 256)
	for i := range x {
		x[i] = float32(i%3 - 1)
	}
	one := "003c" // binary16
	tq1 := hex.EncodeToString(encode(t, TQ1_0, x))
	require.Equal(t, "456ccf", tq1[:6])
	require.Equal(t, "94bb31", tq1[64:70])
	require.Equal(t, "3092bb30"+one, tq1[96:])
	tq2 := hex.EncodeToString(encode(t, TQ2_0, x))
	require.Equal(t, "186186", tq2[:6])
	require.Equal(t, "861861", tq2[64:70])
	require.Equal(t, one, tq2[128:])
	short := make([]float32, 64)
	copy(short, []float32{-1, 0, 1, -1, 0, 1, -1, 0})
	require.Equal(t, one+"2449"+"55", hex.EncodeToString(encode(t, Q2_0, short))[:10])

	zeros := make([]float32, 256)
	require.Equal(t, append(append(bytes.Repeat([]byte{0x80}, 48), 0x7F, 0x7F, 0x7F, 0x7F), 0, 0), encode(t, TQ1_0, zeros))
	require.Equal(t, append(bytes.Repeat([]byte{0x55}, 64), 0, 0), encode(t, TQ2_0, zeros))
	for i := range x { // +1 everywhere
		x[i] = 1
	}
	tq1 = hex.EncodeToString(encode(t, TQ1_0, x))
	require.Equal(t, "ff"+"fd"+one, tq1[94:96]+tq1[102:])
}

// TestTernaryIsLossless: blocks of -d, 0 and d survive; each of the 243 numbers of
// five trits has a byte of its own.
func TestTernaryIsLossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := minifloat.F16.Decode(uint16(rapid.IntRange(0x400, 0x7BFF).Draw(t, "scale")))
		x := make([]float32, 256)
		for i, v := range rapid.SliceOfN(rapid.IntRange(-1, 1), 256, 256).Draw(t, "trits") {
			x[i] = d * float32(v)
		}
		for _, kind := range []Type{TQ1_0, TQ2_0, Q2_0} {
			require.Equal(t, x, decode(t, kind, encode(t, kind, x)), "%s", kind)
		}
	})
	seen := map[byte]bool{}
	x := make([]float32, 256)
	x[255] = 1 // the scale
	for v := range 243 {
		for n, power := 0, 81; n < 5; n, power = n+1, power/3 {
			x[32*n] = float32(v/power%3 - 1)
		}
		raw := encode(t, TQ1_0, x)
		require.Equal(t, x, decode(t, TQ1_0, raw))
		seen[raw[0]] = true
	}
	require.Len(t, seen, 243)
}

// TestErrorIsBounded: half a step of the scale as stored, and the rounding of the
// scale to binary16, relative 2⁻¹¹ each way.
func TestErrorIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-1000, 1000), 32, 32).Draw(t, "x")
		x[0] = 1000
		for i, v := range decode(t, Q8_0, encode(t, Q8_0, x)) {
			require.InDelta(t, x[i], v, 1000./127*0.501+1000*0x1p-11)
		}
	})
}

// TestMXFP4RepacksWithoutRounding: a file of the other layout has the same values.
func TestMXFP4RepacksWithoutRounding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-100, 100), 32, 32).Draw(t, "x")
		codes, scales := make([]uint8, 16), make([]uint8, 1)
		require.NoError(t, mx.MXFP4.Encode(codes, scales, x))
		want := make([]float32, 32)
		require.NoError(t, mx.MXFP4.Decode(want, codes, scales))
		block := append(scales, make([]uint8, 16)...)
		require.NoError(t, mx.Repack(block[1:], mx.SplitHalf, codes, mx.PairNibble, mx.Block))
		for i, v := range decode(t, MXFP4, block) {
			require.Equal(t, want[i]+0, v)
		}
	})
	x := make([]float32, 32)
	x[0], x[1], x[2] = 4, -0.75, 0.75 // midpoints go to the smaller magnitude
	require.Equal(t, []float32{4, -0.5, 0.5}, decode(t, MXFP4, encode(t, MXFP4, x))[:3])
	x[0] = math.Nextafter32(8, 0) // a float logarithm takes it for 8
	require.Equal(t, byte(128), encode(t, MXFP4, x)[0])
}

// TestCodesAreTheSearch: within two ulp of every midpoint and value under every
// scale, and where the search no longer tells distances apart.
func TestCodesAreTheSearch(t *testing.T) {
	scales := []float32{0x1p-127, 0x1.8p-120, 1, 0x1p100, 0x1p125, 0x1p126}
	for code := range 127 {
		scales = append(scales, decodeUE4M3(byte(code)))
	}
	near := []float32{0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 15.9, 100, 0x1p30}
	for _, scale := range scales {
		for _, middle := range near {
			for ulp := -2; ulp <= 2; ulp++ {
				v := math.Float32frombits(uint32(max(int64(math.Float32bits(middle*scale))+int64(ulp), 0)))
				if v-v != 0 {
					continue
				}
				x, dst := []float32{v, -v, v / 3, -v / 7}, make([]byte, 2)
				require.NoError(t, putCodes(dst, x, v, scale))
				for i, w := range x {
					require.Equal(t, nearestE2M1(w, scale), dst[i%2]>>(i/2*4)&15, "%v under %v", w, scale)
				}
			}
		}
	}
}

// TestLargestExponent: GGML halves the scale, so that 2¹²⁸ does not overflow.
func TestLargestExponent(t *testing.T) {
	x := decode(t, MXFP4, append([]byte{255, 0x10, 0x98}, make([]byte, 14)...))
	require.Equal(t, []float32{0, 0}, x[:2])
	require.Equal(t, []float32{0x1p127, -0x1p127}, x[16:18])
}

func TestErrors(t *testing.T) {
	for _, kind := range types {
		n := kind.Block()
		x, raw := make([]float32, 2*n), make([]byte, kind.Bytes(2*n))
		if n > 1 {
			require.Error(t, kind.Encode(raw, x[1:]))
		}
		require.Error(t, kind.Encode(raw[1:], x))
		require.Error(t, kind.Decode(x, raw[:len(raw)/2]))
		require.Error(t, kind.Decode(x[:n], raw))
		parsed, err := Parse(kind.String())
		require.NoError(t, err)
		require.Equal(t, kind, parsed)
		if n == 1 {
			continue // keeps what is not finite
		}
		x[n+3] = float32(math.NaN())
		require.ErrorContains(t, kind.Encode(raw, x), kind.String()+" block 1: value 3 is NaN")
		if kind != MXFP4 && kind != NVFP4 && kind != Q8_K {
			x[n+3] = 1e30
			require.ErrorContains(t, kind.Encode(raw, x), "binary16")
			x[n+3] = -1e30
			require.ErrorContains(t, kind.Encode(raw, x), "binary16")
		}
	}
	for _, unknown := range []Type{4, 36, 43, math.MaxUint32} {
		require.ErrorContains(t, unknown.Decode(nil, nil), fmt.Sprintf("type %d is not one of F32, F16,", uint32(unknown)))
		require.Zero(t, unknown.Block()+unknown.Bytes(32))
	}
	for _, name := range []string{"Q1_58", ""} {
		_, err := Parse(name)
		require.ErrorContains(t, err, "TQ1_0")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	x, raw := make([]float32, 512), make([]byte, 4*512)
	for _, kind := range types {
		raw := raw[:kind.Bytes(len(x))]
		require.Zero(t, testing.AllocsPerRun(10, func() {
			_ = kind.Encode(raw, x)
			_ = kind.Decode(x, raw)
		}), "%s", kind)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint32(Q8_0), make([]byte, 34))
	f.Add(uint32(TQ1_0), bytes.Repeat([]byte{0xFF}, 54))
	f.Add(uint32(NVFP4), bytes.Repeat([]byte{0x7E}, 36))
	f.Fuzz(func(t *testing.T, kind uint32, raw []byte) {
		k := Type(kind % 64)
		size := k.Bytes(k.Block())
		if size == 0 || len(raw)%size != 0 {
			require.Error(t, k.Decode(make([]float32, k.Block()), raw))
			return
		}
		decode(t, k, raw)
	})
}

func BenchmarkGGML(b *testing.B) {
	x := make([]float32, 1<<14)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	for _, kind := range types {
		raw := encode(b, kind, x)
		b.Run(kind.String()+"/encode", func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			b.ReportAllocs()
			for b.Loop() {
				_ = kind.Encode(raw, x)
			}
		})
		b.Run(kind.String()+"/decode", func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			b.ReportAllocs()
			for b.Loop() {
				_ = kind.Decode(x, raw)
			}
		})
	}
}

// TestTernaryThreshold: codes are round(x·(1/a)) with ties away from zero, also within
// two ulp of the half.
func TestTernaryThreshold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := math.Float32frombits(rapid.Uint32Range(1, math.Float32bits(65000)).Draw(t, "a"))
		x := make([]float32, 256)
		for i := range x {
			half := math.Float32bits(a/2) + uint32(rapid.IntRange(0, 4).Draw(t, "ulp"))
			x[i] = math.Float32frombits(max(half, 2) - 2)
			if rapid.Bool().Draw(t, "negative") {
				x[i] = -x[i]
			}
		}
		x[17] = a
		reciprocal := 1 / a
		if reciprocal > math.MaxFloat32 {
			reciprocal = 0
		}
		raw := encode(t, TQ2_0, x)
		for i, v := range x {
			want := uint8(math.Round(float64(v*reciprocal)) + 1)
			require.Equal(t, want, raw[i/128*32+i%32]>>(i/32%4*2)&3, "value %d, %v of %v", i, v, a)
		}
		want := decode(t, TQ2_0, raw)
		require.Equal(t, want, decode(t, TQ1_0, encode(t, TQ1_0, x)))
		require.Equal(t, want[:64], decode(t, Q2_0, encode(t, Q2_0, x[:64])), "the part with the largest")
	})
}
