package minifloat_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/golden"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Mutation: rounding midpoints away from zero makes e4m3_encode fail, and leaving
// the exponent's lower bound out of CodeUniform e2m1_stochastic.

// patterns returns float32 stored as the integers of their bits.
func patterns(c *golden.Case, role string) []float32 {
	var out []float32
	for _, bits := range c.I32(role) {
		out = append(out, math.Float32frombits(uint32(bits)))
	}
	return out
}

func TestGoldenMinifloat(t *testing.T) {
	golden.Load(t, "minifloat", "../testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		name, kind, _ := strings.Cut(c.Name, "_")
		switch {
		case kind == "decode" && name == "e8m0":
			goldenScaleDecode(t, c)
		case kind == "decode":
			goldenDecode(t, c, name)
		case kind == "encode" && name == "e8m0":
			goldenScaleEncode(t, c)
		case kind == "encode" && name == "bf16":
			goldenBF16(t, c)
		case kind == "encode":
			goldenEncode(t, c, name)
		case c.Name == "e2m1_stochastic":
			goldenStochastic(t, c)
		case c.Name == "bf16_stochastic":
			goldenStochasticBF16(t, c)
		default:
			t.Fatalf("case %s is not understood", c.Name)
		}
	})
}

func goldenDecode(t *testing.T, c *golden.Case, name string) {
	c.Known("codes", "max", "bias", "mantissa_bits")
	f, err := minifloat.Parse(name)
	require.NoError(t, err)
	require.Equal(t, c.Number("max", 0), float64(f.Max()))
	require.Equal(t, c.Number("mantissa_bits", 0), float64(f.Mantissa()))
	require.Equal(t, math.Exp2(float64(f.Bits())), c.Number("codes", 0))
	want, isNaN, isInf := patterns(c, "bits"), c.F64("is_nan"), c.F64("is_inf")
	for code, w := range want {
		got := f.Decode(uint8(code))
		if isNaN[code] == 1 {
			require.True(t, got != got, "code %#x", code)
			continue
		}
		require.Equal(t, isInf[code] == 1, math.IsInf(float64(got), 0), "code %#x", code)
		require.Equal(t, math.Float32bits(w), math.Float32bits(got), "code %#x", code)
	}
}

func goldenScaleDecode(t *testing.T, c *golden.Case) {
	c.Known("codes")
	want := patterns(c, "bits")
	require.Len(t, want, 256)
	for code, w := range want {
		got := minifloat.DecodeE8M0(uint8(code))
		require.True(t, w == got || w != w && got != got, "code %#x: %v, want %v", code, got, w)
	}
}

func goldenEncode(t *testing.T, c *golden.Case, name string) {
	c.Known("rounding", "mantissa_bits", "bias", "max", "nan_codes")
	require.Equal(t, "nearest even", c.Text("rounding"))
	require.Equal(t, "exact", c.Tol("codes").Kind)
	f, err := minifloat.Parse(name)
	require.NoError(t, err)
	x, isNaN := patterns(c, "x_bits"), c.F64("is_nan")
	for role, overflow := range map[string]minifloat.Overflow{"codes": minifloat.Propagate, "codes_sat": minifloat.Saturate} {
		e, err := minifloat.NewEncoder(f, minifloat.Mode{Overflow: overflow})
		require.NoError(t, err)
		for i, want := range c.I32(role) {
			got := e.Code(x[i])
			if isNaN[i] == 1 {
				err := e.Encode(make([]uint8, 1), x[i:i+1])
				if f == minifloat.E2M1 { // it has no NaN
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.True(t, f.Decode(got) != f.Decode(got), "%#x is not NaN", got)
				continue
			}
			require.Equal(t, uint8(want), got, "%s of %v (%#x)", role, x[i], math.Float32bits(x[i]))
		}
	}
}

func goldenScaleEncode(t *testing.T, c *golden.Case) {
	c.Known("not_nearest_in_value", "ties", "ties_rounded_up", "code_of_zero", "code_of_minus_one", "code_of_inf", "code_of_f32max")
	x, differ := patterns(c, "x_bits"), 0
	for i, want := range c.I32("codes") {
		got := minifloat.EncodeE8M0(x[i], minifloat.ScaleNearest, minifloat.Propagate)
		if got != uint8(want) {
			differ++
			nearer := func(code uint8) float64 { return math.Abs(float64(x[i]) - float64(minifloat.DecodeE8M0(code))) }
			require.Less(t, nearer(got), nearer(uint8(want)), "%v: %d, theirs is %d", x[i], got, want)
		}
	}
	require.LessOrEqual(t, float64(differ), c.Number("not_nearest_in_value", 0))
	for name, v := range map[string]float32{"zero": 0, "minus_one": -1, "inf": float32(math.Inf(1)), "f32max": math.MaxFloat32} {
		require.Equal(t, c.Number("code_of_"+name, 0), float64(minifloat.EncodeE8M0(v, minifloat.ScaleNearest, minifloat.Propagate)), name)
	}
}

func goldenBF16(t *testing.T, c *golden.Case) {
	c.Known("rounding", "decode")
	x, isNaN := patterns(c, "x_bits"), c.F64("is_nan")
	got := make([]uint16, len(x))
	require.NoError(t, minifloat.BF16.EncodeSlice(got, x, minifloat.Propagate))
	for i, want := range c.I32("codes") {
		if isNaN[i] == 1 {
			v := minifloat.BF16.Decode(got[i])
			require.True(t, v != v, "%#x", math.Float32bits(x[i]))
			continue
		}
		require.Equal(t, uint16(want), got[i], "%#x", math.Float32bits(x[i]))
	}
}

func goldenStochastic(t *testing.T, c *golden.Case) {
	c.Known("rule")
	x, u := c.F32("x"), c.F32("u")
	e, err := minifloat.NewEncoder(minifloat.E2M1, minifloat.Mode{})
	require.NoError(t, err)
	codes, values := make([]uint8, len(x)), make([]float32, len(x))
	require.NoError(t, e.EncodeUniform(codes, x, u))
	require.NoError(t, minifloat.E2M1.DecodeSlice(values, codes))
	c.Check("q", golden.Widen(values))
}

func goldenStochasticBF16(t *testing.T, c *golden.Case) {
	c.Known("rule")
	x := patterns(c, "x_bits")
	random := make([]uint32, len(x))
	for i, r := range c.I32("r16") {
		random[i] = uint32(r)
	}
	got := make([]uint16, len(x))
	require.NoError(t, minifloat.BF16.EncodeBits(got, x, random, minifloat.Propagate))
	for i, want := range c.I32("codes") {
		require.Equal(t, uint16(want), got[i], "%#x + %#x", math.Float32bits(x[i]), random[i])
	}
}
