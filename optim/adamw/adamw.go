package adamw

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/nanochat-go/nanochat/optim"
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

// FromScope replaces settings by the hyperparameters of a store that are set:
// GoMLX's own adam_beta1, adam_beta2 and adam_epsilon.
func (r *Rule) FromScope(scope *model.Scope) *Rule {
	r.beta1 = model.GetParamOr(scope, optimizer.ParamAdamBeta1, r.beta1)
	r.beta2 = model.GetParamOr(scope, optimizer.ParamAdamBeta2, r.beta2)
	r.eps = model.GetParamOr(scope, optimizer.ParamAdamEpsilon, r.eps)
	return r
}

// Optimizer starts the optimizer of a plain GoMLX program: AdamW for every
// parameter.
func (r *Rule) Optimizer(lr float64) *optim.Builder { return optim.Build(r, r, lr) }

// Name implements update.Rule.
func (r *Rule) Name() string { return "adamw" }

// Momentum implements update.Rule.
func (r *Rule) Momentum() float64 { return r.beta1 }

// Check implements update.Rule: AdamW takes every shape, if its own settings
// are in range.
func (r *Rule) Check(update.Param) error {
	if !(r.beta1 >= 0 && r.beta1 < 1 && r.beta2 >= 0 && r.beta2 < 1 && r.eps > 0) {
		return fmt.Errorf("adamw: betas %g and %g, want [0, 1), epsilon %g, want more than 0", r.beta1, r.beta2, r.eps)
	}
	return nil
}

// State implements update.Rule.
func (r *Rule) State(p update.Param) []update.Spec {
	return []update.Spec{
		{Name: "momentum", Shape: p.Shape, DType: dtypes.Float32},
		{Name: "second", Shape: p.Shape, DType: dtypes.Float32, NonNegative: true},
	}
}

// Accumulate implements update.Rule.
func (r *Rule) Accumulate(s update.Step, moments []*Node, g update.Grad) []*Node {
	second := ConstAs(s.Count, 1-r.beta2)
	return []*Node{
		s.Moment(moments[0], g.Times(s.Complement), s.Complement),
		s.Moment(moments[1], g.SquaresTimes(second), second),
	}
}

// Direction implements update.Rule. The corrections c = 1-β^t are scalars and
// leave the tensors with three passes:
//
//	u = m / (√v + ε·√c2),  s = √c2 / c1
func (r *Rule) Direction(s update.Step, _ update.Param, m update.Moments, _ update.Grad) (u, scale *Node) {
	c1 := s.Correction(s.Complement, 0)
	root := Sqrt(s.Correction(ConstAs(s.Count, 1-r.beta2), 0))
	return Div(m.After[0], Add(Sqrt(m.After[1]), MulScalar(root, r.eps))), Div(root, c1)
}
