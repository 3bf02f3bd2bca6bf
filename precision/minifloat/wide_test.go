package minifloat_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/internal/ref"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Mutation: 65519 as the bound of F16's infinity, or a rounding bit taken from
// bit 14 for BF16, fails TestWideAroundMidpoints.

var wideGrids = map[minifloat.Wide]ref.Grid{minifloat.F16: ref.F16, minifloat.BF16: ref.BF16}

// requireWide compares the codes of x with the search of the grid.
func requireWide(t require.TestingT, w minifloat.Wide, x []float32) {
	g, codes := wideGrids[w], make([]uint16, len(x))
	for _, o := range []minifloat.Overflow{minifloat.Saturate, minifloat.Propagate} {
		require.NoError(t, w.EncodeSlice(codes, x, o))
		for i, v := range x {
			want := g.Nearest(float64(v), ref.TieEven, o == minifloat.Saturate)
			if v != v {
				back := w.Decode(codes[i])
				require.True(t, back != back && math.Signbit(float64(back)) == math.Signbit(float64(v)))
			} else if int(codes[i]) != want {
				require.Equal(t, want, int(codes[i]), "%s of %v (%#x)", w, v, math.Float32bits(v))
			}
		}
	}
	for i, v := range x {
		if v == v && w.Encode(v) != codes[i] {
			require.Equal(t, codes[i], w.Encode(v))
		}
	}
}

func TestWideCodesAreTheGrid(t *testing.T) {
	for w, g := range wideGrids {
		require.Equal(t, g.Max(), float64(w.Max()))
		codes, values := make([]uint16, 1<<16), make([]float32, 1<<16)
		for i := range codes {
			codes[i] = uint16(i)
		}
		require.NoError(t, w.DecodeSlice(values, codes))
		for i, v := range values {
			want := g.Value(i)
			if math.IsNaN(want) {
				back := w.Decode(w.Encode(v))
				if v == v || back == back {
					t.Fatalf("%s %#x: %v and %v are not NaN", w, i, v, back)
				}
				continue
			}
			if math.Float64bits(want) != math.Float64bits(float64(v)) || w.Encode(v) != uint16(i) {
				require.Equal(t, want, float64(v), "%s %#x", w, i)
				require.Equal(t, uint16(i), w.Encode(v), "%s", w)
			}
		}
	}
}

func TestWideAroundMidpoints(t *testing.T) {
	for w, g := range wideGrids {
		requireWide(t, w, ladder(g))
	}
	rapid.Check(t, func(t *rapid.T) {
		x := math.Float32frombits(rapid.Uint32().Draw(t, "bits"))
		requireWide(t, rapid.SampledFrom([]minifloat.Wide{minifloat.F16, minifloat.BF16}).Draw(t, "format"), []float32{x})
	})
}

// TestWideStochastic: no random bits round down, all of them up where anything is
// dropped, and the rest is by the dropped part.
func TestWideStochastic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for w, g := range wideGrids {
			x := rapid.Float32Range(-w.Max(), w.Max()).Draw(t, "x")
			if rapid.Bool().Draw(t, "small") {
				x *= 0x1p-140
			}
			below, above := g.Neighbours(math.Abs(float64(x)))
			require.Equal(t, below, math.Abs(float64(w.Decode(w.CodeBits(x, 0)))))
			random := rapid.Uint32().Draw(t, "random")
			mask := uint32(1)<<w.UniformBits() - 1
			got := math.Abs(float64(w.Decode(w.CodeBits(x, random))))
			require.Equal(t, got, math.Abs(float64(w.Decode(w.CodeBits(x, random&mask)))))
			p := 0.0
			if above > below {
				p = (math.Abs(float64(x)) - below) / (above - below)
			}
			u := float64(random&mask) / float64(mask+1)
			if math.Abs(u+p-1) > 2/float64(mask+1) { // a subnormal's sum is rounded
				require.Equal(t, u+p >= 1, got == above && above > below, "%s of %v with %#x", w, x, random)
			}
		}
	})
	codes := make([]uint16, 3)
	x := []float32{math.MaxFloat32, float32(math.Inf(-1)), float32(math.NaN())}
	for _, w := range []minifloat.Wide{minifloat.F16, minifloat.BF16} {
		random := []uint32{math.MaxUint32, math.MaxUint32, math.MaxUint32}
		require.NoError(t, w.EncodeBits(codes, x, random, minifloat.Propagate))
		require.Equal(t, []float32{float32(math.Inf(1)), float32(math.Inf(-1))}, []float32{w.Decode(codes[0]), w.Decode(codes[1])})
		require.NoError(t, w.EncodeBits(codes, x, random, minifloat.Saturate))
		require.Equal(t, []float32{w.Max(), -w.Max()}, []float32{w.Decode(codes[0]), w.Decode(codes[1])})
		require.True(t, w.Decode(codes[2]) != w.Decode(codes[2]))
	}
}

func TestE8M0(t *testing.T) {
	for code := range 255 {
		v := minifloat.DecodeE8M0(uint8(code))
		require.Equal(t, math.Ldexp(1, code-127), float64(v))
		for _, r := range []minifloat.ScaleRounding{minifloat.ScaleNearest, minifloat.ScaleUp, minifloat.ScaleDown} {
			require.Equal(t, uint8(code), minifloat.EncodeE8M0(v, r, minifloat.Propagate))
		}
		if code == 254 {
			continue
		}
		half := 1.5 * v
		require.Equal(t, uint8(code+1), minifloat.EncodeE8M0(half, minifloat.ScaleNearest, minifloat.Saturate))
		require.Equal(t, uint8(code), minifloat.EncodeE8M0(math.Nextafter32(half, 0), minifloat.ScaleNearest, minifloat.Saturate))
		require.Equal(t, uint8(code+1), minifloat.EncodeE8M0(math.Nextafter32(v, half), minifloat.ScaleUp, minifloat.Saturate))
		require.Equal(t, uint8(code), minifloat.EncodeE8M0(math.Nextafter32(2*v, 0), minifloat.ScaleDown, minifloat.Saturate))
	}
	inf := float32(math.Inf(1))
	for x, want := range map[float32][2]uint8{0: {0, 255}, inf: {254, 255}, math.MaxFloat32: {254, 255}, -1: {255, 255}, -inf: {255, 255}, 0x1p-149: {0, 0}} {
		got := [2]uint8{minifloat.EncodeE8M0(x, minifloat.ScaleUp, minifloat.Saturate), minifloat.EncodeE8M0(x, minifloat.ScaleUp, minifloat.Propagate)}
		require.Equal(t, want, got, "%v", x)
	}
	require.Equal(t, uint8(255), minifloat.EncodeE8M0(float32(math.NaN()), minifloat.ScaleUp, minifloat.Saturate))
}

func FuzzDecodeWide(f *testing.F) {
	f.Add(uint16(0x7C01), uint32(0x7FFF))
	f.Fuzz(func(t *testing.T, code uint16, random uint32) {
		for w := range wideGrids {
			v := w.Decode(code)
			if v == v {
				require.Equal(t, code, w.CodeBits(v, random), "grid values never move")
			}
		}
	})
}

func BenchmarkWide(b *testing.B) {
	x, codes := benchValues(), make([]uint16, 1<<16)
	for _, w := range []minifloat.Wide{minifloat.BF16, minifloat.F16} {
		for name, f := range map[string]func(){
			"encode":     func() { _ = w.EncodeSlice(codes, x, minifloat.Saturate) },
			"stochastic": func() { _ = w.EncodeKeyed(codes, x, 1, 0, minifloat.Saturate) },
			"decode":     func() { _ = w.DecodeSlice(x, codes) },
		} {
			b.Run(w.String()+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(4 * len(x)))
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
	}
}
