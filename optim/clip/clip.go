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

// goBackend is what GoMLX's backend in Go calls itself.
const goBackend = "Go Backend"

// squares is the sum of squares of x. A long float32 sum would lose digits and
// keep a processor waiting for one addition after the other: on the Go backend rows
// are multiplied with themselves, which needs no tensor of squares, and on XLA
// strips of x are added up in one loop over their elements.
func squares(x *Node) *Node {
	const strips, least = 16, 1 << 12
	switch n := x.Shape().Size(); {
	case x.Rank() >= 2 && x.Graph().Backend().Name() == goBackend:
		rows := Reshape(x, -1, x.Shape().Dim(-1))
		return ReduceAllSum(Dot(rows, rows).General([]int{1}, []int{0}, []int{1}, []int{0}))
	case n%strips != 0 || n < least:
		return ReduceAllSum(Square(x))
	}
	x = Reshape(x, strips, -1)
	var sum *Node
	for i := range strips {
		strip := Square(SliceAxis(x, 0, AxisElem(i)))
		if sum == nil {
			sum = strip
		} else {
			sum = Add(sum, strip)
		}
	}
	return ReduceAllSum(sum)
}

// Factor is min(1, limit/(norm+1e-6)) for a norm that is a scalar node.
func Factor(norm *Node, limit float64) *Node {
	return MinScalar(Div(ConstAs(norm, limit), AddScalar(norm, 1e-6)), 1)
}
