package sgd

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Rule is SGD as an update.Rule; the zero value is valid and has no momentum.
type Rule struct {
	momentum float64
	nesterov bool
}

// New returns SGD with its defaults.
func New() *Rule { return &Rule{momentum: 0.9} }

// WithMomentum sets μ in [0, 1).
func (r *Rule) WithMomentum(mu float64) *Rule { r.momentum = mu; return r }

// WithNesterov looks ahead along the momentum.
func (r *Rule) WithNesterov(on bool) *Rule { r.nesterov = on; return r }

// Optimizer starts the optimizer of a plain GoMLX program: SGD for every
// parameter.
func (r *Rule) Optimizer(lr float64) *optim.Builder { return optim.Build(r, r, lr) }

// Name implements update.Rule.
func (r *Rule) Name() string { return "sgd" }

// Momentum implements update.Rule.
func (r *Rule) Momentum() float64 { return r.momentum }

// Check implements update.Rule: SGD takes every shape, if its own settings are
// in range.
func (r *Rule) Check(update.Param) error {
	if !(r.momentum >= 0 && r.momentum < 1) {
		return fmt.Errorf("sgd: momentum %g, want [0, 1)", r.momentum)
	}
	return nil
}

// State implements update.Rule.
func (r *Rule) State(p update.Param) []update.Spec {
	return []update.Spec{{Name: "momentum", Shape: p.Shape, DType: dtypes.Float32}}
}

// Accumulate implements update.Rule. The gradient enters whole, not as a share
// of an average.
func (r *Rule) Accumulate(s update.Step, moments []*Node, g update.Grad) []*Node {
	return []*Node{s.Moment(moments[0], g.Value(), s.Complement)}
}

// Direction implements update.Rule.
func (r *Rule) Direction(s update.Step, _ update.Param, m update.Moments, g update.Grad) (u, scale *Node) {
	u = m.After[0]
	if r.nesterov {
		u = s.Moment(u, g.Value(), s.Complement)
	}
	return u, OnesLike(s.Count)
}
