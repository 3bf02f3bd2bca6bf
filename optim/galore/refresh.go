package galore

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

// Refresh implements update.Basis: the matrices of one shape share one loop, which
// runs once for each of them that is due.
func (s *Space) Refresh(step update.Step, of []update.Held) []update.Renewed {
	var kinds []string
	alike := map[string][]int{}
	for i, h := range of {
		kind := fmt.Sprint(h.Param.Shape, h.Param.FanIn)
		if alike[kind] == nil {
			kinds = append(kinds, kind)
		}
		alike[kind] = append(alike[kind], i)
	}
	out := make([]update.Renewed, len(of))
	for _, kind := range kinds {
		var held []update.Held
		for _, i := range alike[kind] {
			held = append(held, of[i])
		}
		for j, r := range s.renew(step, held) {
			out[alike[kind][j]] = r
		}
	}
	return out
}

// queue says which of some matrices are due in a step. XLA compiles a kernel once if
// it differs only in its inputs, but for every constant in it; so what belongs to
// one of the matrices is taken out of a vector by nth.
type queue struct {
	// turns are, by matrix, its place among those that are due, from 1, negative
	// where there is no basis yet, and 0 where nothing is due: int32.
	turns   []*Node
	length  *Node // int32: how many are due
	phases  *Node // int32 [matrices]
	indices *Node // int32 [matrices], from 0
}

func (s *Space) queue(step update.Step, held []update.Held) queue {
	g, n := step.Count.Graph(), len(held)
	q := queue{indices: Iota(g, shapes.Make(dtypes.Int32, n), 0)}
	var next []*Node
	phases := make([]int32, n)
	for i, h := range held {
		phases[i] = int32(h.Turn * s.every / max(h.Of, 1))
		for _, table := range h.Kept[len(s.axes(h.Param)):] {
			next = append(next, SliceAxis(table[0], 0, AxisElem(nextRefresh)))
		}
	}
	q.phases = Const(g, phases)
	none := s.none(held)
	due, now := none, ConvertDType(step.Count, dtypes.Int32)
	switch {
	case s.lazy.times > 0:
		due = LogicalOr(due, GreaterOrEqual(now, Concatenate(next, 0)))
	case s.every > 0:
		elapsed := Sub(AddScalar(now, -1), q.phases)
		due = LogicalOr(due, Equal(ModScalar(elapsed, s.every), ZerosLike(elapsed)))
	}
	counted := ConvertDType(LogicalAnd(due, step.Counts), dtypes.Float32)
	row, column := InsertAxes(q.indices, 0), InsertAxes(q.indices, 1)
	places := Mul(counted, Dot(ConvertDType(LessOrEqual(row, column), dtypes.Float32), counted).Product())
	places = Where(none, Neg(places), places)
	// The product with the identity keeps XLA from computing them once for each.
	places = Dot(ConvertDType(Equal(row, column), dtypes.Float32), places).Product()
	turns := ConvertDType(places, dtypes.Int32)
	for i := range held {
		q.turns = append(q.turns, q.nth(turns, i))
	}
	q.length = ConvertDType(ReduceAllSum(counted), dtypes.Int32)
	return q
}

// none says which matrices have no basis yet: a basis has no column of zeros.
func (s *Space) none(held []update.Held) *Node {
	var columns []*Node
	for _, h := range held {
		basis := s.stored.Load(s.projectors(h.Param)[0], h.Kept[0])
		columns = append(columns, SliceAxis(basis, 1, AxisElem(0)))
	}
	most := ReduceMax(Abs(Concatenate(columns, 1)), 0)
	return Equal(most, ZerosLike(most))
}

// nth is an element of a vector of numbers of the matrices.
func (q queue) nth(x *Node, i int) *Node {
	mask := make([]int32, q.indices.Shape().Size())
	mask[i] = 1
	return ReduceAllSum(Mul(x, Const(x.Graph(), mask)))
}

// within says whether the loop's state is bases as they are kept, so that they can
// change where they lie: a storage of several tensors reduces to make them, which a
// loop cannot.
func (s *Space) within(spec update.Spec) bool { return len(s.stored.Specs(spec)) == 1 }

// renew refreshes matrices of one shape. The loop's state is, by side and matrix, the
// bases, their changes C = P_oldᵀ·P_new if moments are rotated, and for lazy refreshes
// which matrices have settled; every iteration picks one matrix and puts back what has
// become of it.
func (s *Space) renew(step update.Step, held []update.Held) []update.Renewed {
	p, n := held[0].Param, len(held)
	g, q, specs := step.Count.Graph(), s.queue(step, held), s.projectors(p)
	var keys []update.Key
	var grads, bases, changes, settled []*Node
	for _, h := range held {
		raw, _ := h.Grad.Parts() // of the gradient only the direction counts
		grads, keys = append(grads, raw), append(keys, h.Key)
		if s.lazy.times > 0 {
			settled = append(settled, Const(g, int32(0)))
		}
	}
	for j, spec := range specs {
		for _, h := range held {
			if s.within(spec) {
				bases = append(bases, h.Kept[j][0])
			} else {
				bases = append(bases, s.stored.Load(spec, h.Kept[j]))
			}
		}
		for range s.changes(held) {
			changes = append(changes, Zeros(g, shapes.Make(dtypes.Float32, s.rankOf(p), s.rankOf(p))))
		}
	}
	fixed := slices.Concat(grads, q.turns, []*Node{update.Values(keys)})
	state := repeat(q.length, slices.Concat(bases, changes, settled), fixed, func(left *Node, state, fixed []*Node) []*Node {
		var at, picked, out []*Node
		for _, turn := range fixed[n : 2*n] {
			at = append(at, Equal(Abs(turn), left))
		}
		for j := range specs {
			picked = append(picked, pick(at, state[j*n:(j+1)*n]))
		}
		none, news, change, same := s.exchange(p, pick(at, fixed[:n]), picked, pick(at, elements(fixed[2*n])))
		put := func(news []*Node, at []*Node) {
			for _, x := range news {
				for _, here := range at {
					out = append(out, Where(here, x, state[len(out)]))
				}
			}
		}
		put(news, at)
		switch s.changes(held) {
		case n:
			put(change, at)
		case 1:
			put(change, []*Node{LogicalNot(none)})
		}
		if s.lazy.times > 0 {
			put([]*Node{same}, at)
		}
		return out
	})
	return s.results(step, held, q, state)
}

// changes is how many changes of some matrices are kept in a step for each side: one
// for all where no more than one of them has any, for their turns differ.
func (s *Space) changes(held []update.Held) int {
	switch {
	case s.moments != Rotate:
		return 0
	case s.lazy.times == 0 && (s.every == 0 || s.every >= held[0].Of):
		return 1
	}
	return len(held)
}

// exchange refreshes one matrix for the loop. It returns whether there was no basis
// yet, what is kept of the new one, how it differs from the old one, by side, and
// whether it has settled.
func (s *Space) exchange(p update.Param, g *Node, kept []*Node, key *Node) (none *Node, news, change []*Node, same *Node) {
	specs := s.projectors(p)
	old := slices.Clone(kept)
	for j, spec := range specs {
		if s.within(spec) {
			old[j] = s.stored.Load(spec, kept[j:j+1])
		}
	}
	none = zero(old[0])
	fresh := s.basis(p, g, none, old, update.KeyOf(key))
	news, change = slices.Clone(fresh), slices.Clone(fresh)
	for j, spec := range specs {
		if s.within(spec) {
			news[j] = s.stored.Store(spec, fresh[j], nearest(key))[0]
			fresh[j] = s.stored.Load(spec, news[j:j+1])
		}
		change[j] = Dot(old[j], fresh[j]).General([]int{0}, nil, []int{0}, nil)
	}
	return none, news, change, once(s.settled(p, none, change))
}

// nearest is noise in the middle of its range: a basis is no sum of small changes, of
// which rounding by chance would keep the mean. bits is any uint32.
func nearest(bits *Node) update.Noise {
	return func(shape shapes.Shape) *Node {
		return BroadcastToDims(ConstAs(bits, uint32(0x80008000)), shape.Dimensions...)
	}
}

// results are the matrices' shares of the state after the loop.
func (s *Space) results(step update.Step, held []update.Held, q queue, state []*Node) []update.Renewed {
	n, specs := len(held), s.projectors(held[0].Param)
	out := make([]update.Renewed, n)
	for i, h := range held {
		r, turn, zero := &out[i], q.turns[i], ZerosLike(q.turns[i])
		due := NotEqual(turn, zero)
		r.Change = []*Node{GreaterThan(turn, zero)} // there is nothing to carry at first
		for j, spec := range specs {
			x, kept := state[j*n+i], h.Kept[j]
			if s.within(spec) {
				kept = []*Node{x}
				x = s.stored.Load(spec, kept)
			} else {
				kept = slices.Clone(kept)
				for k, fresh := range s.stored.Store(spec, x, nearest(h.Key.Value())) {
					kept[k] = Where(due, fresh, kept[k])
				}
			}
			r.Basis, r.Kept = append(r.Basis, x), append(r.Kept, kept)
			if c := s.changes(held); c > 0 {
				r.Change = append(r.Change, state[len(specs)*n+j*c+i%c])
			}
		}
		for _, table := range h.Kept[len(specs):] {
			same := state[len(state)-n+i]
			plan := s.plan(step.Count, q.nth(q.phases, i), LessThan(turn, zero), Equal(same, OnesLike(same)), table[0])
			r.Kept = append(r.Kept, []*Node{Where(due, plan, table[0])})
		}
	}
	return out
}

// basis returns a new basis for a gradient. It is for the body of a loop.
func (s *Space) basis(p update.Param, g, none *Node, old []*Node, key update.Key) (fresh []*Node) {
	for i, axis := range s.axes(p) {
		side, rank := float64(p.Shape[axis]), float64(s.rankOf(p))
		bounded := 1 / (math.Sqrt(side) + math.Sqrt(rank)) // singular values hardly above 1
		drawn := normal(key, old[i].Shape())
		switch s.method {
		case apollo, apolloMini:
			fresh = append(fresh, times(drawn, 1/math.Sqrt(rank)))
		case random:
			fresh = append(fresh, polish(polishRandom, times(drawn, bounded)))
		default:
			start := Where(none, times(drawn, bounded), old[i])
			fresh = append(fresh, polish(polishSubspace, s.subspace(g, axis, start)))
		}
	}
	return fresh
}

// Carry implements update.Basis.
func (s *Space) Carry(p update.Param, r update.Renewed, specs []update.Spec, moments []*Node) []*Node {
	if s.moments == Keep || len(moments) == 0 {
		return moments
	}
	moved, change := r.Change[0], r.Change[1:]
	if s.moments == Reset {
		var out []*Node
		for _, m := range moments {
			out = append(out, Where(moved, ZerosLike(m), m))
		}
		return out
	}
	return repeat(once(moved), moments, change, func(_ *Node, state, change []*Node) []*Node {
		var out []*Node
		for j, m := range state {
			out = append(out, s.rotate(p, change, specs[j], m))
		}
		return out
	})
}

// rotate takes a moment over into the new basis; change is C = P_oldᵀ·P_new by axis.
func (s *Space) rotate(p update.Param, change []*Node, spec update.Spec, m *Node) *Node {
	for i, axis := range s.axes(p) {
		c := change[i]
		if spec.NonNegative {
			c = Square(c)
		}
		m = along(m, axis, c, true)
	}
	return m
}

// elements are those of a vector.
func elements(x *Node) []*Node {
	out := make([]*Node, x.Shape().Size())
	for i := range out {
		out[i] = entry(x, i)
	}
	return out
}

// pick returns the x for which at is true, and else zeros: what one alone would
// give could be computed ahead of a loop.
func pick(at, xs []*Node) *Node {
	picked := BroadcastToShape(ConstAs(xs[0], 0), xs[0].Shape())
	for i, x := range xs {
		picked = Where(at[i], x, picked)
	}
	return picked
}
