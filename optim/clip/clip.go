package clip

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// GlobalNorm returns the joint L2 norm of the gradients, a float32 scalar. It
// is not finite if any value is not, or if the sum of squares overflows.
func GlobalNorm(grads []*Node) *Node {
	var sum *Node
	for _, g := range grads {
		// Rows first: one long float32 sum would lose digits.
		s := Square(g)
		if s.Rank() > 1 {
			s = ReduceSum(s, -1)
		}
		s = ReduceAllSum(s)
		if sum == nil {
			sum = s
		} else {
			sum = Add(sum, s)
		}
	}
	return Sqrt(sum)
}

// Factor is min(1, limit/(norm+1e-6)) for a norm that is a scalar node.
func Factor(norm *Node, limit float64) *Node {
	return MinScalar(Div(ConstAs(norm, limit), AddScalar(norm, 1e-6)), 1)
}
