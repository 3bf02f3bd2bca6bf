package lm

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// The sums of this file are products with ones, because the products of both
// backends are several times faster than their reductions.

// rowSums is the sum over the last axis of x, kept with size 1.
func rowSums(x *Node) *Node {
	dims := x.Shape().Clone().Dimensions
	n := dims[len(dims)-1]
	sums := MatMul(Reshape(x, -1, n), Ones(x.Graph(), shapes.Make(x.DType(), n, 1)))
	dims[len(dims)-1] = 1
	return Reshape(sums, dims...)
}

// columnSums is the sum [n] of the rows of x [rows, n]. XLA would compute a
// product with a single row in a loop that is slower than its reduction, so the
// ones have several and the first is taken.
func columnSums(x *Node) *Node {
	const copies = 8
	sums := MatMul(Ones(x.Graph(), shapes.Make(x.DType(), copies, x.Shape().Dim(0))), x)
	return Reshape(SliceAxis(sums, 0, AxisRange(0, 1)), -1)
}
