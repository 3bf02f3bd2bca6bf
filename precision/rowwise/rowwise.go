package rowwise

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Node is a node of a GoMLX graph.
type Node = graph.Node

// goBackend is what the Go backend calls itself.
const goBackend = "Go Backend"

// byProducts says whether broadcasts of x should be products.
func byProducts(x *Node) bool {
	return x.DType() == dtypes.Float32 && x.Graph().Backend().Name() == goBackend
}

// Scale is x∘s for x [..., n] and one factor s [..., 1] for each row.
func Scale(x, s *Node) *Node {
	checkRows("Scale", x, s)
	if !byProducts(x) {
		return graph.Mul(x, s)
	}
	n := x.Shape().Dim(-1)
	y := outer(graph.Reshape(s, -1, 1, 1), graph.Reshape(x, -1, 1, n))
	return graph.Reshape(y, x.Shape().Dimensions...)
}

// Sub is x-s for x [..., n] and one value s [..., 1] for each row.
func Sub(x, s *Node) *Node {
	checkRows("Sub", x, s)
	if byProducts(x) {
		s = graph.MatMul(graph.Reshape(s, -1, 1), ones(x, 1, x.Shape().Dim(-1)))
		s = graph.Reshape(s, x.Shape().Dimensions...)
	}
	return graph.Sub(x, s)
}

// ScaleColumns is x∘g for x [..., n] and one factor g [n] for each column.
func ScaleColumns(x, g *Node) *Node {
	n := x.Shape().Dim(-1)
	if g.Rank() != 1 || g.Shape().Dim(0) != n {
		exceptions.Panicf("rowwise: ScaleColumns of %s by %s, want [..., n] and [n]", x.Shape(), g.Shape())
	}
	if byProducts(x) {
		g = graph.MatMul(ones(x, x.Shape().Size()/n, 1), graph.InsertAxes(g, 0))
		return graph.Mul(x, graph.Reshape(g, x.Shape().Dimensions...))
	}
	return graph.Mul(x, graph.ExpandLeftToRank(g, x.Rank()))
}

// Repeat is x with its axis of size 1 repeated n times.
func Repeat(x *Node, axis, n int) *Node {
	dims := slices.Clone(x.Shape().Dimensions)
	if axis < 0 || axis >= len(dims) || dims[axis] != 1 {
		exceptions.Panicf("rowwise: Repeat of axis %d of %s, want an axis of size 1", axis, x.Shape())
	}
	dims[axis] = n
	if !byProducts(x) {
		return graph.BroadcastToDims(x, dims...)
	}
	before := 1
	for _, d := range dims[:axis] {
		before *= d
	}
	return graph.Reshape(outer(ones(x, before, n, 1), graph.Reshape(x, before, 1, -1)), dims...)
}

// Sums is the sum of each row of x [..., n], [..., 1].
func Sums(x *Node) *Node {
	dims := slices.Clone(x.Shape().Dimensions)
	n := dims[len(dims)-1]
	dims[len(dims)-1] = 1
	return graph.Reshape(graph.MatMul(graph.Reshape(x, -1, n), ones(x, n, 1)), dims...)
}

// ColumnSums is the sum [n] of the rows of x [rows, n].
func ColumnSums(x *Node) *Node {
	// XLA would compute a product with a single row in a loop that is slower
	// than its reduction, so the ones have several rows and the first is taken.
	const copies = 8
	sums := graph.MatMul(ones(x, copies, x.Shape().Dim(0)), x)
	return graph.Reshape(graph.SliceAxis(sums, 0, graph.AxisRange(0, 1)), -1)
}

// outer is the product of a [b, m, 1] and c [b, 1, n], [b, m, n].
func outer(a, c *Node) *Node {
	return graph.Dot(a, c).General([]int{2}, []int{0}, []int{1}, []int{0})
}

func ones(x *Node, dims ...int) *Node {
	return graph.Ones(x.Graph(), shapes.Make(x.DType(), dims...))
}

// checkRows panics unless s is one value for each row of x.
func checkRows(op string, x, s *Node) {
	want := slices.Clone(x.Shape().Dimensions)
	if len(want) > 0 {
		want[len(want)-1] = 1
	}
	if len(want) == 0 || !slices.Equal(want, s.Shape().Dimensions) {
		exceptions.Panicf("rowwise: %s of %s by %s, want [..., n] and [..., 1]", op, x.Shape(), s.Shape())
	}
}
