package infer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/estimate"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// Mutation: none; benchmarks only report.

// BenchmarkBlock is one product of n rows on one thread, in the bytes of the
// weights as they are stored and in billions of multiplications per second.
func BenchmarkBlock(b *testing.B) {
	for _, size := range []int{128, 768, 2048} {
		for _, n := range []int{1, 16} {
			rng := rand.New(rand.NewPCG(1, 1))
			w := make([]float32, size*size)
			for i := range w {
				w[i] = float32(rng.NormFloat64())
			}
			o := newOperand(n, size, true)
			for i := range o.x {
				o.x[i] = float32(rng.NormFloat64())
			}
			o.resize(n)
			for i := range n {
				o.done(i)
			}
			y := make([]float32, n*size)
			for name, l := range map[string]linear{"dense": &dense[float32]{w, size, size}, "ternary": pack(w, size, size)} {
				b.Run(fmt.Sprintf("%s/%d/rows=%d", name, size, n), func(b *testing.B) {
					b.SetBytes(l.bytes())
					b.ReportAllocs()
					for b.Loop() {
						l.block(o, n, y, 0, size)
					}
					b.ReportMetric(float64(b.N)*float64(n*size*size)/b.Elapsed().Seconds()/1e9, "GMAC/s")
				})
			}
		}
	}
}

// BenchmarkStep is one token for each of n rows of the quick-start model, 100
// tokens into their context.
func BenchmarkStep(b *testing.B) {
	c := lm.Config{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, Context: 192, QKNorm: true, Ternary: true}
	for _, n := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			s := newEngine(b, c, 1).NewSession(n)
			for r := range n {
				_, err := s.Extend(r, make([]int32, 100))
				require.NoError(b, err)
			}
			ids := make([]int32, n)
			b.ReportAllocs()
			for b.Loop() {
				_, err := s.Step(ids)
				require.NoError(b, err)
				for r := range n {
					require.NoError(b, s.Truncate(r, 100))
				}
			}
			rate := float64(b.N*n) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "tokens/s")
			b.ReportMetric(rate*estimate.DecodeFLOPs(c, 101)/1e9, "GFLOP/s")
		})
	}
}
