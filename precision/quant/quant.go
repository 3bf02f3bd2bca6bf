package quant

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

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
func Linear(s Spec, x, w *Node) *Node {
	if w.Rank() != 2 || x.Rank() < 2 || x.Shape().Dim(-1) != w.Shape().Dim(0) {
		exceptions.Panicf("quant: linear of x %s and w %s, want [..., in] and [in, out]", x.Shape(), w.Shape())
	}
	dims := x.Shape().Dimensions
	rows := Reshape(x, -1, dims[len(dims)-1])
	y := product(s, rows, w)
	return Reshape(y, append(append([]int{}, dims[:len(dims)-1]...), w.Shape().Dim(1))...)
}

// operand is a quantised operand: value = codes·scale, scale nil for one.
type operand struct{ codes, scale *Node }

func (o operand) value() *Node {
	if o.scale == nil {
		return o.codes
	}
	return Mul(o.codes, o.scale)
}

func quantWeight(f Format, w *Node) operand {
	switch f {
	case Float32:
		return operand{codes: w}
	case TernaryWeights:
		codes, scale := ternary.QuantWeights(w)
		return operand{codes, scale}
	}
	exceptions.Panicf("quant: weights have no format %q, want %q or %q", f, Float32, TernaryWeights)
	return operand{}
}

func quantActivation(f Format, x *Node) operand {
	switch f {
	case Float32:
		return operand{codes: x}
	case Int8Tokens:
		codes, scale := ternary.QuantActivations(x)
		return operand{codes, scale}
	}
	exceptions.Panicf("quant: activations have no format %q, want %q or %q", f, Float32, Int8Tokens)
	return operand{}
}

// product is Linear on x [rows, in].
func product(s Spec, x, w *Node) *Node {
	qx, qw := quantActivation(s.Activation, x), quantWeight(s.Weight, w)
	forward := func(in []*Node) *Node {
		if s == (Spec{}) {
			return MatMul(in[0], in[1])
		}
		y := MatMul(qx.codes, qw.codes)
		for _, scale := range []*Node{qx.scale, qw.scale} {
			if scale != nil {
				y = Mul(y, scale)
			}
		}
		return vjp.Touch(StopGradient(y), in...)
	}
	backward := func(dy *Node) []*Node {
		wide, narrow := dy, qw.codes
		if qw.scale != nil {
			wide = Mul(dy, qw.scale) // the scalar commutes with the product
		}
		dx := Dot(wide, narrow).General([]int{1}, nil, []int{1}, nil)
		return []*Node{dx, weightGradient(qx.value(), dy)}
	}
	return vjp.Custom([]*Node{x, w}, forward, backward)
}

// weightGradient is xᵀ·ȳ for x [rows, in] and ȳ [rows, out]. The Go backend
// turns over what contracts rows, slowly, so the narrower operand is chosen for
// it.
func weightGradient(x, dy *Node) *Node {
	if x.Shape().Dim(1) <= dy.Shape().Dim(1) {
		return MatMul(Transpose(x, 0, 1), dy)
	}
	return Transpose(MatMul(Transpose(dy, 0, 1), x), 0, 1)
}
