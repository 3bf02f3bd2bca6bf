package update

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Param describes a parameter to the optimizer.
type Param struct {
	Name  string // path of its variable without the leading slash
	Shape []int
	Class string // for routing: "matrix", "embedding", "head", "vector" or the caller's own
	// FanIn and FanOut are the axes of Shape, -1 where there is none.
	FanIn, FanOut int
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
}

// Bytes is the size of the tensor.
func (s Spec) Bytes() int64 {
	n := int64(s.DType.Size())
	for _, d := range s.Shape {
		n *= int64(d)
	}
	return n
}

// Step holds the scalars of one step, float32 graph nodes.
type Step struct {
	// Count is the number of this update, counted from 1.
	Count *Node
	// Decay is what a moment keeps, 1-Gain, and Gain what it takes from the
	// gradient. On a skipped step they are 1 and 0, so that nothing changes.
	Decay, Gain func(complement *Node) *Node
	// Complement is 1-β of the rule's first moment, an input of the graph.
	Complement *Node
}

// Rule is a base optimizer: how moments accumulate and which direction they
// give.
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
	Accumulate(s Step, moments []*Node, g *Node) []*Node
	// Direction returns u of w's shape, to be subtracted times the rate.
	Direction(s Step, p Param, moments []*Node, g *Node) *Node
}

// Moment returns the moving average m of the gradient g with decay 1-complement.
func (s Step) Moment(m, g, complement *Node) *Node {
	return Add(Mul(m, s.Decay(complement)), Mul(g, s.Gain(complement)))
}

// Correction returns 1-β^t for β = 1-complement and t = Count+shift, without
// the cancellation of the naive form.
func (s Step) Correction(complement *Node, shift int) *Node {
	t := AddScalar(s.Count, shift)
	return Neg(Expm1(Mul(t, Log1P(Neg(complement)))))
}
