package clip_test

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim/clip"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
)

// Mutation: summing the norms instead of their squares in GlobalNorm, or
// dropping the minimum in Factor, fails here.

// run returns norm and factor of gradients.
func run(t testing.TB, limit float64, grads ...*tensors.Tensor) (norm, factor float64) {
	out := optimtest.Eval(t, func(in []*Node) *Node {
		n := clip.GlobalNorm(in)
		return Stack([]*Node{n, clip.Factor(n, limit)}, 0)
	}, grads...)
	return float64(out[0]), float64(out[1])
}

func TestAgainstReference(t *testing.T) {
	shapes := [][]int{{}, {1}, {7}, {1, 33}, {33, 1}, {5, 9}, {2, 3, 5}}
	rapid.Check(t, func(r *rapid.T) {
		var grads []*tensors.Tensor
		var wide [][]float64
		scale := math.Pow(10, rapid.Float64Range(-15, 15).Draw(r, "log scale"))
		for range rapid.IntRange(1, 4).Draw(r, "tensors") {
			shape := shapes[rapid.IntRange(0, len(shapes)-1).Draw(r, "shape")]
			size := 1
			for _, d := range shape {
				size *= d
			}
			v := make([]float32, size)
			for i := range v {
				v[i] = float32(rapid.Float64Range(-1, 1).Draw(r, "value") * scale)
			}
			grads, wide = append(grads, optimtest.Tensor(shape, v)), append(wide, optimtest.Widen(v))
		}
		limit := scale * rapid.Float64Range(0.1, 3).Draw(r, "limit")
		norm, factor := run(t, limit, grads...)
		want := ref.Norm(wide...)
		// At most 33 squares are added to one another before the rows are, each
		// addition with an error of 2⁻²⁴ of the sum.
		require.InDelta(r, want, norm, want*64/(1<<24)+1e-22)
		require.InDelta(r, ref.ClipFactor(want, limit), factor, 64.0/(1<<24))
	})
}

// TestLarge: from 4096 values on a sum is one of strips where their number divides it.
// Every sixteenth of the values holds a share of its own, so that a strip that is
// left out or counted twice shows.
func TestLarge(t *testing.T) {
	for _, shape := range [][]int{{4096}, {4097}, {8192}, {64, 128}, {16, 16, 17}} {
		size := 1
		for _, d := range shape {
			size *= d
		}
		v := make([]float32, size)
		for i := range v {
			v[i] = float32(1+16*i/size) * float32(1-2*(i%2))
		}
		norm, _ := run(t, 1, optimtest.Tensor(shape, v))
		require.InEpsilon(t, ref.Norm(optimtest.Widen(v)), norm, 1e-5, "%v", shape)
	}
}

func TestEdges(t *testing.T) {
	norm, factor := run(t, 1, optimtest.Tensor([]int{2, 2}, make([]float32, 4)))
	require.Equal(t, []float64{0, 1}, []float64{norm, factor})
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30} { // the square of 1e30 overflows
		norm, _ := run(t, 1, optimtest.Tensor([]int{3}, []float32{1, float32(bad), 1}), optimtest.Tensor(nil, []float32{2}))
		require.True(t, math.IsNaN(norm) || math.IsInf(norm, 1), "%g", bad)
	}
	norm, factor = run(t, 1, optimtest.Tensor([]int{1}, []float32{1e-30})) // the square underflows: too small to clip
	require.Less(t, norm, 1e-22)
	require.Equal(t, 1.0, factor)
	norm, _ = run(t, 1, optimtest.Tensor([]int{1}, []float32{3}), optimtest.Tensor(nil, []float32{4}))
	require.Equal(t, 5.0, norm, "the norm is joint")
}
