package clip

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// GlobalNorm returns the joint L2 norm of the gradients, a float32 scalar. It
// is not finite if any value is not, or if the sum of squares overflows.
func GlobalNorm(grads []*Node) *Node {
	var sum *Node
	for _, g := range grads {
		s := squares(g)
		if sum == nil {
			sum = s
		} else {
			sum = Add(sum, s)
		}
	}
	return Sqrt(sum)
}

// squares is the sum of squares of x. Rows first: one long float32 sum would
// lose digits; and as products of rows with themselves, which no backend
// needs a tensor of squares for.
func squares(x *Node) *Node {
	if x.Rank() < 2 {
		return ReduceAllSum(Square(x))
	}
	rows := Reshape(x, -1, x.Shape().Dim(-1))
	return ReduceAllSum(Dot(rows, rows).General([]int{1}, []int{0}, []int{1}, []int{0}))
}

// Factor is min(1, limit/(norm+1e-6)) for a norm that is a scalar node.
func Factor(norm *Node, limit float64) *Node {
	return MinScalar(Div(ConstAs(norm, limit), AddScalar(norm, 1e-6)), 1)
}
