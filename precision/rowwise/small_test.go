package rowwise

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: swapping the axes of a in Mix, or x and y in Dots, makes
// TestSmallMatrices fail.

// TestSmallMatrices compares Mix and Dots with loops, exactly: the values are
// few and small enough that no sum rounds.
func TestSmallMatrices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, m, n := rapid.IntRange(1, 4).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "m"), rapid.IntRange(1, 4).Draw(t, "n")
		k := rapid.SampledFrom([]int{1, 5, 16, 24, 64, 128, 192, 256}).Draw(t, "k")
		whole := func(n int) []float32 {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(rapid.IntRange(-16, 16).Draw(t, "v"))
			}
			return v
		}
		a, x, y := whole(rows*m*n), whole(rows*n*k), whole(rows*m*k)
		mixed, dots := make([]float32, rows*m*k), make([]float32, rows*m*n)
		for r := range rows {
			for i := range m {
				for j := range n {
					at := (r*m+i)*n + j
					for c := range k {
						mixed[(r*m+i)*k+c] += a[at] * x[(r*n+j)*k+c]
						dots[at] += y[(r*m+i)*k+c] * x[(r*n+j)*k+c]
					}
				}
			}
		}
		got := run(t, func(in []*Node) []*Node { return []*Node{Mix(in[0], in[1]), Dots(in[2], in[1])} },
			tensors.FromFlatDataAndDimensions(a, rows, m, n), tensors.FromFlatDataAndDimensions(x, rows, n, k), tensors.FromFlatDataAndDimensions(y, rows, m, k))
		require.Equal(t, [][]float32{mixed, dots}, got)
	})
}

func TestSmallMatricesWrongShapes(t *testing.T) {
	x := [][][]float32{{{1, 2, 3}, {4, 5, 6}}} // [1, 2, 3]
	for name, f := range map[string]func(x *Node) *Node{
		"rowwise: Mix of (Float32)[1, 2, 3] by (Float32)[1, 2, 3], want":   func(x *Node) *Node { return Mix(x, x) },
		"rowwise: Dots of (Float32)[1, 2, 3] and (Float32)[1, 3, 2], want": func(x *Node) *Node { return Dots(x, graph.Transpose(x, 1, 2)) },
	} {
		_, err := graph.CallOnce(backend, f, x)
		require.ErrorContains(t, err, name)
	}
}

// BenchmarkSmallMatrices has four streams of 512 values in 2048 rows.
func BenchmarkSmallMatrices(b *testing.B) {
	const rows, n, k = 2048, 4, 512
	x := tensors.FromFlatDataAndDimensions(make([]float32, rows*n*k), rows, n, k)
	a := tensors.FromFlatDataAndDimensions(make([]float32, rows*n*n), rows, n, n)
	for name, f := range map[string]func(a, x *Node) *Node{
		"mix": Mix, "dots": func(_, x *Node) *Node { return Dots(graph.AddScalar(x, 1), x) },
	} {
		b.Run(name, func(b *testing.B) {
			e, err := graph.NewExec(backend, f)
			require.NoError(b, err)
			b.SetBytes(4 * rows * n * k)
			for b.Loop() {
				y, err := e.Call1(a, x)
				require.NoError(b, err)
				y.MustFinalizeAll()
			}
		})
	}
}
