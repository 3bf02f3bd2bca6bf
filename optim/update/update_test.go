package update_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: computing Correction as 1 - Pow(1-complement, t), or leaving the
// factor out of Times, fails here.

// TestCorrection: 1-β^t to a few roundings, also where β^t is nearly 1.
func TestCorrection(t *testing.T) {
	for _, complement := range []float64{1, 0.5, 0.05, 1e-3, 1e-5} {
		for _, count := range []float64{1, 2, 10, 1000, 1e6} {
			for _, shift := range []int{0, 1} {
				got := optimtest.Eval(t, func(in []*Node) *Node {
					return update.Step{Count: in[0]}.Correction(in[1], shift)
				}, tensors.FromScalar(float32(count)), tensors.FromScalar(float32(complement)))
				// complement is a float32, and so β is not quite the literal one
				want := -math.Expm1((count + float64(shift)) * math.Log1p(-float64(float32(complement))))
				require.InEpsilon(t, want, got[0], 8.0/(1<<24), "1-β %g, t %g+%d", complement, count, shift)
			}
		}
	}
}

func TestMoment(t *testing.T) {
	got := optimtest.Eval(t, func(in []*Node) *Node {
		g := update.NewGrad(in[1], in[2])
		return update.Step{}.Moment(in[0], g.Times(in[3]), in[3])
	}, tensors.FromValue([]float32{8, -8}), tensors.FromValue([]float32{4, 2}), tensors.FromScalar(float32(0.5)), tensors.FromScalar(float32(0.25)))
	require.Equal(t, []float32{6 + 0.5, -6 + 0.25}, got)
	bare := optimtest.Eval(t, func(in []*Node) *Node { return update.NewGrad(in[0], nil).Times(in[1]) },
		tensors.FromValue([]float32{4, 2}), tensors.FromScalar(float32(0.25)))
	require.Equal(t, []float32{1, 0.5}, bare)
}

func TestSizes(t *testing.T) {
	require.Equal(t, 24, update.Param{Shape: []int{2, 3, 4}}.Size())
	require.Equal(t, 1, update.Param{}.Size())
	require.Equal(t, int64(48), update.Spec{Shape: []int{3, 4}, DType: dtypes.Float32}.Bytes())
	require.Equal(t, int64(12), update.Spec{Shape: []int{3, 4}, DType: dtypes.Int8}.Bytes())
	require.Equal(t, int64(4), update.Spec{DType: dtypes.Int32}.Bytes())
}
