package muon

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/clip"
	"github.com/nanochat-go/nanochat/optim/update"
)

var _ update.Gauge = (*Rule)(nil)

// Deviation implements update.Gauge: ‖orth(M) - orth(Q)‖² and ‖orth(M)‖² for the
// momentum M and what its storage gives back of it, Q. The root of their ratio is
// the error that the storage makes in the direction: orth magnifies the errors
// that lie along small singular values.
func (r *Rule) Deviation(p update.Param, moments, back []*Node) (difference, size *Node) {
	orth := func(x *Node) *Node {
		if plain(p) {
			return r.orth.Orthogonalize(x)
		}
		return eachMatrix(p, x, func(x *Node, _ int) *Node { return r.orth.Orthogonalize(x) })
	}
	squares := func(x *Node) *Node { return Square(clip.GlobalNorm([]*Node{x})) }
	exact := orth(moments[0])
	return squares(Sub(exact, orth(back[0]))), squares(exact)
}
