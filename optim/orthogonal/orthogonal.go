package orthogonal

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
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
	// DType is the type of the matrix products, Float32 or BFloat16; 0 is that of
	// the matrix. The norm before them and the sums between them stay in the latter.
	DType dtypes.DType
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

// Orthogonalize returns the approximate polar factor of x [m, n], or of each
// matrix of x [batch, m, n], in x's shape and dtype. A zero matrix stays zero.
// For a matrix it takes neither reductions nor constants that the graph shares,
// neither of which the closures of go-xla 0.4 can hold.
func (p Preset) Orthogonalize(x *Node) *Node {
	if x.Rank() != 2 && x.Rank() != 3 {
		exceptions.Panicf("orthogonal: want a matrix or a batch of them, got %s", x.Shape())
	}
	if err := p.Supports(x.Graph().Backend()); err != nil {
		panic(err)
	}
	operands := p.operands(x.DType())
	norm := norms(x)
	if p.Clamp {
		norm = Max(norm, ConstAs(norm, p.Epsilon))
	} else {
		norm = Add(Mul(norm, ConstAs(norm, p.Safety)), ConstAs(norm, p.Epsilon))
	}
	x = Mul(x, Div(ConstAs(norm, 1), norm))
	return wide(x, func(x, identity *Node) *Node {
		for _, q := range p.Steps {
			x = q.step(x, identity, operands)
		}
		return x
	})
}

// norms are the Frobenius norms of the matrices, a scalar or [batch, 1, 1].
func norms(x *Node) *Node {
	if x.Rank() == 2 {
		squares := Dot(x, x).General([]int{1}, []int{0}, []int{1}, []int{0})
		ones := BroadcastPrefix(ConstAs(x, 1), squares.Shape().Dimensions...)
		return Sqrt(Dot(squares, ones).General([]int{0}, nil, []int{0}, nil))
	}
	return Sqrt(ReduceAndKeep(Square(x), ReduceSum, -1, -2))
}

// wide calls f with x and the identity of its smaller side. A tall matrix is
// turned before and after, so that X·Xᵀ is the smaller Gram matrix and every
// product contracts an axis that lies contiguously in memory.
func wide(x *Node, f func(x, identity *Node) *Node) *Node {
	rows, cols := x.Rank()-2, x.Rank()-1
	tall := x.Shape().Dim(rows) > x.Shape().Dim(cols)
	if tall {
		x = Transpose(x, rows, cols)
	}
	identity := ConvertDType(Diagonal(x.Graph(), x.Shape().Dim(rows)), x.DType())
	if rows > 0 {
		identity = InsertAxes(identity, 0)
	}
	x = f(x, identity)
	if tall {
		x = Transpose(x, rows, cols)
	}
	return x
}

// Apply returns the polynomial of a matrix x [m, n]: a·X + b·X·XᵀX + c·X·(XᵀX)².
func (q Quintic) Apply(x *Node) *Node {
	return wide(x, func(x, identity *Node) *Node { return q.step(x, identity, x.DType()) })
}

// step applies the quintic as (a·I + b·A + c·A²)·X, with all sums on the small
// side; operands is the type of its products.
func (q Quintic) step(x, identity *Node, operands dtypes.DType) *Node {
	gram := multiply(x, x, 1, operands)
	times := func(x *Node, c float64) *Node { return Mul(x, ConstAs(x, c)) }
	even := times(gram, q.B)
	if q.C != 0 {
		even = Add(even, times(multiply(gram, gram, 0, operands), q.C))
	}
	return multiply(Add(even, times(identity, q.A)), x, 0, operands)
}

// multiply is the product a·b of matrices or of batches of them, in a's type;
// contracted 1 stands for a·bᵀ. Factors and product are rounded to operands.
func multiply(a, b *Node, contracted int, operands dtypes.DType) *Node {
	dot := Dot(ConvertDType(a, operands), ConvertDType(b, operands))
	if a.Rank() == 2 {
		return ConvertDType(dot.General([]int{1}, nil, []int{contracted}, nil), a.DType())
	}
	return ConvertDType(dot.General([]int{2}, []int{0}, []int{1 + contracted}, []int{0}), a.DType())
}
