package rowwise

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// values draws n numbers that are whole 64ths, so that sums of them are exact.
func values(t *rapid.T, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rapid.IntRange(-4096, 4096).Draw(t, "v")) / 64
	}
	return v
}

func run(t require.TestingT, f func(in []*Node) []*Node, in ...any) [][]float32 {
	outputs, err := graph.CallOnceN(backend, f, in...)
	require.NoError(t, err)
	flat := make([][]float32, len(outputs))
	for i, y := range outputs {
		flat[i] = tensors.MustCopyFlatData[float32](y)
	}
	return flat
}

// TestOperations compares every operation with loops, bit for bit: one
// multiplication or subtraction an element, or a sum that is exact.
func TestOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.IntRange(1, 5).Draw(t, "a"), rapid.IntRange(1, 9).Draw(t, "b")
		n := rapid.SampledFrom([]int{1, 2, 7, 16, 33}).Draw(t, "n")
		x, s, g := values(t, a*b*n), values(t, a*b), values(t, n)
		xt := tensors.FromFlatDataAndDimensions(x, a, b, n)
		st := tensors.FromFlatDataAndDimensions(s, a, b, 1)
		scaled, less, columns := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
		sums, columnSums := make([]float32, a*b), make([]float32, n)
		for i, v := range x {
			scaled[i], less[i], columns[i] = v*s[i/n], v-s[i/n], v*g[i%n]
			sums[i/n] += v
			columnSums[i%n] += v
		}
		var repeated []float32
		for i := range a {
			for range 3 {
				repeated = append(repeated, x[i*b*n:(i+1)*b*n]...)
			}
		}
		got := run(t, func(in []*Node) []*Node {
			x, s, g := in[0], in[1], in[2]
			return []*Node{Scale(x, s), Sub(x, s), ScaleColumns(x, g), Sums(x), ColumnSums(graph.Reshape(x, -1, n)),
				Repeat(graph.Reshape(x, a, 1, b, n), 1, 3)}
		}, xt, st, g)
		for i, want := range [][]float32{scaled, less, columns, sums, columnSums, repeated} {
			require.Equal(t, want, got[i])
		}
	})
}

func TestWrongShapes(t *testing.T) {
	for name, f := range map[string]func(x *Node) *Node{
		"rowwise: Scale of (Float32)[2, 3] by (Float32)[2, 3]":       func(x *Node) *Node { return Scale(x, x) },
		"rowwise: Sub of (Float32)[2, 3] by (Float32)[2]":            func(x *Node) *Node { return Sub(x, graph.Reshape(Sums(x), 2)) },
		"rowwise: ScaleColumns of (Float32)[2, 3] by (Float32)[2]":   func(x *Node) *Node { return ScaleColumns(x, graph.Reshape(Sums(x), 2)) },
		"rowwise: Repeat of axis 1 of (Float32)[2, 3], want an axis": func(x *Node) *Node { return Repeat(x, 1, 2) },
	} {
		_, err := graph.CallOnce(backend, f, [][]float32{{1, 2, 3}, {4, 5, 6}})
		require.ErrorContains(t, err, name)
	}
}

// BenchmarkScale compares a scaling of rows with the broadcast that it stands
// for.
func BenchmarkScale(b *testing.B) {
	const rows, n = 2048, 128
	x, s := tensors.FromFlatDataAndDimensions(make([]float32, rows*n), rows, n), tensors.FromFlatDataAndDimensions(make([]float32, rows), rows, 1)
	for name, f := range map[string]func(x, s *Node) *Node{"scale": Scale, "broadcast": graph.Mul, "sub": Sub} {
		b.Run(name, func(b *testing.B) {
			e, err := graph.NewExec(backend, f)
			require.NoError(b, err)
			b.SetBytes(4 * rows * n)
			for b.Loop() {
				y, err := e.Call1(x, s)
				require.NoError(b, err)
				y.MustFinalizeAll()
			}
		})
	}
}
