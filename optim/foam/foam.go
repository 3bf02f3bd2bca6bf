package foam

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

// Second says what a block's second moment averages.
type Second string

// The two forms of the second moment.
const (
	MeanOfSquares Second = "mean_of_squares" // the published program
	SquareOfMean  Second = "square_of_mean"  // the paper's equations
)

// Space is FOAM as an update.Space; use New.
type Space struct {
	level     int
	second    Second
	residual  float64
	alpha     float64
	axis      int // -1: fan-in
	trueMeans bool
}

var _ update.Space = (*Space)(nil)

// New returns FOAM at fold level l: blocks of 2^l weights.
func New(level int) *Space {
	return &Space{level: level, second: MeanOfSquares, residual: 1, alpha: 0.25, axis: -1}
}

// WithSecond chooses the form of the second moment.
func (s *Space) WithSecond(form Second) *Space { s.second = form; return s }

// WithResidual sets ρ, the weight of what the means leave out.
func (s *Space) WithResidual(rho float64) *Space { s.residual = rho; return s }

// WithScale sets α.
func (s *Space) WithScale(alpha float64) *Space { s.alpha = alpha; return s }

// WithAxis folds the given axis of the parameter instead of the fan-in's.
func (s *Space) WithAxis(axis int) *Space { s.axis = axis; return s }

// WithTrueMeans divides a short last block by its own number of weights.
func (s *Space) WithTrueMeans(on bool) *Space { s.trueMeans = on; return s }

// Name implements update.Space.
func (s *Space) Name() string { return fmt.Sprintf("foam-%d", s.level) }

// Factor implements update.Space.
func (s *Space) Factor() float64 { return s.alpha }

// Check implements update.Space.
func (s *Space) Check(p update.Param) error {
	switch axis := s.fold(p); {
	case s.level < 0 || s.level > 30:
		return fmt.Errorf("foam: level %d, want 0 to 30", s.level)
	case s.second != MeanOfSquares && s.second != SquareOfMean:
		return fmt.Errorf("foam: second moment %q, want %q or %q", s.second, MeanOfSquares, SquareOfMean)
	case !(s.residual >= 0) || !(s.alpha > 0):
		return fmt.Errorf("foam: residual %g and scale %g, want 0 or more and above 0", s.residual, s.alpha)
	case axis < 0 || axis >= len(p.Shape):
		return fmt.Errorf("foam: %s with shape %v has no axis %d to fold; route it to another group", p.Name, p.Shape, axis)
	case axis == p.FanOut && p.Parts != nil:
		return fmt.Errorf("foam: %s has parts %v along axis %d, which folding would mix", p.Name, p.Parts, axis)
	}
	return nil
}

// fold is the axis that is folded.
func (s *Space) fold(p update.Param) int {
	if s.axis >= 0 {
		return s.axis
	}
	return p.FanIn
}

func (s *Space) block() int { return 1 << s.level }

// blocks is the number of blocks along the folded axis.
func (s *Space) blocks(p update.Param) int { return (p.Shape[s.fold(p)] + s.block() - 1) / s.block() }

// Inner implements update.Space.
func (s *Space) Inner(p update.Param) update.Param {
	n := s.blocks(p)
	p.Shape = slices.Clone(p.Shape)
	p.Shape[s.fold(p)] = n
	return p
}

// Lifted implements update.Space.
func (s *Space) Lifted(p update.Param) update.Param { return p }

// around is the number of values before and after the folded axis.
func (s *Space) around(p update.Param) (before, after int) {
	before, after = 1, 1
	for i, d := range p.Shape {
		if i < s.fold(p) {
			before *= d
		} else if i > s.fold(p) {
			after *= d
		}
	}
	return before, after
}

// means returns the block means of x, of the inner shape.
func (s *Space) means(p update.Param, x *Node) *Node {
	before, after := s.around(p)
	n, padded := p.Shape[s.fold(p)], s.blocks(p)*s.block()
	x = Reshape(x, before, n, after)
	if padded > n {
		x = Concatenate([]*Node{x, Zeros(x.Graph(), shapes.Make(x.DType(), before, padded-n, after))}, 1)
	}
	sums := ReduceSum(Reshape(x, before, s.blocks(p), s.block(), after), 2)
	return Reshape(Mul(sums, s.shares(p, x)), s.Inner(p).Shape...)
}

// shares is what a sum over each block is multiplied with, [1, blocks, 1].
func (s *Space) shares(p update.Param, x *Node) *Node {
	shares := make([]float32, s.blocks(p))
	for i := range shares {
		shares[i] = 1 / float32(s.block())
	}
	if short := p.Shape[s.fold(p)] - (len(shares)-1)*s.block(); s.trueMeans {
		shares[len(shares)-1] = 1 / float32(short)
	}
	return Reshape(Const(x.Graph(), shares), 1, len(shares), 1)
}

// unfold repeats every value of the inner shape over its block.
func (s *Space) unfold(p update.Param, x *Node) *Node {
	before, after := s.around(p)
	n := p.Shape[s.fold(p)]
	x = BroadcastToDims(Reshape(x, before, s.blocks(p), 1, after), before, s.blocks(p), s.block(), after)
	x = Reshape(x, before, -1, after)
	return Reshape(SliceAxis(x, 1, AxisRange(0, n)), p.Shape...)
}

// Down implements update.Space.
func (s *Space) Down(p update.Param, _ []*Node, g update.Grad) update.Grad {
	return g.Map(func(raw *Node) (mapped, squares *Node) {
		if s.second == MeanOfSquares {
			squares = s.means(p, Square(raw))
		}
		return s.means(p, raw), squares
	})
}

// LiftMoments implements update.Space.
func (s *Space) LiftMoments(p update.Param, _ []*Node, specs []update.Spec, m update.Moments, down, g update.Grad) (update.Moments, update.Grad) {
	residual := MulScalar(Sub(g.Value(), s.unfold(p, down.Value())), s.residual)
	lifted := update.Moments{}
	for i, spec := range specs {
		lifted.Before = append(lifted.Before, s.unfold(p, m.Before[i]))
		added := residual
		if spec.NonNegative {
			added = Square(residual)
		}
		lifted.After = append(lifted.After, Add(s.unfold(p, m.After[i]), added))
	}
	return lifted, g
}

// LiftDirection implements update.Space: the direction has the parameter's
// shape already.
func (s *Space) LiftDirection(_ update.Param, _ []*Node, d *Node, _, _ update.Grad) *Node { return d }
