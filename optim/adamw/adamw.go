package adamw

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

// Rule is AdamW as an update.Rule; the zero value is not valid, use New.
type Rule struct {
	beta1, beta2, eps float64
}

// New returns AdamW with its defaults.
func New() *Rule { return &Rule{beta1: 0.9, beta2: 0.95, eps: 1e-8} }

// WithBetas sets the decay rates of the two moments, each in [0, 1).
func (r *Rule) WithBetas(beta1, beta2 float64) *Rule {
	r.beta1, r.beta2 = beta1, beta2
	return r
}

// WithEpsilon sets the term added to the root of the second moment.
func (r *Rule) WithEpsilon(eps float64) *Rule {
	r.eps = eps
	return r
}

// Name implements update.Rule.
func (r *Rule) Name() string { return "adamw" }

// Momentum implements update.Rule.
func (r *Rule) Momentum() float64 { return r.beta1 }

// Check implements update.Rule: AdamW takes every shape, if its own settings
// are in range.
func (r *Rule) Check(update.Param) error {
	if r.beta1 < 0 || r.beta1 >= 1 || r.beta2 < 0 || r.beta2 >= 1 || r.eps <= 0 {
		return fmt.Errorf("adamw: betas %g and %g, want [0, 1), epsilon %g, want more than 0", r.beta1, r.beta2, r.eps)
	}
	return nil
}

// State implements update.Rule.
func (r *Rule) State(p update.Param) []update.Spec {
	return []update.Spec{
		{Name: "momentum", Shape: p.Shape, DType: dtypes.Float32},
		{Name: "second", Shape: p.Shape, DType: dtypes.Float32},
	}
}

// Accumulate implements update.Rule.
func (r *Rule) Accumulate(s update.Step, moments []*Node, g *Node) []*Node {
	second := ConstAs(s.Count, 1-r.beta2)
	return []*Node{s.Moment(moments[0], g, s.Complement), s.Moment(moments[1], Square(g), second)}
}

// Direction implements update.Rule. The corrections are scalars, folded into
// one factor each:
//
//	d = m · (1/c1) / (√v·(1/√c2) + ε)
func (r *Rule) Direction(s update.Step, _ update.Param, moments []*Node, _ *Node) *Node {
	c1 := s.Correction(s.Complement, 0)
	c2 := s.Correction(ConstAs(s.Count, 1-r.beta2), 0)
	root := Mul(Sqrt(moments[1]), Reciprocal(Sqrt(c2)))
	return Div(Mul(moments[0], Reciprocal(c1)), AddScalar(root, r.eps))
}
