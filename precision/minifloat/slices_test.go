package minifloat_test

import (
	"flag"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Conversions of slices against those of single values, which the other tests
// compare with the grids: slices are converted many values at a time where the
// build and the processor can.
//
// Mutation: in package lanes, a limit one smaller fails TestEncodeStride, as does
// leaving NaN out of the comparison; swapped quarters fail
// TestSlicesAreTheirValues, and halves TestWideSlicesAreTheirValues.

var stride = flag.Uint64("stride", 4099, "step between the float32 that TestEncodeStride encodes; 1 for all of them")

// allModes are modes with every policy for NaN that is no error in the format.
func allModes(f minifloat.Format) (all []minifloat.Mode) {
	for _, m := range modes() {
		m.NaN = minifloat.NaNZero
		all = append(all, m)
		if f != minifloat.E2M1 {
			m.NaN = minifloat.NaNKeep
			all = append(all, m)
		}
	}
	return all
}

func TestEncodeStride(t *testing.T) {
	const chunk = 1 << 13
	x, codes := make([]float32, chunk), make([]uint8, chunk)
	for _, f := range formats {
		for _, m := range allModes(f) {
			if m.Round != minifloat.NearestEven {
				continue // the others have one path
			}
			e, bits := encoder(t, f, m), uint64(0)
			for bits < 1<<32 {
				n := 0
				for ; n < chunk && bits < 1<<32; n++ {
					x[n] = math.Float32frombits(uint32(bits))
					bits += *stride
				}
				require.NoError(t, e.Encode(codes[:n], x[:n]))
				for i, v := range x[:n] {
					if codes[i] != e.Code(v) {
						require.Equal(t, e.Code(v), codes[i], "%s of %#x, %+v", f, math.Float32bits(v), m)
					}
				}
			}
		}
	}
}

// TestEncodeLadder: what lies at and next to a value, a midpoint or the end of a
// range, in every lane.
func TestEncodeLadder(t *testing.T) {
	for _, f := range formats {
		values := ladder(grids[f])
		for _, bits := range []uint32{0x7F800001, 0x7FFFFFFF, 0x7FC00000, 1, 0x7FFFFF} {
			values = append(values, math.Float32frombits(bits), math.Float32frombits(bits|1<<31))
		}
		for _, m := range allModes(f) {
			e := encoder(t, f, m)
			for shift := range 32 {
				x := append(make([]float32, shift), values...)
				codes := make([]uint8, len(x))
				require.NoError(t, e.Encode(codes, x))
				for i, v := range x {
					if codes[i] != e.Code(v) {
						require.Equal(t, e.Code(v), codes[i], "%s of %#x, %+v", f, math.Float32bits(v), m)
					}
				}
			}
		}
	}
}

// drawBits draws float32 of which many are near something.
func drawBits(t *rapid.T, f minifloat.Format, n int) []float32 {
	near := rapid.SampledFrom(ladder(grids[f]))
	value := rapid.OneOf(near, near, rapid.Map(rapid.Uint32(), math.Float32frombits))
	return rapid.SliceOfN(value, n, n).Draw(t, "x")
}

// TestWideSlicesAreTheirValues: bfloat16 as the others, with both policies.
func TestWideSlicesAreTheirValues(t *testing.T) {
	value := rapid.OneOf(rapid.Map(rapid.Uint32(), math.Float32frombits), rapid.Map(rapid.Uint32(), func(bits uint32) float32 {
		return math.Float32frombits(bits&^0x7FFF | 0x8000) // a midpoint, an infinity or NaN
	}), rapid.SampledFrom([]float32{0, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(-1)), math.Float32frombits(0x7F800001), -0x1p-149}))
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom([]minifloat.Wide{minifloat.BF16, minifloat.F16}).Draw(t, "format")
		n, from := rapid.IntRange(0, 70).Draw(t, "n"), rapid.IntRange(0, 9).Draw(t, "from")
		o := rapid.SampledFrom([]minifloat.Overflow{minifloat.Saturate, minifloat.Propagate}).Draw(t, "overflow")
		x := rapid.SliceOfN(value, from+n, from+n).Draw(t, "x")[from:]
		codes, back := make([]uint16, from+n+9), make([]float32, from+n+9)
		codes[from+n], back[from+n] = 7, 7
		require.NoError(t, w.EncodeSlice(codes[from:from+n], x, o))
		require.NoError(t, w.DecodeSlice(back[from:from+n], codes[from:from+n]))
		for i, v := range x {
			want, got := w.Encode(v), codes[from+i]
			if w.Decode(want) == float32(math.Inf(1)) && o == minifloat.Saturate {
				want = w.Encode(w.Max())
			} else if w.Decode(want) == float32(math.Inf(-1)) && o == minifloat.Saturate {
				want = w.Encode(-w.Max())
			}
			require.Equal(t, want, got, "%s of %#x", w, math.Float32bits(v))
			require.Equal(t, math.Float32bits(w.Decode(got)), math.Float32bits(back[from+i]))
		}
		require.Equal(t, uint16(7), codes[from+n])
		require.Equal(t, float32(7), back[from+n])
	})
}

// drawFactors draws one factor for each part of n values.
func drawFactors(t *rapid.T, n int) []float32 {
	factor := rapid.OneOf(
		rapid.SampledFrom([]float32{1, 0.5, 0x1p127, 0x1p-127, 0, float32(math.Inf(1)), float32(math.NaN()), -3}),
		rapid.Float32(),
	)
	parts := (n + minifloat.Part - 1) / minifloat.Part
	return rapid.SliceOfN(factor, parts, parts).Draw(t, "factors")
}

// TestSlicesAreTheirValues: any length, at any place, and nothing beside it is
// written.
func TestSlicesAreTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		m := rapid.SampledFrom(allModes(f)).Draw(t, "mode")
		n, from := rapid.IntRange(0, 150).Draw(t, "n"), rapid.IntRange(0, 9).Draw(t, "from")
		e, factors := encoder(t, f, m), drawFactors(t, n)
		all := drawBits(t, f, from+n+9)
		x, codes := all[from:from+n], make([]uint8, from+n+9)
		for i := range codes {
			codes[i] = 0xAA
		}
		require.NoError(t, e.EncodeParts(codes[from:from+n], x, factors))
		for i, c := range codes {
			want := uint8(0xAA)
			if i >= from && i < from+n {
				want = e.Code(all[i] * factors[(i-from)/minifloat.Part])
			}
			require.Equal(t, want, c, "%s, value %d (%#x), factors %v, %+v", f, i-from, math.Float32bits(all[i]), factors, m)
		}
	})
}

// TestNaNIsFoundAnywhere: in the lanes and behind them.
func TestNaNIsFoundAnywhere(t *testing.T) {
	for n := range 100 {
		x, codes := make([]float32, 100), make([]uint8, 100)
		x[n] = float32(math.NaN())
		for _, f := range formats {
			e := encoder(t, f, minifloat.Mode{NaN: minifloat.NaNError})
			require.NoError(t, e.Encode(codes[:n], x[:n]))
			require.ErrorContains(t, e.Encode(codes, x), fmt.Sprintf("value %d is NaN", n))
			require.ErrorContains(t, e.EncodeParts(codes, x, make([]float32, 7)), "is NaN")
		}
	}
}

// sameFloat is equality of bits, or both are NaN.
func sameFloat(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestDecodeSlicesAreTheirValues(t *testing.T) {
	every := make([]uint8, 512+16) // every byte in every lane
	for i := range every {
		every[i] = uint8(i + i/256)
	}
	for _, f := range formats {
		x := make([]float32, len(every))
		require.NoError(t, f.DecodeSlice(x, every))
		for i, v := range x {
			require.Equal(t, math.Float32bits(f.Decode(every[i])), math.Float32bits(v), "%s %#x", f, every[i])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		n, from := rapid.IntRange(0, 150).Draw(t, "n"), rapid.IntRange(0, 9).Draw(t, "from")
		factors, then := drawFactors(t, n), rapid.SampledFrom([]float32{1, 3, 0x1p-100}).Draw(t, "then")
		codes := rapid.SliceOfN(rapid.Byte(), from+n+9, from+n+9).Draw(t, "codes")
		x := make([]float32, from+n+9)
		require.NoError(t, f.DecodeParts(x[from:from+n], codes[from:from+n], factors, then))
		for i, v := range x {
			want := float32(0)
			if i >= from && i < from+n {
				want = f.Decode(codes[i]) * factors[(i-from)/minifloat.Part] * then
			}
			require.True(t, sameFloat(want, v), "%s %#x, factors %v, then %v: %v, want %v", f, codes[i], factors, then, v, want)
		}
	})
}
