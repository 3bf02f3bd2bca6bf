package quant

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/rowwise"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// Policy chooses the recipe of the linear whose weight has the given path.
// policy.Table is one.
type Policy interface {
	Recipe(path string) policy.Recipe
}

// Uniform is the Policy that gives every linear the same recipe.
type Uniform policy.Recipe

// Recipe returns u for every path.
func (u Uniform) Recipe(string) policy.Recipe { return policy.Recipe(u) }

// Linear returns x·w computed as r says, with x [..., in] and w [in, out]; the
// result is [..., out] in x's dtype. It panics on shapes that do not fit the product
// or the blocks of r, and in a gradient if r rounds by chance: that wants Operands
// with a Key.
func Linear(r policy.Recipe, x, w *Node) *Node { return new(Operands).Linear("", r, x, w) }

// Operands is what the linears of one graph have in common. It remembers what it
// has quantised, so that linears that read the same activations, as a query, a key
// and a value do, or the same weight, quantise it once. The zero value is ready.
type Operands struct {
	// Key, a uint32 scalar that differs from step to step, is what random numbers
	// depend on. A graph without gradients needs none.
	Key *Node

	// Observe, when set, is given measures of each operand that is quantised, in the
	// order in which the graph is built: those of the backward products while a
	// gradient is being taken.
	Observe func(Health)

	seen  map[operandKey]*operand
	times map[string]int // how often a path has been asked for
}

// Linear is the function Linear with operands that are shared. The path of the
// weight and Key are what the random numbers of its gradient depend on.
func (o *Operands) Linear(path string, r policy.Recipe, x, w *Node) *Node {
	if w.Rank() != 2 || x.Rank() < 2 || x.Shape().Dim(-1) != w.Shape().Dim(0) {
		exceptions.Panicf("quant: linear of x %s and w %s, want [..., in] and [in, out]", x.Shape(), w.Shape())
	}
	if o.times == nil {
		o.times = map[string]int{}
	}
	l := &linear{shared: o, path: path, time: o.times[path], recipe: r}
	o.times[path]++
	dims := x.Shape().Dimensions
	flat := Reshape(x, -1, dims[len(dims)-1])
	l.x = l.operand(x, flat, "fprop.x", r.Fprop.X, 1)
	l.w = l.operand(w, w, "fprop.w", r.Fprop.W, 0)
	y := vjp.Custom([]*Node{flat, w}, l.forward, l.backward)
	return Reshape(y, append(append([]int{}, dims[:len(dims)-1]...), w.Shape().Dim(1))...)
}

// linear is one linear of a graph.
type linear struct {
	shared *Operands
	path   string
	time   int
	recipe policy.Recipe
	x, w   *operand // of the forward product
}

// forward is fprop.
func (l *linear) forward(in []*Node) *Node {
	if l.x.plain() && l.w.plain() {
		return MatMul(in[0], in[1])
	}
	scale := l.x.scale
	switch {
	case scale == nil:
		scale = l.w.scale
	case l.w.scale != nil:
		scale = Mul(scale, l.w.scale)
	}
	// Whole numbers are multiplied without their scales, which is exact.
	y := contract(l.x.codes, l.x.axis(1), l.w.codes, l.w.axis(0))
	y = StopGradient(cropped(y, []int{in[0].Shape().Dim(0), in[1].Shape().Dim(1)}))
	if scale == nil {
		return vjp.Touch(y, in...)
	}
	return scaled(y, vjp.Touch(scale, in...))
}

// backward is dgrad and wgrad, and what the quantisers of the forward product do to
// gradients.
func (l *linear) backward(dy *Node) []*Node {
	d, g := l.recipe.Dgrad, l.recipe.Wgrad
	a, w := l.operand(dy, dy, "dgrad.dy", d.DY, 1), l.again(l.w, "dgrad.w", d.W, 1)
	dx := contract(a.value(), a.axis(1), w.value(), w.axis(1))
	b, x := l.operand(dy, dy, "wgrad.dy", g.DY, 0), l.again(l.x, "wgrad.x", g.X, 0)
	var dw *Node
	if !b.turned && !x.turned {
		dw = x.weightGradient(b.value())
	} else {
		dw = contract(x.value(), x.axis(0), b.value(), b.axis(0))
	}
	return []*Node{l.x.gradient(dx), l.w.gradient(dw)}
}

// contract is Σ over axis i of a and axis j of b, [rest of a, rest of b]. The
// shorter axis goes on with zeros.
func contract(a *Node, i int, b *Node, j int) *Node {
	n := max(a.Shape().Dim(i), b.Shape().Dim(j))
	a, b = extended(a, i, n), extended(b, j, n)
	if i == 1 && j == 0 {
		return MatMul(a, b)
	}
	return Dot(a, b).General([]int{i}, nil, []int{j}, nil)
}

// scaled multiplies x [rows, n] with a scale for each row or with a scalar.
func scaled(x, scale *Node) *Node {
	if scale.IsScalar() {
		return Mul(x, scale)
	}
	return rowwise.Scale(x, scale)
}

// extended is the matrix x with zeros behind it along an axis, n in all.
func extended(x *Node, axis, n int) *Node {
	if x.Shape().Dim(axis) == n {
		return x
	}
	pads := make([]PadAxis, 2)
	pads[axis].End = n - x.Shape().Dim(axis)
	return Pad(x, ScalarZero(x.Graph(), x.DType()), pads...)
}

// cropped is the first of the rows and columns of x, dims of them.
func cropped(x *Node, dims []int) *Node {
	for axis, n := range dims {
		if x.Shape().Dim(axis) > n {
			x = SliceAxis(x, axis, AxisRange(0, n))
		}
	}
	return x
}
