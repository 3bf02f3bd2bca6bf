package lm

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/vjp"
)

// recompute returns forward(h) without keeping anything of its inside: when the
// adjoint of the result has arrived, forward is built again on h and its
// gradient taken there (arXiv:1604.06174). GoMLX's own checkpoints do not serve
// here, because the gradients of package vjp refer to the nodes of the first
// evaluation and would keep them.
func (c *Build) recompute(h *Node, forward func(h *Node) *Node) *Node {
	inputs := []*Node{h}
	c.use = func(p *Node) *Node {
		inputs = append(inputs, p)
		return StopGradient(p)
	}
	y := forward(StopGradient(h))
	c.use = nil
	return vjp.Custom(inputs, func(in []*Node) *Node { return vjp.Touch(y, in...) }, func(dy *Node) []*Node {
		again := make([]*Node, len(inputs))
		for i, x := range inputs {
			again[i] = SchedulingBarrier(x, dy) // not before the adjoint is there
		}
		next := 0
		c.use, c.again = func(*Node) *Node { next++; return again[next] }, true
		y := forward(again[0])
		c.use, c.again = nil, false
		return Gradient(ReduceAllSum(Mul(y, dy)), again...)
	})
}
