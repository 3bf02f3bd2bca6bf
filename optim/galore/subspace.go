package galore

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/update"
)

// conditioning takes singular values from 1e-3 of the norm on into [0.06, 0.94]. A
// range finder needs no more between its products, in which small singular values
// would drown in the rounding of large ones.
var conditioning = orthogonal.Preset{Steps: halved(orthogonal.Coefficients(1e-3, 3, 2e-2, 0.02)), Safety: 1.02, Epsilon: 1e-6}

// halved halves the result of steps, which polish could not bring down from above 1.5.
func halved(steps []orthogonal.Quintic) []orthogonal.Quintic {
	last := &steps[len(steps)-1]
	*last = orthogonal.Quintic{A: last.A / 2, B: last.B / 2, C: last.C / 2}
	return steps
}

// Steps of polish: n of them bring singular values from about 1.875⁻ⁿ on to 1. A
// square matrix of random values has one near the inverse of its side.
const (
	polishSubspace = 10
	polishRandom   = 20
)

// polish returns orthonormal columns that span those of x, whose singular values
// are at most a little above 1, by repeating the quintic that has 1 as a fixed
// point of third order.
func polish(steps int, x *Node) *Node {
	for range steps {
		x = orthogonal.Quintic{A: 15.0 / 8, B: -10.0 / 8, C: 3.0 / 8}.Apply(x)
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

// zero says whether all of a matrix is, by counting what is not: the count is
// inexact beyond 2²⁴, but no sum of ones is 0.
func zero(x *Node) *Node {
	not := ConvertDType(NotEqual(x, ConstAs(x, 0)), x.DType())
	count := Dot(not, not).General([]int{0, 1}, nil, []int{0, 1}, nil)
	return Equal(count, ConstAs(count, 0))
}

// Overlap is ‖AᵀB‖²/r of two orthonormal bases [side, r]: 1 when they span the
// same subspace, r/side on average when they have nothing to do with each other.
func Overlap(a, b *Node) *Node {
	product := Dot(a, b).General([]int{0}, nil, []int{0}, nil)
	return DivScalar(ReduceAllSum(Square(product)), float64(a.Shape().Dim(1)))
}

// subspace returns columns [side, rank] that span the directions along an axis
// that carry most of the gradient, beginning at p. A gradient of zeros leaves p as
// it is.
func (s *Space) subspace(g *Node, axis int, p *Node) *Node {
	near, far := 0, 1
	if axis == 1 {
		near, far = 1, 0
	}
	for range s.rounds {
		z := conditioning.Orthogonalize(Dot(g, p).General([]int{near}, nil, []int{0}, nil))
		fresh := Dot(g, z).General([]int{far}, nil, []int{0}, nil)
		p = Where(zero(fresh), p, conditioning.Orthogonalize(fresh))
	}
	return p
}
