package quant

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/rowwise"
	"github.com/nanochat-go/nanochat/precision/ternary"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// Format names how an operand of a product is quantised.
type Format string

// The formats of operands.
const (
	Float32        Format = ""                // as it is
	TernaryWeights Format = "ternary:absmean" // weights only: {-1,0,1} and one scale
	Int8Tokens     Format = "int8:token"      // activations only: 8 bits, a scale for each row
)

// Spec says how the three products of a linear are computed. The zero value is
// plain float32.
type Spec struct {
	Weight     Format
	Activation Format
}

// Ternary is the Spec of BitNet b1.58.
func Ternary() Spec { return Spec{Weight: TernaryWeights, Activation: Int8Tokens} }

// Policy chooses the Spec of the linear whose weight has the given path.
type Policy interface {
	Spec(path string) Spec
}

// Uniform is the Policy that gives every linear the same Spec.
type Uniform Spec

// Spec returns u for every path.
func (u Uniform) Spec(string) Spec { return Spec(u) }

// Linear returns x·w computed as s says, with x [..., in] and w [in, out]; the
// result is [..., out] in x's dtype. It panics on shapes that do not fit and on
// a format that the operand cannot have.
func Linear(s Spec, x, w *Node) *Node { return new(Operands).Linear(s, x, w) }

// Operands remembers what it has quantised, so that linears of one graph that
// read the same activations, as a query, a key and a value do, or the same
// weight, quantise it once. The zero value is ready. An Operands belongs to one
// graph.
type Operands struct{ seen map[operandKey]*operand }

type operandKey struct {
	node   *Node
	format Format
}

// Linear is the function Linear with operands that are shared.
func (o *Operands) Linear(s Spec, x, w *Node) *Node {
	if w.Rank() != 2 || x.Rank() < 2 || x.Shape().Dim(-1) != w.Shape().Dim(0) {
		exceptions.Panicf("quant: linear of x %s and w %s, want [..., in] and [in, out]", x.Shape(), w.Shape())
	}
	dims := x.Shape().Dimensions
	qx, qw := o.once(x, s.Activation, quantActivation), o.once(w, s.Weight, quantWeight)
	y := product(s, Reshape(x, -1, dims[len(dims)-1]), w, qx, qw)
	return Reshape(y, append(append([]int{}, dims[:len(dims)-1]...), w.Shape().Dim(1))...)
}

// once is quantise(f, x) with the leading axes of x in one.
func (o *Operands) once(x *Node, f Format, quantise func(Format, *Node) *operand) *operand {
	key := operandKey{x, f}
	if q := o.seen[key]; q != nil {
		q.readers++
		return q
	}
	if o.seen == nil {
		o.seen = map[operandKey]*operand{}
	}
	q := quantise(f, Reshape(x, -1, x.Shape().Dim(-1)))
	q.readers = 1
	o.seen[key] = q
	return q
}

// operand is a quantised operand: value = codes·scale, scale nil for one.
type operand struct {
	codes, scale *Node
	readers      int // linears

	// What has been built, or nil.
	product, transposed *Node
}

func (o *operand) value() *Node {
	if o.scale == nil {
		return o.codes
	}
	if o.product == nil {
		o.product = scaled(o.codes, o.scale)
	}
	return o.product
}

func quantWeight(f Format, w *Node) *operand {
	switch f {
	case Float32:
		return &operand{codes: w}
	case TernaryWeights:
		codes, scale := ternary.QuantWeights(w)
		return &operand{codes: codes, scale: scale}
	}
	exceptions.Panicf("quant: weights have no format %q, want %q or %q", f, Float32, TernaryWeights)
	return nil
}

func quantActivation(f Format, x *Node) *operand {
	switch f {
	case Float32:
		return &operand{codes: x}
	case Int8Tokens:
		codes, scale := ternary.QuantActivations(x)
		return &operand{codes: codes, scale: scale}
	}
	exceptions.Panicf("quant: activations have no format %q, want %q or %q", f, Float32, Int8Tokens)
	return nil
}

// product is Linear on x [rows, in] whose operands are quantised.
func product(s Spec, x, w *Node, qx, qw *operand) *Node {
	forward := func(in []*Node) *Node {
		if s == (Spec{}) {
			return MatMul(in[0], in[1])
		}
		scale := qx.scale
		switch {
		case scale == nil:
			scale = qw.scale
		case qw.scale != nil:
			scale = Mul(scale, qw.scale)
		}
		return scaled(StopGradient(MatMul(qx.codes, qw.codes)), vjp.Touch(scale, in...))
	}
	backward := func(dy *Node) []*Node {
		dx := Dot(dy, qw.value()).General([]int{1}, nil, []int{1}, nil)
		return []*Node{dx, qx.weightGradient(dy)}
	}
	return vjp.Custom([]*Node{x, w}, forward, backward)
}

// scaled multiplies x [rows, n] with a scale for each row or with a scalar.
func scaled(x, scale *Node) *Node {
	if scale.IsScalar() {
		return Mul(x, scale)
	}
	return rowwise.Scale(x, scale)
}

// weightGradient is xᵀ·ȳ for x = value [rows, in] and ȳ [rows, out]. The Go
// backend turns over what contracts rows, slowly, so x is turned over once for
// all linears that read it, or else the narrower operand is.
func (o *operand) weightGradient(dy *Node) *Node {
	x := o.value()
	if o.readers == 1 && x.Shape().Dim(1) > dy.Shape().Dim(1) {
		return Transpose(MatMul(Transpose(dy, 0, 1), x), 0, 1)
	}
	if o.transposed == nil {
		o.transposed = Transpose(x, 0, 1)
	}
	return MatMul(o.transposed, dy)
}
