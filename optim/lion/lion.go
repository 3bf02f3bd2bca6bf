package lion

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Rule is Lion as an update.Rule; the zero value is not valid, use New.
type Rule struct {
	beta1, beta2 float64
}

// New returns Lion with its defaults.
func New() *Rule { return &Rule{beta1: 0.9, beta2: 0.99} }

// WithBetas sets the share of the moment in the direction and the decay rate of
// the moment, each in [0, 1).
func (r *Rule) WithBetas(beta1, beta2 float64) *Rule {
	r.beta1, r.beta2 = beta1, beta2
	return r
}

// Optimizer starts the optimizer of a plain GoMLX program: Lion for every
// parameter.
func (r *Rule) Optimizer(lr float64) *optim.Builder { return optim.Build(r, r, lr) }

// Name implements update.Rule.
func (r *Rule) Name() string { return "lion" }

// Momentum implements update.Rule: β2, at which the moment decays.
func (r *Rule) Momentum() float64 { return r.beta2 }

// Check implements update.Rule: Lion takes every shape, if its own settings
// are in range.
func (r *Rule) Check(update.Param) error {
	if !(r.beta1 >= 0 && r.beta1 < 1 && r.beta2 >= 0 && r.beta2 < 1) {
		return fmt.Errorf("lion: betas %g and %g, want [0, 1)", r.beta1, r.beta2)
	}
	return nil
}

// State implements update.Rule.
func (r *Rule) State(p update.Param) []update.Spec {
	return []update.Spec{{Name: "momentum", Shape: p.Shape, DType: dtypes.Float32}}
}

// Accumulate implements update.Rule.
func (r *Rule) Accumulate(s update.Step, moments []*Node, g update.Grad) []*Node {
	return []*Node{s.Moment(moments[0], g.Times(s.Complement), s.Complement)}
}

// Direction implements update.Rule.
func (r *Rule) Direction(s update.Step, _ update.Param, m update.Moments, g update.Grad) (u, scale *Node) {
	c := Add(MulScalar(m.Before[0], r.beta1), g.Times(ConstAs(s.Count, 1-r.beta1)))
	return Sign(c), OnesLike(s.Count)
}
