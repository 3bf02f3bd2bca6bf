package galore

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Moments says what happens to the moments at a refresh.
type Moments string

// The choices for the moments.
const (
	Keep   Moments = "keep"
	Reset  Moments = "reset"
	Rotate Moments = "rotate"
)

// Side says which side of a matrix is compressed.
type Side string

// The choices for the side. Both compresses to rank × rank.
const (
	Smaller Side = "smaller"
	Larger  Side = "larger"
	FanIn   Side = "fan_in"
	FanOut  Side = "fan_out"
	Both    Side = "both"
)

// method says how a step leaves the subspace.
type method string

const (
	plain      method = "galore"
	random     method = "random"
	fira       method = "fira"
	apollo     method = "apollo"
	apolloMini method = "apollo-mini"
)

// Space is GaLore as an update.Space; use New, Q, Random, Fira, Apollo or
// ApolloMini.
type Space struct {
	method              method
	rank, every, rounds int
	alpha               float64
	moments             Moments
	side                Side
	stored              update.Storage
	lazy                lazy
}

var _ update.Basis = (*Space)(nil)

// New returns GaLore of a rank, which is less for matrices with a smaller side.
func New(rank int) *Space {
	return &Space{method: plain, rank: rank, every: 200, rounds: 2, alpha: 0.25, moments: Rotate, side: Smaller, stored: storage.Float32()}
}

// Random returns GaLore in a random subspace, the baseline for what choosing
// one is worth: an orthonormal basis that is drawn at the first update, and
// again where GaLore renews its own.
func Random(rank int) *Space {
	s := New(rank)
	s.method = random
	return s
}

// Fira returns GaLore that also follows what the subspace leaves out of the
// gradient, scaled like what it holds. It wants a group's GrowthLimit of 1.01.
func Fira(rank int) *Space {
	s := New(rank)
	s.method = fira
	return s
}

// Apollo returns APOLLO: the rule runs on a random projection of the gradient
// and only says how large the step of each channel is, whose direction is the
// gradient's. It wants a group's GrowthLimit of 1.01.
func Apollo(rank int) *Space {
	s := New(rank).WithScale(1).WithMoments(Keep)
	s.method = apollo
	return s
}

// ApolloMini returns APOLLO-Mini: rank 1, and one size for the whole matrix.
func ApolloMini() *Space {
	s := Apollo(1).WithScale(math.Sqrt(128))
	s.method = apolloMini
	return s
}

// WithEvery sets the updates T between refreshes of a parameter; with 0 the
// basis never changes after the first update, and one that is in the store
// already is used as it is.
func (s *Space) WithEvery(updates int) *Space { s.every = updates; return s }

// WithRounds sets the rounds q of the range finder.
func (s *Space) WithRounds(q int) *Space { s.rounds = q; return s }

// WithScale sets α.
func (s *Space) WithScale(alpha float64) *Space { s.alpha = alpha; return s }

// WithMoments sets what happens to the moments at a refresh.
func (s *Space) WithMoments(m Moments) *Space { s.moments = m; return s }

// WithSide sets which side is compressed.
func (s *Space) WithSide(side Side) *Space { s.side = side; return s }

// WithProjectorStorage sets how projectors are kept between steps.
func (s *Space) WithProjectorStorage(kept update.Storage) *Space { s.stored = kept; return s }

// Name implements update.Space.
func (s *Space) Name() string {
	if s.method == apolloMini {
		return string(apolloMini)
	}
	name := fmt.Sprintf("%s-%d", s.method, s.rank)
	if s.lazy.times > 0 {
		name += "-lazy"
	}
	return name
}

// Factor implements update.Space.
func (s *Space) Factor() float64 { return s.alpha }

// Stored implements update.Basis.
func (s *Space) Stored() update.Storage { return s.stored }

// Check implements update.Space.
func (s *Space) Check(p update.Param) error {
	switch {
	case s.rank < 1 || s.every < 0 || s.rounds < 1:
		return fmt.Errorf("galore: rank %d, every %d and rounds %d, want at least 1, 0 and 1", s.rank, s.every, s.rounds)
	case !(s.alpha > 0):
		return fmt.Errorf("galore: scale %g, want more than 0", s.alpha)
	case !slices.Contains([]Moments{Keep, Reset, Rotate}, s.moments):
		return fmt.Errorf("galore: moments %q, want %q, %q or %q", s.moments, Keep, Reset, Rotate)
	case !slices.Contains([]Side{Smaller, Larger, FanIn, FanOut, Both}, s.side):
		return fmt.Errorf("galore: side %q, want %q, %q, %q, %q or %q", s.side, Smaller, Larger, FanIn, FanOut, Both)
	case s.side == Both && s.method == random:
		return fmt.Errorf("galore: %s compresses one side", s.method)
	case s.side == Both && s.method != plain:
		return fmt.Errorf("galore: %s has channels along one side, so it cannot compress both", s.method)
	case len(p.Shape) != 2 || p.FanIn+p.FanOut != 1 || p.FanIn < 0 || p.FanOut < 0:
		return fmt.Errorf("galore: %s has shape %v and fan axes %d and %d, want a matrix with 0 and 1; route it to another group", p.Name, p.Shape, p.FanIn, p.FanOut)
	}
	if p.Parts != nil {
		return fmt.Errorf("galore: %s has parts %v, which a projector would mix; route it to another group", p.Name, p.Parts)
	}
	for _, spec := range s.projectors(p) {
		if err := s.stored.Check(spec); err != nil {
			return fmt.Errorf("galore: %w", err)
		}
	}
	return s.lazy.check(s)
}

// axes are the compressed axes of a matrix.
func (s *Space) axes(p update.Param) []int {
	smaller, larger := p.FanIn, p.FanOut
	if p.Shape[p.FanOut] < p.Shape[p.FanIn] {
		smaller, larger = p.FanOut, p.FanIn
	}
	switch s.side {
	case Larger:
		return []int{larger}
	case FanIn:
		return []int{p.FanIn}
	case FanOut:
		return []int{p.FanOut}
	case Both:
		return []int{0, 1}
	}
	return []int{smaller}
}

// rankOf is the rank for a matrix.
func (s *Space) rankOf(p update.Param) int { return min(s.rank, p.Shape[0], p.Shape[1]) }

// Inner implements update.Space.
func (s *Space) Inner(p update.Param) update.Param {
	rank := s.rankOf(p)
	shape := slices.Clone(p.Shape)
	for _, axis := range s.axes(p) {
		shape[axis] = rank
	}
	p.Shape = shape
	return p
}

// Lifted implements update.Space: the rule stays in the subspace.
func (s *Space) Lifted(p update.Param) update.Param { return s.Inner(p) }

// State implements update.Basis.
func (s *Space) State(p update.Param) []update.Spec {
	specs := s.projectors(p)
	if s.lazy.times > 0 {
		specs = append(specs, timetable)
	}
	return specs
}

func (s *Space) projectors(p update.Param) []update.Spec {
	var specs []update.Spec
	for _, axis := range s.axes(p) {
		name := "projector"
		if s.side == Both {
			name = fmt.Sprintf("projector.%d", axis)
		}
		specs = append(specs, update.Spec{Name: name, Shape: []int{p.Shape[axis], s.rankOf(p)}, DType: dtypes.Float32})
	}
	return specs
}

// Down implements update.Space.
func (s *Space) Down(p update.Param, basis []*Node, g update.Grad) update.Grad {
	return g.Map(func(raw *Node) (mapped, squares *Node) {
		for i, axis := range s.axes(p) {
			raw = along(raw, axis, basis[i], true)
		}
		return raw, nil
	})
}

// LiftMoments implements update.Space.
func (s *Space) LiftMoments(_ update.Param, _ []*Node, _ []update.Spec, m update.Moments, down, _ update.Grad) (update.Moments, update.Grad) {
	return m, down
}

// LiftDirection implements update.Space.
func (s *Space) LiftDirection(p update.Param, basis []*Node, d *Node, down, g update.Grad) *Node {
	axes := s.axes(p)
	lift := func(x *Node) *Node {
		for i, axis := range axes {
			x = along(x, axis, basis[i], false)
		}
		return x
	}
	switch s.method {
	case fira:
		left := Sub(g.Value(), lift(down.Value()))
		return Add(lift(d), Mul(left, growth(d, down.Value(), axes[0])))
	case apollo:
		return Mul(g.Value(), growth(d, down.Value(), axes[0]))
	case apolloMini:
		return Mul(g.Value(), growth(d, down.Value(), 0, 1))
	}
	return lift(d)
}

// growth is ‖d‖/‖r‖ over the given axes: by how much the rule makes a step
// larger than the gradient.
func growth(d, r *Node, axes ...int) *Node {
	norm := func(x *Node) *Node { return Sqrt(ReduceAndKeep(Square(x), ReduceSum, axes...)) }
	return Div(norm(d), AddScalar(norm(r), 1e-8))
}

// along multiplies an axis of x with Pᵀ, or with P.
func along(x *Node, axis int, projector *Node, transposed bool) *Node {
	contracted := 1
	if transposed {
		contracted = 0
	}
	if axis == 0 {
		return Dot(projector, x).General([]int{contracted}, nil, []int{0}, nil)
	}
	return Dot(x, projector).General([]int{1}, nil, []int{contracted}, nil)
}
