package mhc

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/rowwise"
)

// Meter follows the product of the residual maps through the depth of one
// forward pass. The zero value is at its beginning.
type Meter struct {
	product *Node // [N, n, n]
	depth   int   // maps in it
}

// Gains are scalars about one residual map and the product of all up to it.
type Gains struct {
	Depth int // maps before this one
	// Layer is the larger of the gains of the map alone, Forward and Backward are
	// those of the product: the largest absolute sum of a row, which bounds how
	// much the forward signal grows, and of a column, which bounds the gradient.
	// They are means over the tokens.
	Layer, Forward, Backward *Node
	// Attenuation is the smallest absolute sum of a column of the product: a
	// gradient may fade although none explodes.
	Attenuation *Node
	// Residual is the largest distance of a row or column sum of the map from 1 in
	// any token: 0 for a doubly stochastic map.
	Residual *Node
}

// Add multiplies a map R [N, n, n] to the product. It has no gradient.
func (m *Meter) Add(res *Node) Gains {
	res = StopGradient(res)
	g := Gains{Depth: m.depth}
	if m.product == nil {
		m.product = res
	} else {
		m.product = rowwise.Mix(res, m.product)
	}
	m.depth++
	mean := func(x *Node) *Node { return ReduceAllMean(x) }
	rows, columns := ReduceSum(Abs(res), 2), ReduceSum(Abs(res), 1)
	g.Layer = Max(mean(ReduceMax(rows, 1)), mean(ReduceMax(columns, 1)))
	g.Forward = mean(ReduceMax(ReduceSum(Abs(m.product), 2), 1))
	sums := ReduceSum(Abs(m.product), 1)
	g.Backward, g.Attenuation = mean(ReduceMax(sums, 1)), mean(ReduceMin(sums, 1))
	off := func(axis int) *Node { return ReduceAllMax(Abs(AddScalar(ReduceSum(res, axis), -1))) }
	g.Residual = Max(off(1), off(2))
	return g
}

// Cosine is the mean cosine between different streams of x [..., n, C], over all
// tokens: 1 while the streams are alike.
func Cosine(x *Node) *Node {
	dims := x.Shape().Dimensions
	n := dims[len(dims)-2]
	s := Reshape(StopGradient(x), -1, n, dims[len(dims)-1])
	dots := rowwise.Dots(s, s)
	g := x.Graph()
	eye := ConvertDType(Equal(Iota(g, shapes.Make(x.DType(), 1, n, n), 1), Iota(g, shapes.Make(x.DType(), 1, n, n), 2)), x.DType())
	norms := Sqrt(AddScalar(ReduceSum(Mul(dots, eye), 2), 1e-30)) // [N, n]
	cosines := Div(dots, Mul(InsertAxes(norms, 2), InsertAxes(norms, 1)))
	return DivScalar(ReduceAllMean(ReduceSum(Mul(cosines, OneMinus(eye)), 1, 2)), float64(n*(n-1)))
}

func shape(like *Node, dims ...int) shapes.Shape { return shapes.Make(like.DType(), dims...) }
