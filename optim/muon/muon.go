package muon

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Scale chooses the factor on the orthogonalised update.
type Scale string

// The scales, see the package comment.
const (
	Original Scale = "original"
	MatchRMS Scale = "match_rms" // the default
	Spectral Scale = "spectral"
	NoScale  Scale = "none"
)

// Rule is Muon as an update.Rule; the zero value is not valid, use New.
type Rule struct {
	momentum  float64
	nesterov  bool
	corrected bool
	scale     Scale
	orth      orthogonal.Preset
	neuron    float64 // decay rate of NorMuon, 0: none
}

// Hyperparameters that FromScope reads.
const (
	ParamMomentum = "muon_momentum" // float64
	ParamNesterov = "muon_nesterov" // bool
	ParamScale    = "muon_scale"    // string, one of the scales
)

// New returns Muon with its defaults.
func New() *Rule {
	return &Rule{momentum: 0.95, nesterov: true, scale: MatchRMS, orth: orthogonal.Classic(5)}
}

// FromScope replaces settings by the hyperparameters of a store that are set.
func (r *Rule) FromScope(scope *model.Scope) *Rule {
	r.momentum = model.GetParamOr(scope, ParamMomentum, r.momentum)
	r.nesterov = model.GetParamOr(scope, ParamNesterov, r.nesterov)
	r.scale = Scale(model.GetParamOr(scope, ParamScale, string(r.scale)))
	return r
}

// WithNeuronNorm makes the rule NorMuon: rows of the step, along its longer
// side, are divided by the root of a moving average of their mean squares with
// decay rate beta2 in [0, 1); 0 is Muon, 0.95 the paper's.
func (r *Rule) WithNeuronNorm(beta2 float64) *Rule { r.neuron = beta2; return r }

// Optimizer starts the optimizer of a plain GoMLX program: Muon for the
// matrices inside the model and AdamW for everything else, both at the same
// rate, which suits the scale MatchRMS.
func (r *Rule) Optimizer(lr float64) *optim.Builder { return optim.Build(r, adamw.New(), lr) }

// WithMomentum sets μ in [0, 1).
func (r *Rule) WithMomentum(mu float64) *Rule { r.momentum = mu; return r }

// WithNesterov switches the Nesterov mix.
func (r *Rule) WithNesterov(on bool) *Rule { r.nesterov = on; return r }

// WithBiasCorrection corrects each part of the mix for its start at zero.
func (r *Rule) WithBiasCorrection(on bool) *Rule { r.corrected = on; return r }

// WithScale chooses the update's scale.
func (r *Rule) WithScale(s Scale) *Rule { r.scale = s; return r }

// WithOrthogonalizer replaces the Newton–Schulz preset.
func (r *Rule) WithOrthogonalizer(p orthogonal.Preset) *Rule { r.orth = p; return r }

// Name implements update.Rule.
func (r *Rule) Name() string { return "muon" }

// Momentum implements update.Rule.
func (r *Rule) Momentum() float64 { return r.momentum }

// Check implements update.Rule.
func (r *Rule) Check(p update.Param) error {
	if err := checkAxes(p); err != nil {
		return err
	}
	if !(r.momentum >= 0 && r.momentum < 1) {
		return fmt.Errorf("muon: momentum %g, want [0, 1)", r.momentum)
	}
	if !(r.neuron >= 0 && r.neuron < 1) {
		return fmt.Errorf("muon: neuron norm %g, want [0, 1)", r.neuron)
	}
	if r.neuron > 0 && !plain(p) {
		return fmt.Errorf("muon: %s of shape %v is no single matrix, which the neuron norm wants", p.Name, p.Shape)
	}
	if len(r.orth.Steps) == 0 {
		return fmt.Errorf("muon: orthogonalizer without steps; package orthogonal has presets")
	}
	switch r.scale {
	case Original, MatchRMS, Spectral, NoScale:
		return nil
	}
	return fmt.Errorf("muon: scale %q, want %q, %q, %q or %q", r.scale, Original, MatchRMS, Spectral, NoScale)
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
func (r *Rule) Direction(s update.Step, p update.Param, m update.Moments, g update.Grad) (u, scale *Node) {
	u = m.After[0]
	if r.nesterov {
		old, fresh := OneMinus(s.Complement), s.Complement
		if r.corrected {
			old = Div(old, s.Correction(s.Complement, 1))
			fresh = Div(fresh, s.Correction(s.Complement, 0))
		}
		u = Add(Mul(u, old), g.Times(fresh))
	} else if r.corrected {
		u = Div(u, s.Correction(s.Complement, 0))
	}
	if plain(p) {
		return r.orth.Orthogonalize(u), ConstAs(s.Count, r.Factor(p))
	}
	u = eachMatrix(p, u, func(x *Node, out int) *Node {
		return MulScalar(r.orth.Orthogonalize(x), r.factor(fanIn(p), out))
	})
	return u, OnesLike(s.Count)
}

// Factor is the scale s of a parameter without parts.
func (r *Rule) Factor(p update.Param) float64 { return r.factor(fanIn(p), p.Shape[p.FanOut]) }

func (r *Rule) factor(inputs, outputs int) float64 {
	in, out := float64(inputs), float64(outputs)
	switch r.scale {
	case MatchRMS:
		return 0.2 * math.Sqrt(max(in, out))
	case Spectral:
		return math.Sqrt(out / in)
	case NoScale:
		return 1
	}
	return math.Sqrt(max(1, out/in))
}
