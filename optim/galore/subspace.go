package galore

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/update"
)

// orth returns orthonormal columns that span those of x: Polar Express takes
// singular values above 1e-3 of the norm near 1, and cubic steps polish them.
func orth(x *Node) *Node {
	const polish = 3
	x = orthogonal.PolarExpress8().Orthogonalize(x)
	for _, q := range orthogonal.Cubic(polish).Steps {
		x = q.Apply(x)
	}
	return x
}

// normal returns normally distributed values from uniform bits (Box and Muller).
func normal(key update.Key, shape shapes.Shape) *Node {
	bits := key.Bits(shapes.Make(dtypes.Uint32, 2, shape.Size()))
	uniform := func(i int) *Node { // in (0, 1)
		row := Reshape(SliceAxis(bits, 0, AxisElem(i)), -1)
		high := ConvertDType(BitwiseShiftRightLogical(row, ConstAs(row, uint32(8))), dtypes.Float32)
		return times(Add(high, ConstAs(high, 0.5)), 1.0/(1<<24))
	}
	radius := Sqrt(times(Log(uniform(0)), -2))
	return Reshape(Mul(radius, Cos(times(uniform(1), 2*math.Pi))), shape.Dimensions...)
}

// times is MulScalar with a constant that the graph does not share.
func times(x *Node, c float64) *Node { return Mul(x, ConstAs(x, c)) }

// Overlap is ‖AᵀB‖²/r of two orthonormal bases [side, r]: 1 when they span the
// same subspace, r/side on average when they have nothing to do with each other.
func Overlap(a, b *Node) *Node {
	product := Dot(a, b).General([]int{0}, nil, []int{0}, nil)
	return DivScalar(ReduceAllSum(Square(product)), float64(a.Shape().Dim(1)))
}
