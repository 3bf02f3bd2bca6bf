package update

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Param describes a parameter to the optimizer.
type Param struct {
	Name  string // path of its variable without the leading slash
	Shape []int
	Class string // for routing: "matrix", "embedding", "head", "vector" or the caller's own
	// FanIn and FanOut are the axes of Shape, -1 where there is none.
	FanIn, FanOut int
	// Window lists further axes that belong to the fan-in, such as the window of
	// a convolution. Axes that are in none of these hold independent matrices:
	// stacked layers, experts.
	Window []int
	// Parts are sizes along the fan-out that hold matrices of their own, such as
	// the query, key and value of a fused projection; nil for one.
	Parts []int
}

// Size is the number of values.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Spec declares one state tensor of a parameter.
type Spec struct {
	Name  string // "momentum", "second", …
	Shape []int
	DType dtypes.DType
	// NonNegative says that the values are never below zero and that small ones
	// matter, because they are divided by.
	NonNegative bool
}

// Bytes is the size of the tensor.
func (s Spec) Bytes() int64 {
	n := int64(s.DType.Size())
	for _, d := range s.Shape {
		n *= int64(d)
	}
	return n
}

// Grad is the gradient of a parameter together with the factor of clipping.
// A rule multiplies gradients with scalars anyway, and one multiplication does
// for both.
type Grad struct {
	raw, factor *Node // factor nil: 1
	squares     *Node // nil: the squares of raw
}

// NewGrad returns raw·factor, a scalar; nil is 1.
func NewGrad(raw, factor *Node) Grad { return Grad{raw: raw, factor: factor} }

// Map returns the gradient that f makes of the raw one; f is linear, so that
// the factor commutes with it. squares, if not nil, stands for the squares of
// the result's elements where a rule wants them.
func (g Grad) Map(f func(raw *Node) (mapped, squares *Node)) Grad {
	mapped, squares := f(g.raw)
	return Grad{mapped, g.factor, squares}
}

// Parts returns what the gradient is the product of: the raw one, and the scalar
// factor of clipping, nil for 1.
func (g Grad) Parts() (raw, factor *Node) { return g.raw, g.factor }

// Value returns the gradient.
func (g Grad) Value() *Node {
	if g.factor == nil {
		return g.raw
	}
	return Mul(g.raw, g.factor)
}

// Times returns the gradient times a scalar.
func (g Grad) Times(c *Node) *Node {
	if g.factor != nil {
		c = Mul(c, g.factor)
	}
	return Mul(g.raw, c)
}

// SquaresTimes returns the squares of the gradient's elements times a scalar.
func (g Grad) SquaresTimes(c *Node) *Node {
	root := Sqrt(c)
	if g.squares == nil {
		return Square(g.Times(root))
	}
	if g.factor != nil {
		root = Mul(root, g.factor)
	}
	return Mul(g.squares, Square(root))
}

// Step holds the scalars of one step, float32 graph nodes.
type Step struct {
	Count      *Node // the number of this update, counted from 1
	Complement *Node // 1-β of the rule's first moment, an input of the graph
	Counts     *Node // bool: the step is not one to be skipped
}

// Space is where the moments of a parameter live, if not where the parameter
// does.
type Space interface {
	// Name identifies the space in tables.
	Name() string
	// Check says why a parameter cannot have the space.
	Check(p Param) error
	// Inner is the parameter as the rule sees it while it accumulates, and Lifted
	// as it sees it when it takes a direction.
	Inner(p Param) Param
	Lifted(p Param) Param
	// Factor is multiplied with the learning rate.
	Factor() float64
	// Down returns the gradient of the inner parameter. basis is the space's own
	// state, here and below, empty if it is no Basis.
	Down(p Param, basis []*Node, g Grad) Grad
	// LiftMoments returns the moments that specs declare and the gradient from
	// which the rule takes its direction.
	LiftMoments(p Param, basis []*Node, specs []Spec, m Moments, down, g Grad) (Moments, Grad)
	// LiftDirection turns the direction into one of the parameter's shape.
	LiftDirection(p Param, basis []*Node, d *Node, down, g Grad) *Node
}

// Basis is a Space with state of its own that changes now and then.
type Basis interface {
	Space
	// State declares the basis of a parameter. All of it being zero means that
	// there is none yet.
	State(p Param) []Spec
	// Stored is how what is float32 of the basis is kept between steps; the rest
	// is kept as it is.
	Stored() Storage
	// Refresh returns the bases of parameters for the step, of which any number may
	// change, in their order. All that have the space and a gradient come at once,
	// so that the program of a change is there once and not for each of them. In a
	// step that does not count none changes.
	Refresh(s Step, of []Held) []Renewed
	// Carry takes the moments that specs declare over into the basis for the step.
	Carry(p Param, r Renewed, specs []Spec, moments []*Node) []*Node
}

// Held is a parameter with what is kept of its basis from the step before.
type Held struct {
	Param Param
	// Turn is the parameter's place, from 0, among the Of that have the space, so
	// that they need not all change at once.
	Turn, Of int
	Kept     [][]*Node // by State and the Specs of its storage
	Grad     Grad
	Key      Key
}

// Renewed is the basis for a step, what is kept of it, and what the space wants to
// know about its change to carry moments over.
type Renewed struct {
	Basis  []*Node
	Kept   [][]*Node
	Change []*Node
}

// Noise returns uniform random bits of a shape, uint32. They depend on the step
// and the state tensor only.
type Noise func(shape shapes.Shape) *Node

// Storage keeps the float32 state of a rule between steps; package storage has
// implementations.
type Storage interface {
	// Name identifies the storage in tables.
	Name() string
	// Check says why a state tensor cannot be kept so.
	Check(s Spec) error
	// Specs declares what is kept of the tensor that s declares. All of it being
	// zero means a tensor of zeros.
	Specs(s Spec) []Spec
	// Load returns the tensor from what is kept, in the order of Specs.
	Load(s Spec, kept []*Node) *Node
	// Store returns what is kept of the tensor x.
	Store(s Spec, x *Node, noise Noise) []*Node
}

// Moments are what a rule keeps for a parameter, in the order of its State,
// before and after the gradient of this step was accumulated.
type Moments struct{ Before, After []*Node }

// Rule is a base optimizer: how moments accumulate and which direction they
// give. It does not care about steps that must be skipped: what it returns for
// them is thrown away.
type Rule interface {
	// Name identifies the rule in tables and files.
	Name() string
	// Momentum is the default decay rate β of the first moment.
	Momentum() float64
	// Check says why the rule cannot serve a parameter.
	Check(p Param) error
	// State declares what the rule keeps for a parameter.
	State(p Param) []Spec
	// Accumulate returns the moments, in the order of State, after gradient g.
	Accumulate(s Step, moments []*Node, g Grad) []*Node
	// Direction returns u of w's shape and the scalar s; η·s·u is subtracted. A
	// factor belongs in s, where it costs nothing, and not in u.
	Direction(s Step, p Param, m Moments, g Grad) (u, scale *Node)
}

// Moment returns the moving average (1-complement)·m + part, where part is
// complement times what is averaged.
func (Step) Moment(m, part, complement *Node) *Node {
	return Add(Mul(m, OneMinus(complement)), part)
}

// Finisher is a Rule with state that its direction feeds, and that its moments
// do not need.
type Finisher interface {
	Rule
	// Late declares that state, float32 always; nil for none.
	Late(p Param) []Spec
	// Finish returns what replaces the direction u, and the state afterwards.
	Finish(s Step, p Param, late []*Node, u *Node) (*Node, []*Node)
}

// Correction returns 1-β^t for β = 1-complement and t = Count+shift, without
// the cancellation of the naive form.
func (s Step) Correction(complement *Node, shift int) *Node {
	t := AddScalar(s.Count, shift)
	return Neg(Expm1(Mul(t, Log1P(Neg(complement)))))
}
