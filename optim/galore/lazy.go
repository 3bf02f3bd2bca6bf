package galore

import (
	"fmt"
	"math/bits"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// lazy says when a subspace that has settled is renewed less often; no times
// means never.
type lazy struct {
	threshold float64
	times     int
}

// The published program's settings of lazy refreshes.
const (
	LazyThreshold = 0.4
	LazyTimes     = 5
)

// WithLazy doubles the period of a matrix whenever the given number of refreshes
// in a row leave its subspace where it was: when the new one overlaps the old
// one by threshold or more, where 1 is the same subspace and 0 what two random
// ones have in common on average.
func (s *Space) WithLazy(threshold float64, times int) *Space {
	s.lazy = lazy{threshold, times}
	return s
}

// Q returns the space of Q-GaLore: projectors in int8 blocks, and lazy refreshes.
// It wants a rule with 8-bit state.
func Q(rank int) *Space {
	return New(rank).WithProjectorStorage(storage.Linear8(storage.DefaultBlock)).WithLazy(LazyThreshold, LazyTimes)
}

func (l lazy) check(s *Space) error {
	switch {
	case l == lazy{}:
		return nil
	case !(l.threshold > 0 && l.threshold <= 1) || l.times < 1:
		return fmt.Errorf("galore: lazy refreshes with threshold %g and %d times, want in (0, 1] and at least 1", l.threshold, l.times)
	case s.every == 0 || s.method != plain && s.method != fira:
		return fmt.Errorf("galore: lazy refreshes want a subspace of the gradient that is renewed, not %s with every %d", s.method, s.every)
	}
	return nil
}

// timetable is when a matrix with lazy refreshes has the next one, how often its
// period has doubled, and how many refreshes in a row have changed little.
var timetable = update.Spec{Name: "refresh", Shape: []int{3}, DType: dtypes.Int32}

// The entries of the timetable.
const (
	nextRefresh = iota
	doublings
	streak
)

func entry(timetable *Node, i int) *Node { return Reshape(SliceAxis(timetable, 0, AxisElem(i))) }

// maxDoublings keeps the period below 2²⁴, up to which updates are counted.
func (s *Space) maxDoublings() int { return max(0, 24-bits.Len(uint(s.every))) }

// plan returns the timetable after the refresh in the update with number count.
// The first refresh of all is out of turn, and the next one is in turn.
func (s *Space) plan(count, phase, none, settled, table *Node) *Node {
	number := func(n int) *Node { return ConstAs(table, n) }
	now := ConvertDType(count, dtypes.Int32)
	row := Where(settled, Add(entry(table, streak), number(1)), number(0))
	full := GreaterOrEqual(row, number(s.lazy.times))
	row = Where(full, number(0), row)
	doubled := entry(table, doublings)
	doubled = Where(full, Min(Add(doubled, number(1)), number(s.maxDoublings())), doubled)
	late := Rem(Sub(Add(now, number(s.every-1)), phase), number(s.every))
	period := Where(none, Sub(number(s.every), late), BitwiseShiftLeft(number(s.every), doubled))
	var entries []*Node
	for _, x := range []*Node{Add(now, period), doubled, row} {
		entries = append(entries, Reshape(x, 1))
	}
	return Concatenate(entries, 0)
}

// settled says whether the basis is where the old one was, along every axis, for
// the changes C: whether its overlap with the old one, o = ‖C‖²/r, is the threshold's
// share of the way from r/side, the mean for random subspaces, to 1. A basis of
// the whole space has nowhere else to be.
func (s *Space) settled(p update.Param, none *Node, change []*Node) *Node {
	settled := LogicalNot(none)
	for i, axis := range s.axes(p) {
		rank, side := float64(s.rankOf(p)), float64(p.Shape[axis])
		if rank == side {
			continue
		}
		c := change[i]
		squares := Dot(c, c).General([]int{0, 1}, nil, []int{0, 1}, nil)
		least := rank * (rank/side + s.lazy.threshold*(1-rank/side))
		settled = LogicalAnd(settled, GreaterOrEqual(squares, ConstAs(squares, least)))
	}
	return settled
}
