package mx_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/golden"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
)

// Mutation: taking 3 for the exponent of E2M1's largest value, or dividing by 6
// before the tensor's scale is multiplied, fails here.

func TestGoldenMxfp(t *testing.T) {
	golden.Load(t, "mxfp", "../testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		require.Equal(t, "exact", c.Tol("codes").Kind)
		switch kind, _, _ := strings.Cut(c.Name, "_"); kind {
		case "mxfp4", "mxfp8":
			goldenMX(t, c)
		case "nvfp4":
			goldenNVFP4(t, c)
		default:
			t.Fatalf("case %s is not understood", c.Name)
		}
	})
}

func goldenMX(t *testing.T, c *golden.Case) {
	c.Known("block", "emax", "max", "modes", "rceil", "code")
	require.Equal(t, float64(mx.Block), c.Number("block", 0))
	elem := map[float64]minifloat.Format{6: minifloat.E2M1, 448: minifloat.E4M3, 57344: minifloat.E5M2}[c.Number("max", 0)]
	require.Equal(t, c.Number("max", 0), float64(elem.Max()))
	require.Equal(t, c.Number("emax", 0), float64(elem.EMax()))
	x := c.F32("x")
	understood := []string{"x"}
	for _, mode := range c.Hyper["modes"].([]any) {
		rule, err := mx.ParseRule(mode.(string))
		require.NoError(t, err)
		f := mx.Format{Elem: elem, Scale: rule, Layout: mx.Bytes}
		codes, scales := make([]uint8, len(x)), make([]uint8, len(x)/mx.Block)
		require.NoError(t, f.Encode(codes, scales, x))
		suffix := "_" + mode.(string)
		requireBytes(t, c, "scale"+suffix, scales)
		requireBytes(t, c, "codes"+suffix, codes)

		values := make([]float32, len(x))
		require.NoError(t, f.Decode(values, codes, scales))
		isNaN := make([]float64, len(x))
		for i, v := range values {
			switch { // the arrays are finite: 0 stands for NaN and 3e38 for infinity
			case v != v:
				values[i], isNaN[i] = 0, 1
			case math.IsInf(float64(v), 0):
				values[i] = float32(math.Copysign(3e38, float64(v)))
			}
		}
		require.Equal(t, c.F64("nan"+suffix), isNaN, mode)
		require.Equal(t, bits(c.F32("dequant"+suffix)), bits(values), mode)
		if c.Has("packed" + suffix) {
			f.Layout = mx.PairNibble
			packed := make([]uint8, f.CodeBytes(len(x)))
			require.NoError(t, f.Encode(packed, scales, x))
			requireBytes(t, c, "packed"+suffix, packed)
		}
		understood = append(understood, "scale"+suffix, "codes"+suffix, "dequant"+suffix, "nan"+suffix, "packed"+suffix)
	}
	requireRoles(t, c, understood)
}

func goldenNVFP4(t *testing.T, c *golden.Case) {
	c.Known("block", "per_tensor_scale", "per_tensor_scale_single")
	require.Equal(t, float64(mx.NVBlock), c.Number("block", 0))
	x := c.F32("x")
	amax, err := mx.AbsMax(x)
	require.NoError(t, err)
	f := mx.NVFP4{Layout: mx.Bytes}
	require.Equal(t, c.F32("s_enc"), []float32{f.TensorScale(amax)})
	requireNVFP4(t, c, f, x, f.TensorScale(amax), "", "")

	f.Form = mx.Inference // torchao's results, with and without the tensor's scale
	if p := float32(c.Number("per_tensor_scale", 0)); p != 0 {
		require.Equal(t, p, f.TensorScale(amax))
		requireNVFP4(t, c, f, x, p, "torchao_", "")
		requireNVFP4(t, c, f, x, float32(c.Number("per_tensor_scale_single", 0)), "torchao_", "_single")
	}
	requireRoles(t, c, []string{"x", "s_enc", "scale", "codes", "dequant"})
}

func requireNVFP4(t *testing.T, c *golden.Case, f mx.NVFP4, x []float32, tensor float32, prefix, suffix string) {
	t.Helper()
	codes, scales, values := make([]uint8, len(x)), make([]uint8, f.Scales(len(x))), make([]float32, len(x))
	require.NoError(t, f.Encode(codes, scales, x, tensor))
	requireBytes(t, c, prefix+"scale"+suffix, scales)
	requireBytes(t, c, prefix+"codes"+suffix, codes)
	require.NoError(t, f.Decode(values, codes, scales, tensor))
	require.Equal(t, bits(c.F32(prefix+"dequant"+suffix)), bits(values))
}

func bits(v []float32) []uint32 {
	out := make([]uint32, len(v))
	for i, x := range v {
		out[i] = math.Float32bits(x)
	}
	return out
}

func requireBytes(t *testing.T, c *golden.Case, role string, got []uint8) {
	t.Helper()
	var want []uint8
	for _, w := range c.I32(role) {
		want = append(want, uint8(w))
	}
	require.Equal(t, want, got, role)
}

// requireRoles fails on results that the test does not compare. Those of torchao
// are for information where they differ.
func requireRoles(t *testing.T, c *golden.Case, understood []string) {
	t.Helper()
	for role := range c.Tensors {
		require.True(t, strings.HasPrefix(role, "torchao_") || slices.Contains(understood, role), "tensor %s is not understood", role)
	}
}
