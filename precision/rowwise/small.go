package rowwise

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Mix is y_i = Σ_j a_ij·x_j in every row: a small matrix a [rows, m, n] for each
// row of x [rows, n, k], the result [rows, m, k].
func Mix(a, x *Node) *Node {
	if a.Rank() != 3 || x.Rank() != 3 || a.Shape().Dim(0) != x.Shape().Dim(0) || a.Shape().Dim(2) != x.Shape().Dim(1) {
		exceptions.Panicf("rowwise: Mix of %s by %s, want [rows, n, k] and [rows, m, n]", x.Shape(), a.Shape())
	}
	if byProducts(x) {
		return graph.Dot(a, x).General([]int{2}, []int{0}, []int{1}, []int{0})
	}
	rows, m, n, k := a.Shape().Dim(0), a.Shape().Dim(1), a.Shape().Dim(2), x.Shape().Dim(2)
	if m == 1 && n > 1 {
		// As fast as the sum of slices, and XLA does not fuse it: what x is the result of
		// is computed once instead of in each reader of x.
		sum := graph.Dot(graph.Reshape(a, rows, n), x).General([]int{1}, []int{0}, []int{1}, []int{0})
		return graph.Reshape(sum, rows, 1, k)
	}
	terms := make([]*Node, n)
	for j := range n {
		factor := graph.SliceAxis(a, 2, graph.AxisRange(j, j+1))
		of := graph.SliceAxis(x, 1, graph.AxisRange(j, j+1))
		terms[j] = graph.Mul(graph.BroadcastToDims(factor, rows, m, k), graph.BroadcastToDims(of, rows, m, k))
	}
	return sumOf(terms)
}

// Dots are the inner products x_i·y_j in every row, for x [rows, m, k] and
// y [rows, n, k]; the result is [rows, m, n].
func Dots(x, y *Node) *Node {
	if x.Rank() != 3 || y.Rank() != 3 || x.Shape().Dim(0) != y.Shape().Dim(0) || x.Shape().Dim(2) != y.Shape().Dim(2) {
		exceptions.Panicf("rowwise: Dots of %s and %s, want [rows, m, k] and [rows, n, k]", x.Shape(), y.Shape())
	}
	rows, m, n, k := x.Shape().Dim(0), x.Shape().Dim(1), y.Shape().Dim(1), x.Shape().Dim(2)
	lanes := dotLanes(k)
	if !byProducts(x) && m > 1 && n == 1 { // as in Mix
		dots := graph.Dot(x, graph.Reshape(y, rows, k)).General([]int{2}, []int{0}, []int{1}, []int{0})
		return graph.Reshape(dots, rows, m, 1)
	}
	if byProducts(x) || lanes == 0 {
		return graph.Dot(x, y).General([]int{2}, []int{0}, []int{2}, []int{0})
	}
	// XLA keeps the order of a sum, which leaves its loop without vectors. Slices
	// of the rows that are added up have vectors, in one pass over x and y.
	var terms []*Node
	for from := 0; from < k; from += lanes {
		part := func(v *Node, axis int) *Node {
			v = graph.InsertAxes(graph.SliceAxis(v, 2, graph.AxisRange(from, from+lanes)), axis)
			return graph.BroadcastToDims(v, rows, m, n, lanes)
		}
		terms = append(terms, graph.Mul(part(x, 2), part(y, 1)))
	}
	return graph.Reshape(Sums(sumOf(terms)), rows, m, n)
}

// dotLanes is the size of the slices of Dots for rows of k values, 0 where the
// rows do not divide.
func dotLanes(k int) int {
	for lanes := 64; lanes >= 8; lanes /= 2 {
		if k%lanes == 0 && k >= 2*lanes {
			return lanes
		}
	}
	return 0
}

// sumOf adds nodes up in pairs.
func sumOf(terms []*Node) *Node {
	for len(terms) > 1 {
		var pairs []*Node
		for i := 0; i+1 < len(terms); i += 2 {
			pairs = append(pairs, graph.Add(terms[i], terms[i+1]))
		}
		if len(terms)%2 == 1 {
			pairs = append(pairs, terms[len(terms)-1])
		}
		terms = pairs
	}
	return terms[0]
}
