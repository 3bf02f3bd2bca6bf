package mhc

import (
	"fmt"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// BenchmarkApply is the maps, reading and writing of 2048 tokens with all their
// gradients, around a sublayer that does nothing.
func BenchmarkApply(b *testing.B) {
	const tokens = 2048
	for _, mixing := range []string{Birkhoff, Sinkhorn, Free} {
		for _, n := range []int{2, 4} {
			for _, dim := range []int{128, 512} {
				b.Run(fmt.Sprintf("%s/n=%d/C=%d", mixing, n, dim), func(b *testing.B) {
					c := Config{Streams: n, Mixing: mixing}
					size := c.PhiShape(dim)
					e, err := NewExec(backend, func(in []*Node) []*Node {
						x := Apply(in[0], c.Maps(in[0], Weights{Phi: in[1], Bias: in[2], Alpha: in[3]}), func(u *Node) *Node { return u })
						return Gradient(ReduceAllSum(Mul(x, x)), in...)
					})
					require.NoError(b, err)
					x := make([]float32, tokens*n*dim)
					for i := range x {
						x[i] = float32(i%17) - 8
					}
					in := []any{tensors.FromFlatDataAndDimensions(x, tokens, n, dim), tensors.FromFlatDataAndDimensions(make([]float32, size[0]*size[1]), size...),
						c.InitBias(0), []float32{InitAlpha, InitAlpha, InitAlpha}}
					b.SetBytes(int64(4 * len(x)))
					b.ReportAllocs()
					for b.Loop() {
						out, err := e.Call(in...)
						require.NoError(b, err)
						for _, t := range out {
							t.MustFinalizeAll()
						}
					}
				})
			}
		}
	}
}
