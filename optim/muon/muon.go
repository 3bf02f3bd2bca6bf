package muon

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Scale chooses the factor on the orthogonalised update.
type Scale string

// The scales, see the package comment.
const (
	Original Scale = "original"
	MatchRMS Scale = "match_rms"
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
}

// New returns Muon with its defaults.
func New() *Rule {
	return &Rule{momentum: 0.95, nesterov: true, scale: Original, orth: orthogonal.Classic(5)}
}

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
	if len(p.Shape) != 2 {
		return fmt.Errorf("muon: %s has shape %v, want a matrix; route it to another rule", p.Name, p.Shape)
	}
	if p.FanIn+p.FanOut != 1 || p.FanIn < 0 || p.FanOut < 0 {
		return fmt.Errorf("muon: %s has fan axes %d and %d, want 0 and 1 in some order", p.Name, p.FanIn, p.FanOut)
	}
	if r.momentum < 0 || r.momentum >= 1 {
		return fmt.Errorf("muon: momentum %g, want [0, 1)", r.momentum)
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
func (r *Rule) Accumulate(s update.Step, moments []*Node, g *Node) []*Node {
	return []*Node{s.Moment(moments[0], g, s.Complement)}
}

// Direction implements update.Rule.
func (r *Rule) Direction(s update.Step, p update.Param, moments []*Node, g *Node) *Node {
	u := moments[0]
	if r.nesterov {
		old, fresh := OneMinus(s.Complement), s.Complement
		if r.corrected {
			old = Div(old, s.Correction(s.Complement, 1))
			fresh = Div(fresh, s.Correction(s.Complement, 0))
		}
		u = Add(Mul(u, old), Mul(g, fresh))
	} else if r.corrected {
		u = Div(u, s.Correction(s.Complement, 0))
	}
	return MulScalar(r.orth.Orthogonalize(u), r.Factor(p))
}

// Factor is the scale s of a parameter.
func (r *Rule) Factor(p update.Param) float64 {
	in, out := float64(p.Shape[p.FanIn]), float64(p.Shape[p.FanOut])
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
