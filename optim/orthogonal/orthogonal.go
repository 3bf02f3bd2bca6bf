package orthogonal

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
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
	// Rolled makes the steps one loop instead of a line of operations each: the
	// same numbers from a program that is shorter by as much, which counts where
	// many matrices are orthogonalised and compiling takes time and memory.
	Rolled bool
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
	if p.Rolled && len(p.Steps) > 0 {
		return wide(x, func(x, _ *Node) *Node { return roll(p.Steps, x, operands) })
	}
	return wide(x, func(x, identity *Node) *Node {
		for _, q := range p.Steps {
			x = q.step(x, identity, operands)
		}
		return x
	})
}

// roll applies the steps in a loop whose state holds all that it needs: closures
// of go-xla 0.4 cannot take values from outside. The counter is last, because the
// Go backend takes no parameters after the last one in use.
func roll(steps []Quintic, x *Node, operands dtypes.DType) *Node {
	var flat []float32
	for _, q := range steps {
		flat = append(flat, float32(q.A), float32(q.B), float32(q.C))
	}
	g := x.Graph()
	state := []*Node{x, ConvertDType(Reshape(Const(g, flat), len(steps), 3), x.DType()), Const(g, int32(0))}
	parameters := func(g *Graph) []*Node {
		var in []*Node
		for i, v := range state {
			in = append(in, Parameter(g, fmt.Sprintf("roll_%d", i), v.Shape()))
		}
		return in
	}
	unfinished := NewClosure(g, func(g *Graph) []*Node {
		i := parameters(g)[2]
		return []*Node{LessThan(i, ConstAs(i, len(steps)))}
	})
	step := NewClosure(g, func(g *Graph) []*Node {
		in := parameters(g)
		x, table, i := in[0], in[1], in[2]
		here := ConvertDType(Equal(Iota(g, shapes.Make(dtypes.Int32, len(steps)), 0), i), table.DType()) // the Go backend has no DynamicSlice
		row := Dot(here, table).General([]int{0}, nil, []int{0}, nil)
		var c [3]*Node
		for k := range c {
			c[k] = Reshape(Slice(row, AxisElem(k)))
		}
		return []*Node{apply(c[0], c[1], c[2], x, eye(x), operands), table, Add(i, ConstAs(i, 1))}
	})
	return While(unfinished, step, state...)[0]
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
	x = f(x, eye(x))
	if tall {
		x = Transpose(x, rows, cols)
	}
	return x
}

// eye is the identity on the side of x that is not its last axis.
func eye(x *Node) *Node {
	identity := ConvertDType(Diagonal(x.Graph(), x.Shape().Dim(-2)), x.DType())
	if x.Rank() > 2 {
		identity = InsertAxes(identity, 0)
	}
	return identity
}

// Apply returns the polynomial of a matrix x [m, n]: a·X + b·X·XᵀX + c·X·(XᵀX)².
func (q Quintic) Apply(x *Node) *Node {
	return wide(x, func(x, identity *Node) *Node { return q.step(x, identity, x.DType()) })
}

// step applies the quintic; operands is the type of its products.
func (q Quintic) step(x, identity *Node, operands dtypes.DType) *Node {
	var c *Node
	if q.C != 0 {
		c = ConstAs(x, q.C)
	}
	return apply(ConstAs(x, q.A), ConstAs(x, q.B), c, x, identity, operands)
}

// apply is (a·I + b·A + c·A²)·X with all sums on the small side; c nil is 0.
func apply(a, b, c, x, identity *Node, operands dtypes.DType) *Node {
	gram := multiply(x, x, 1, operands)
	even := Mul(gram, b)
	if c != nil {
		even = Add(even, Mul(multiply(gram, gram, 0, operands), c))
	}
	return multiply(Add(even, Mul(identity, a)), x, 0, operands)
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
