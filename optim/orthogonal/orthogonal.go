package orthogonal

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Preset is a list of quintic steps and the normalisation before them:
// X/(Safety·‖X‖ + Epsilon), or X/max(‖X‖, Epsilon) when Clamp is set.
type Preset struct {
	Steps   []Quintic
	Safety  float64
	Epsilon float64
	Clamp   bool
}

// Classic is the fixed quintic of the original Muon, repeated.
func Classic(steps int) Preset {
	return Preset{Steps: slices.Repeat([]Quintic{{3.4445, -4.7750, 2.0315}}, steps), Safety: 1, Epsilon: 1e-7, Clamp: true}
}

// PolarExpress5 is the five-step list of arXiv:2505.16932 for singular values
// above 1e-3 of the norm.
func PolarExpress5() Preset {
	return Preset{Steps: Coefficients(1e-3, 5, 2e-2, 0.02), Safety: 1.02, Epsilon: 1e-6}
}

// PolarExpress8 is the eight-step list; its last steps converge.
func PolarExpress8() Preset {
	return Preset{Steps: Coefficients(1e-3, 8, 1e-2, 0.02), Safety: 1.01, Epsilon: 1e-7}
}

// Cubic is the Newton–Schulz iteration X ← 1.5·X - 0.5·X·XᵀX, repeated. It
// converges from below: no singular value ever exceeds 1.
func Cubic(steps int) Preset {
	return Preset{Steps: slices.Repeat([]Quintic{{1.5, -0.5, 0}}, steps), Safety: 1, Epsilon: 1e-30, Clamp: true}
}

// Orthogonalize returns the approximate polar factor of x [m, n], in x's shape
// and dtype. A zero matrix stays zero.
func (p Preset) Orthogonalize(x *Node) *Node {
	if x.Rank() != 2 {
		exceptions.Panicf("orthogonal: want a matrix, got %s", x.Shape())
	}
	norm := Sqrt(ReduceAllSum(Dot(x, x).General([]int{1}, []int{0}, []int{1}, []int{0})))
	if p.Clamp {
		norm = MaxScalar(norm, p.Epsilon)
	} else {
		norm = AddScalar(MulScalar(norm, p.Safety), p.Epsilon)
	}
	x = Mul(x, Reciprocal(norm))
	// A tall matrix is turned once, so that X·Xᵀ is the smaller Gram matrix and
	// every product contracts an axis that lies contiguously in memory.
	tall := x.Shape().Dim(0) > x.Shape().Dim(1)
	if tall {
		x = Transpose(x, 0, 1)
	}
	n := x.Shape().Dim(0)
	identity := ConvertDType(Diagonal(x.Graph(), n), x.DType())
	for _, q := range p.Steps {
		x = q.step(x, identity)
	}
	if tall {
		x = Transpose(x, 0, 1)
	}
	return x
}

// Apply returns the polynomial of a matrix x [m, n]: a·X + b·X·XᵀX + c·X·(XᵀX)².
func (q Quintic) Apply(x *Node) *Node {
	tall := x.Shape().Dim(0) > x.Shape().Dim(1)
	if tall {
		x = Transpose(x, 0, 1)
	}
	x = q.step(x, ConvertDType(Diagonal(x.Graph(), x.Shape().Dim(0)), x.DType()))
	if tall {
		x = Transpose(x, 0, 1)
	}
	return x
}

// step applies the quintic as (a·I + b·A + c·A²)·X, with all sums on the small
// side.
func (q Quintic) step(x, identity *Node) *Node {
	gram := Dot(x, x).General([]int{1}, nil, []int{1}, nil)
	even := Add(MulScalar(gram, q.B), MulScalar(MatMul(gram, gram), q.C))
	return MatMul(Add(even, MulScalar(identity, q.A)), x)
}
