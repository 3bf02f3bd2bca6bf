package quant

import (
	"hash/fnv"
	"strconv"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/emulate"
	"github.com/nanochat-go/nanochat/precision/hadamard"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/rounding"
	"github.com/nanochat-go/nanochat/precision/ternary"
)

// operand is a quantised operand: value = codes·scale, scale nil for one.
type operand struct {
	source *Node // what was quantised, a matrix
	codes  *Node
	scale  *Node

	turned bool // codes are transposed, for a quantiser whose axis was the first
	// estimate, or nil, turns the gradient of the codes into that of source, both
	// [source's shape], or transposed if turned.
	estimate func(g *Node) *Node

	readers int // linears

	// What has been built, or nil.
	product, transposed *Node
}

type operandKey struct {
	node  *Node
	q     policy.Quantizer
	axis  int
	noise string // where its random numbers come from, "" for none
}

// plain says whether o is its source.
func (o *operand) plain() bool { return o.codes == o.source }

// axis is where an axis of the source is in codes.
func (o *operand) axis(i int) int {
	if o.turned {
		return 1 - i
	}
	return i
}

// value is what the operand stands for, with the axes of codes.
func (o *operand) value() *Node {
	if o.scale == nil {
		return o.codes
	}
	if o.product == nil {
		o.product = scaled(o.codes, o.scale)
	}
	return o.product
}

// gradient is the gradient of source for g, that of the value with the shape of
// source or with rows and columns of zeros that were added.
func (o *operand) gradient(g *Node) *Node {
	g = cropped(g, o.source.Shape().Dimensions)
	if o.estimate == nil {
		return g
	}
	if o.turned {
		return Transpose(o.estimate(Transpose(g, 0, 1)), 0, 1)
	}
	return o.estimate(g)
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

// again is an operand of a backward product whose tensor the forward product has
// read as o.
func (l *linear) again(o *operand, name string, q policy.Quantizer, axis int) *operand {
	switch {
	case q.Direct():
		return o
	case q.Same:
		v := o.value()
		if o.turned {
			v = Transpose(v, 0, 1)
		}
		q.Same = false
		return l.operand(v, v, name, q, axis)
	}
	return l.operand(o.source, o.source, name, q, axis)
}

// operand quantises the matrix x, which is node in the graph but for leading axes,
// along the axis that the product contracts. A quantiser without chance is applied
// once to a node.
func (l *linear) operand(node, x *Node, name string, q policy.Quantizer, axis int) *operand {
	key := operandKey{node: node, q: q, axis: axis}
	if !turns(q, 0) {
		key.axis = 0 // either way the same
	}
	if q.Random() {
		key.noise = l.stream(name)
	}
	o := l.shared
	if have := o.seen[key]; have != nil {
		have.readers++
		return have
	}
	if o.seen == nil {
		o.seen = map[operandKey]*operand{}
	}
	made := l.quantise(x, name, q, axis)
	made.readers = 1
	o.seen[key] = made
	return made
}

func (l *linear) stream(name string) string {
	return l.path + "/" + name + "/" + strconv.Itoa(l.time)
}

// key is the random key of a place in this linear.
func (l *linear) key(place string) *Node {
	if l.shared.Key == nil {
		exceptions.Panicf("quant: %q: %s draws random numbers, which need the Key of Operands", l.path, place)
	}
	h := fnv.New32a()
	h.Write([]byte(l.stream(place)))
	return emulate.Key(l.shared.Key, h.Sum32())
}

// quantise applies q to x with blocks along an axis.
func (l *linear) quantise(x *Node, name string, q policy.Quantizer, axis int) *operand {
	o := &operand{source: x, codes: x}
	if q.IsZero() {
		return o
	}
	switch {
	case q.Format == policy.Ternary:
		o.codes, o.scale = ternary.QuantWeights(x)
		l.observe(name, q, x, o.value())
		return o
	case q.Format == policy.Int8 && q.Block == policy.Row && axis == 1 && q.Round == policy.Nearest && q.Clamp == 0 && q.Hadamard == 0:
		o.codes, o.scale = ternary.QuantActivations(x)
		l.observe(name, q, x, o.value())
		return o
	}
	x = StopGradient(x)
	if o.turned = turns(q, axis); o.turned {
		x = Transpose(x, 0, 1)
	}
	rows, cols := padding(x, q, o.turned == (axis == 0), name)
	x = extended(extended(x, 0, x.Shape().Dim(0)+rows), 1, x.Shape().Dim(1)+cols)
	whole := x
	var rest *Node
	if q.Clamp != 0 {
		x, rest = emulate.ClampOutliers(x, q.Clamp)
	}
	var signs *Node
	if q.Hadamard != 0 {
		signs = l.signs(x, name, q)
		x = hadamard.Transform(x, signs, q.Hadamard)
		whole = x
	}
	o.codes = l.round(x, name, q)
	if rest != nil {
		o.codes = Add(o.codes, rest)
	}
	l.observe(name, q, whole, o.codes)
	o.estimate = estimator(x, signs, q)
	return o
}

// turns says whether q wants the axis that the product contracts to be the last.
func turns(q policy.Quantizer, axis int) bool {
	return axis == 0 && (q.Block != policy.Tensor || q.Hadamard != 0)
}

// padding is how many rows and columns of zeros q wants behind x, whose last axis is
// the contracted one if along. Only a batch is of any size: it is the contracted axis
// of wgrad and the other one of x and ȳ elsewhere.
func padding(x *Node, q policy.Quantizer, along bool, name string) (rows, cols int) {
	if !along {
		return 0, 0
	}
	missing := func(n, multiple int) int { return (multiple - n%multiple) % multiple }
	wgrad := name == "wgrad.dy" || name == "wgrad.x"
	if q.Pad || wgrad {
		cols = missing(x.Shape().Dim(1), q.Multiple())
	}
	if q.Pad || name == "fprop.x" || name == "dgrad.dy" {
		rows = missing(x.Shape().Dim(0), max(1, q.Block.Rows))
	}
	return rows, cols
}

// signs are those of a Hadamard transform. Both operands of a product have the same.
func (l *linear) signs(x *Node, name string, q policy.Quantizer) *Node {
	switch q.Signs {
	case policy.Fixed:
		return Const(x.Graph(), hadamard.Signs(rounding.Derive(uint64(q.Hadamard)), q.Hadamard))
	case policy.Fresh:
		u := emulate.Uniforms(l.key(name[:5]+".signs"), shapes.Make(x.DType(), q.Hadamard), 1)
		return OneMinus(MulScalar(u, 4)) // 0 and 1/2 become 1 and -1
	}
	return nil
}

// round is x as the format has it, without estimators.
func (l *linear) round(x *Node, name string, q policy.Quantizer) *Node {
	uniforms := func(bits int) *Node {
		if q.Round != policy.Stochastic && q.Round != policy.ThreeQuarters {
			return nil
		}
		return emulate.Uniforms(l.key(name), x.Shape(), bits)
	}
	switch q.Format {
	case policy.BFloat16:
		return emulate.BFloat16(x, uniforms(16))
	case policy.Int8:
		return emulate.Int8(x, scales(x, q), uniforms(17))
	case policy.NVFP4:
		u := uniforms(minifloat.E2M1.UniformBits())
		if q.Block.Rows > 1 {
			return emulate.NVFP4Tiles(x, u)
		}
		return emulate.NVFP4(x, u)
	case policy.MXFP4, policy.MXFP8, policy.MXFP8E5M2:
		return roundMX(x, q, uniforms(element(q.Format).UniformBits()))
	}
	f := element(q.Format)
	return emulate.Scaled(f, x, scales(x, q), uniforms(f.UniformBits()))
}

func roundMX(x *Node, q policy.Quantizer, u *Node) *Node {
	if q.Scale == "quest" {
		y, _ := emulate.QuEST(x)
		return y
	}
	f := mxFormat(q)
	y := emulate.MX(f, x, u)
	if f.ThreeQuarters {
		y = MulScalar(y, 4.0/3)
	}
	return y
}

// mxFormat is the format of package mx for q.
func mxFormat(q policy.Quantizer) mx.Format {
	f := mx.Format{Elem: element(q.Format), ThreeQuarters: q.Round == policy.ThreeQuarters}
	if q.Scale != "" {
		rule, err := mx.ParseRule(q.Scale)
		if err != nil {
			exceptions.Panicf("quant: %v", err)
		}
		f.Scale = rule
	}
	return f
}

// element is the element format of a policy's format.
func element(f policy.Format) minifloat.Format {
	switch f {
	case policy.E2M1, policy.MXFP4, policy.NVFP4:
		return minifloat.E2M1
	case policy.E4M3, policy.MXFP8:
		return minifloat.E4M3
	case policy.E5M2, policy.MXFP8E5M2:
		return minifloat.E5M2
	}
	exceptions.Panicf("quant: format %q is unknown, want one of %q", f, policy.Formats())
	return 0
}

func scales(x *Node, q policy.Quantizer) emulate.Scales {
	s := emulate.Scales{Pow2: q.Pow2}
	switch q.Block {
	case policy.Tensor:
	case policy.Row:
		s.Cols = x.Shape().Dim(1)
	default:
		s.Rows, s.Cols = q.Block.Rows, q.Block.Cols
	}
	return s
}

// estimator is what q does to the gradient of its result x, or nil.
func estimator(x, signs *Node, q policy.Quantizer) func(g *Node) *Node {
	switch {
	case q.Slope != 0:
		return func(g *Node) *Node { return Mul(g, emulate.Slope(x, scales(x, q), q.Slope)) }
	case q.Hadamard != 0:
		return func(g *Node) *Node {
			if q.Scale == "quest" {
				_, inside := emulate.QuEST(x)
				g = Mul(g, inside)
			}
			return hadamard.Restore(g, signs, q.Hadamard)
		}
	case q.Scale == "quest":
		return func(g *Node) *Node {
			_, inside := emulate.QuEST(x)
			return Mul(g, inside)
		}
	}
	return nil
}
