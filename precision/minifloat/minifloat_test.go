package minifloat_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/internal/ref"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Mutation: a sticky bit that looks at 18 bits instead of 19 fails
// TestNearestAroundMidpoints; an exponent not bounded below fails it in the
// subnormals.

var formats = []minifloat.Format{minifloat.E2M1, minifloat.E4M3, minifloat.E5M2}

var grids = map[minifloat.Format]ref.Grid{minifloat.E2M1: ref.E2M1, minifloat.E4M3: ref.E4M3, minifloat.E5M2: ref.E5M2}

var ties = map[minifloat.Rounding]ref.Tie{
	minifloat.NearestEven: ref.TieEven, minifloat.NearestAway: ref.TieAway, minifloat.NearestZero: ref.TieZero,
}

func encoder(t require.TestingT, f minifloat.Format, m minifloat.Mode) minifloat.Encoder {
	e, err := minifloat.NewEncoder(f, m)
	require.NoError(t, err)
	return e
}

// requireNearest compares the code of x with the search of the grid.
func requireNearest(t require.TestingT, e minifloat.Encoder, m minifloat.Mode, x float32) {
	got, f := e.Code(x), e.Format()
	want := grids[f].Nearest(float64(x), ties[m.Round], m.Overflow == minifloat.Saturate)
	if grids[f].NaN != 0 && math.IsNaN(grids[f].Value(want)) {
		v := f.Decode(got)
		require.True(t, v != v && math.Signbit(float64(v)) == math.Signbit(float64(x)), "%s of %v: %#x", f, x, got)
		return
	}
	if int(got) != want {
		require.Equal(t, want, int(got), "%s of %v (%#x), %+v", f, x, math.Float32bits(x), m)
	}
}

func modes() (all []minifloat.Mode) {
	for r := range ties {
		for _, o := range []minifloat.Overflow{minifloat.Saturate, minifloat.Propagate} {
			all = append(all, minifloat.Mode{Round: r, Overflow: o})
		}
	}
	return all
}

func TestCodesAreTheGrid(t *testing.T) {
	for _, f := range formats {
		g := grids[f]
		require.Equal(t, g.Max(), float64(f.Max()))
		require.Equal(t, math.Floor(math.Log2(g.Max())), float64(f.EMax()))
		for code := range 1 << f.Bits() {
			v, want := f.Decode(uint8(code)), g.Value(code)
			if math.IsNaN(want) {
				require.True(t, v != v, "%s %#x", f, code)
				continue
			}
			require.Equal(t, math.Float64bits(want), math.Float64bits(float64(v)), "%s %#x", f, code)
			for _, m := range modes() {
				if math.IsInf(want, 0) && m.Overflow == minifloat.Saturate {
					continue
				}
				require.Equal(t, uint8(code), encoder(t, f, m).Code(v), "%s %#x", f, code)
			}
		}
		for code := range 256 { // bits above the format's are ignored
			require.Equal(t, math.Float32bits(f.Decode(uint8(code&(1<<f.Bits()-1)))), math.Float32bits(f.Decode(uint8(code))))
		}
	}
}

// ladder returns every value and midpoint of a grid with the floats around them,
// the edges of the range, and the specials.
func ladder(g ref.Grid) (x []float32) {
	values := append(g.Values[:len(g.Values):len(g.Values)], g.Next, 2*g.Next)
	add := func(v float32) {
		for _, v := range []float32{v, math.Nextafter32(v, -1), math.Nextafter32(v, math.MaxFloat32)} {
			x = append(x, v, -v)
		}
	}
	for i, v := range values {
		add(float32(v))
		if i > 0 {
			add(float32((v + values[i-1]) / 2))
		}
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x = append(x, inf, -inf, nan, float32(math.Copysign(math.NaN(), -1)), math.MaxFloat32, -math.MaxFloat32)
	for e := -149; e < 128; e++ {
		add(float32(math.Ldexp(1, e)))
	}
	return x
}

func TestNearestAroundMidpoints(t *testing.T) {
	for _, f := range formats {
		for _, m := range modes() {
			e := encoder(t, f, m)
			for _, x := range ladder(grids[f]) {
				requireNearest(t, e, m, x)
			}
		}
	}
}

// TestNearestOfRandomBits: all exponents, signs and mantissas.
func TestNearestOfRandomBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		m := rapid.SampledFrom(modes()).Draw(t, "mode")
		e := encoder(t, f, m)
		for _, bits := range rapid.SliceOfN(rapid.Uint32(), 1, 50).Draw(t, "bits") {
			requireNearest(t, e, m, math.Float32frombits(bits))
		}
	})
}

// TestClassesDecide: values of one class of the encoder's table round alike, for
// each of the 2¹⁴ classes.
func TestClassesDecide(t *testing.T) {
	for _, f := range formats {
		m := minifloat.Mode{Overflow: minifloat.Propagate}
		e := encoder(t, f, m)
		for top := range uint32(1 << 13) {
			for _, low := range []uint32{0, 1, 0x40000, 0x7FFFF} {
				requireNearest(t, e, m, math.Float32frombits(top<<19|low))
			}
		}
	}
}

func TestMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		e := encoder(t, f, rapid.SampledFrom(modes()).Draw(t, "mode"))
		limit := 1.2 * f.Max()
		a, b := rapid.Float32Range(-limit, limit).Draw(t, "a"), rapid.Float32Range(-limit, limit).Draw(t, "b")
		if a > b {
			a, b = b, a
		}
		qa, qb := f.Decode(e.Code(a)), f.Decode(e.Code(b))
		require.False(t, qa > qb, "%v ≤ %v, but %v > %v", a, b, qa, qb)                      // NaN beyond the range passes
		require.Equal(t, math.Float32bits(qa)^1<<31, math.Float32bits(f.Decode(e.Code(-a)))) // odd
	})
}

// TestNaNPolicies: each policy does something else.
func TestNaNPolicies(t *testing.T) {
	nan := float32(math.NaN())
	x, dst := []float32{1, nan, -nan}, make([]uint8, 3)
	for _, f := range formats {
		keep := encoder(t, f, minifloat.Mode{}).Encode(dst, x)
		if f == minifloat.E2M1 {
			require.ErrorContains(t, keep, "value 1 is NaN")
		} else {
			require.NoError(t, keep)
			require.True(t, f.Decode(dst[1]) != f.Decode(dst[1]))
		}
		reject := encoder(t, f, minifloat.Mode{NaN: minifloat.NaNError})
		require.ErrorContains(t, reject.Encode(dst, x), "value 1 is NaN")
		require.ErrorContains(t, reject.EncodeUniform(dst, x, make([]float32, 3)), "value 1 is NaN")
		require.ErrorContains(t, reject.EncodeKeyed(dst, x, 1, 0), "value 1 is NaN")
		require.NoError(t, encoder(t, f, minifloat.Mode{NaN: minifloat.NaNZero}).Encode(dst, x))
		require.Equal(t, []float32{1, 0, 0}, []float32{f.Decode(dst[0]), f.Decode(dst[1]), f.Decode(dst[2])})
		require.Zero(t, f.Decode(f.Encode(float32(math.Copysign(0, -1)))))
	}
	_, err := minifloat.NewEncoder(3, minifloat.Mode{})
	require.Error(t, err)
	_, err = minifloat.NewEncoder(minifloat.E4M3, minifloat.Mode{Round: 9})
	require.Error(t, err)
	_, err = minifloat.Parse("e3m4")
	require.ErrorContains(t, err, "want e2m1")
}

func TestLengths(t *testing.T) {
	e := encoder(t, minifloat.E4M3, minifloat.Mode{})
	x := make([]float32, 3)
	require.Error(t, e.Encode(make([]uint8, 2), x))
	require.Error(t, e.EncodeUniform(make([]uint8, 3), x, x[:2]))
	require.Error(t, e.EncodeKeyed(make([]uint8, 4), x, 1, 0))
	require.Error(t, e.EncodeParts(make([]uint8, 2), x, []float32{1}))
	require.Error(t, e.EncodeParts(make([]uint8, 3), x, nil))
	require.Error(t, minifloat.E4M3.DecodeSlice(x, make([]uint8, 2)))
	require.Error(t, minifloat.E4M3.DecodeParts(x, make([]uint8, 2), []float32{1}, 1))
	require.Error(t, minifloat.E4M3.DecodeParts(x, make([]uint8, 3), []float32{1, 1}, 1))
	require.Error(t, minifloat.BF16.EncodeSlice(make([]uint16, 2), x, minifloat.Saturate))
	require.Error(t, minifloat.F16.DecodeSlice(x, make([]uint16, 2)))
	require.Error(t, minifloat.F16.EncodeBits(make([]uint16, 3), x, make([]uint32, 2), minifloat.Saturate))
	require.Error(t, minifloat.F16.EncodeKeyed(make([]uint16, 2), x, 1, 0, minifloat.Saturate))
	require.Error(t, minifloat.EncodeE8M0Slice(make([]uint8, 2), x, minifloat.ScaleUp, minifloat.Saturate))
	require.Error(t, minifloat.DecodeE8M0Slice(x, make([]uint8, 2)))
}

// TestProductsOfCodes: the product of two FP8 values has at most eight
// significant bits and is exact in float32, for all pairs of codes, and rounds
// like the exact product.
func TestProductsOfCodes(t *testing.T) {
	eight := []minifloat.Format{minifloat.E4M3, minifloat.E5M2}
	for _, f := range eight {
		for _, h := range eight {
			e := encoder(t, f, minifloat.Mode{Overflow: minifloat.Propagate})
			for a := range 256 {
				for b := range 256 {
					p := f.Decode(uint8(a)) * h.Decode(uint8(b))
					exact := grids[f].Value(a) * grids[h].Value(b)
					if math.IsNaN(exact) {
						require.True(t, p != p)
						continue
					}
					if float64(p) != exact {
						require.Equal(t, exact, float64(p), "%s %#x · %s %#x", f, a, h, b)
					}
					requireNearest(t, e, minifloat.Mode{Overflow: minifloat.Propagate}, p)
				}
			}
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	x, codes, u := make([]float32, 300), make([]uint8, 300), make([]float32, 300)
	wide := make([]uint16, 300)
	e := encoder(t, minifloat.E4M3, minifloat.Mode{})
	require.Zero(t, testing.AllocsPerRun(10, func() {
		_ = e.Encode(codes, x)
		_ = e.EncodeParts(codes, x, u[:19])
		_ = minifloat.E4M3.DecodeParts(x, codes, u[:19], 1)
		_ = e.EncodeUniform(codes, x, u)
		_ = e.EncodeKeyed(codes, x, 1, 0)
		_ = minifloat.E4M3.DecodeSlice(x, codes)
		_ = minifloat.F16.EncodeSlice(wide, x, minifloat.Saturate)
		_ = minifloat.BF16.EncodeKeyed(wide, x, 1, 0, minifloat.Saturate)
		_ = minifloat.F16.DecodeSlice(x, wide)
	}))
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 1, 0x7C, 0x7E, 0x7F, 0x80, 0xFF})
	f.Fuzz(func(t *testing.T, codes []byte) {
		values, back := make([]float32, len(codes)), make([]uint8, len(codes))
		for _, format := range formats {
			require.NoError(t, format.DecodeSlice(values, codes))
			e := encoder(t, format, minifloat.Mode{Overflow: minifloat.Propagate})
			require.NoError(t, e.Encode(back, values))
			for i, v := range values {
				if v == v {
					require.Equal(t, codes[i]&(1<<format.Bits()-1), back[i], "%s", format)
				}
			}
			factors := values[:len(codes)/2] // of any number, most of them wrong
			if format.DecodeParts(make([]float32, len(codes)), codes, factors, 2) == nil {
				require.Len(t, factors, (len(codes)+minifloat.Part-1)/minifloat.Part)
			}
		}
		require.NoError(t, minifloat.DecodeE8M0Slice(values, codes))
		require.NoError(t, minifloat.EncodeE8M0Slice(back, values, minifloat.ScaleNearest, minifloat.Propagate))
		require.Equal(t, codes, append([]byte{}, back...))
	})
}

func BenchmarkEncode(b *testing.B) {
	x, codes := benchValues(), make([]uint8, 1<<16)
	for _, f := range formats {
		e := encoder(b, f, minifloat.Mode{})
		b.Run(f.String(), func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			b.ReportAllocs()
			for b.Loop() {
				_ = e.Encode(codes, x)
			}
		})
		b.Run(f.String()+"/stochastic", func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			b.ReportAllocs()
			for b.Loop() {
				_ = e.EncodeKeyed(codes, x, 1, 0)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	x, codes := benchValues(), make([]uint8, 1<<16)
	for _, f := range formats {
		_ = encoder(b, f, minifloat.Mode{}).Encode(codes, x)
		b.Run(f.String(), func(b *testing.B) {
			b.SetBytes(int64(4 * len(x))) // of float32 output
			b.ReportAllocs()
			for b.Loop() {
				_ = f.DecodeSlice(x, codes)
			}
		})
	}
}

// benchValues are 2¹⁶ values of all signs and of a few binades.
func benchValues() []float32 {
	x := make([]float32, 1<<16)
	state := uint32(1)
	for i := range x {
		state = state*1664525 + 1013904223
		x[i] = math.Float32frombits(state&0x81FFFFFF | 0x3E000000)
	}
	return x
}
