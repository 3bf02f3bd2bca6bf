package ternary

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/golden"
	"github.com/nanochat-go/nanochat/precision/internal/backendtest"
)

// Mutation: rounding halves away from zero makes the "ties" case fail.

var backend compute.Backend

func TestMain(m *testing.M) { backendtest.Main(m, &backend) }

func codes(v []int8) []float64 {
	out := make([]float64, len(v))
	for i, c := range v {
		out[i] = float64(c)
	}
	return out
}

// graphQuantised returns the codes and scales that the graph functions compute.
func graphQuantised(t require.TestingT, f func(x *Node) (*Node, *Node), flat []float32, shape []int) (codes, scales []float64) {
	exec, err := NewExec(backend, func(x *Node) (*Node, *Node) { return f(x) })
	require.NoError(t, err)
	a, b, err := exec.Call2(tensors.FromFlatDataAndDimensions(flat, shape...))
	require.NoError(t, err)
	return golden.Widen(tensors.MustCopyFlatData[float32](a)), golden.Widen(tensors.MustCopyFlatData[float32](b))
}

func TestGoldenBitnet(t *testing.T) {
	golden.Load(t, "bitnet", "testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("gamma", "w", "s", "x", "packing", "note")
		w, x := c.F32("w"), c.F32("x")
		shape := c.Shape("x")
		features := shape[len(shape)-1]
		tokens := len(x) / features
		xq := make([]int8, len(x))
		scales := make([]float64, tokens)
		for i := range tokens {
			scales[i] = float64(QuantizeActivations(x[i*features:(i+1)*features], xq[i*features:(i+1)*features]))
		}
		c.Check("x_q", codes(xq))
		gx, gscales := graphQuantised(t, QuantActivations, x, []int{tokens, features})
		c.Check("x_q", gx)
		require.InDeltaSlice(t, scales, gscales, 1e-6)

		wq, gamma := AbsMean(w)
		gw, ggamma := graphQuantised(t, QuantWeights, w, c.Shape("w"))
		c.Check("w_q", codes(wq))
		c.Check("w_q", gw)
		if !c.Has("gamma") {
			return // hand-made ties have codes only
		}
		c.Check("gamma", []float64{float64(gamma)})
		c.Check("gamma", ggamma)
		if c.Has("packed") {
			shape := c.Shape("w")
			packed := make([]uint8, PackedBytes(len(wq), (shape[0]+3)/4*shape[1]))
			require.NoError(t, Pack(packed, wq, (shape[0]+3)/4*shape[1]))
			require.Len(t, packed, len(c.F64("packed")))
			for i, b := range c.F64("packed") {
				require.Equal(t, b, float64(packed[i]))
			}
		}
		hat := make([]float64, len(w))
		for i, q := range wq {
			hat[i] = float64(float32(q) * gamma)
		}
		c.Check("w_hat", hat)
		out := len(w) / features
		acc, y := make([]float64, tokens*out), make([]float64, tokens*out)
		for i := range tokens {
			for j := range out {
				sum := int32(0)
				for k := range features {
					sum += int32(xq[i*features+k]) * int32(wq[j*features+k])
				}
				acc[i*out+j] = float64(sum)
				y[i*out+j] = float64(sum) * scales[i] * float64(gamma)
			}
		}
		c.Check("acc_i32", acc)
		c.Check("y", y)
	})
}

func TestQuantizedValuesAreNear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float32Range(-1e6, 1e6), 1, 64).Draw(t, "x")
		q := make([]int8, len(v))
		scale := QuantizeActivations(v, q)
		for i, x := range v { // half a step, and the rounding of the division
			require.LessOrEqual(t, math.Abs(float64(x)-float64(q[i])*float64(scale)), float64(scale)*0.501)
		}
		w, s := AbsMean(v)
		require.GreaterOrEqual(t, s, float32(MinScale))
		for i, c := range w {
			require.Contains(t, []int8{-1, 0, 1}, c)
			require.False(t, float64(c)*float64(v[i]) < 0, "sign")
		}
	})
}

func BenchmarkQuantizeActivations(b *testing.B) {
	x, q := make([]float32, 1024), make([]int8, 1024)
	for i := range x {
		x[i] = float32(i%37) - 18
	}
	b.SetBytes(4 * 1024)
	b.ReportAllocs()
	for b.Loop() {
		QuantizeActivations(x, q)
	}
}
