package muon

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

var _ update.Finisher = (*Rule)(nil)

// longer is the axis along which neurons are normalised.
func longer(p update.Param) int {
	if p.Shape[1] > p.Shape[0] {
		return 1
	}
	return 0
}

// Late implements update.Finisher.
func (r *Rule) Late(p update.Param) []update.Spec {
	if r.neuron == 0 {
		return nil
	}
	return []update.Spec{{Name: "neuron", Shape: []int{p.Shape[longer(p)]}, DType: dtypes.Float32, NonNegative: true}}
}

// Finish implements update.Finisher.
func (r *Rule) Finish(_ update.Step, p update.Param, late []*Node, u *Node) (*Node, []*Node) {
	axis := longer(p)
	squares := ReduceMean(Square(u), 1-axis)
	second := Add(MulScalar(late[0], r.neuron), MulScalar(squares, 1-r.neuron))
	// The average's start at zero is a common factor, which the last line undoes.
	divisor := AddScalar(Sqrt(second), 1e-10)
	finished := Div(u, InsertAxes(divisor, 1-axis))
	size := func(x *Node) *Node { return Sqrt(ReduceAllSum(Square(x))) }
	return Mul(finished, Div(size(u), MaxScalar(size(finished), 1e-30))), []*Node{second}
}
