package optim

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/optim/clip"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Metrics are scalars of one step.
type Metrics struct {
	GradNorm *Node // float32, before clipping
	Skipped  *Node // float32, 1 if loss or norm was not finite, else 0

	Groups []GroupHealth // by group, of ApplyMeasured only
}

// Apply builds the update of every parameter from its gradient, in the order
// of the parameters, and returns the step's metrics. loss is a scalar that
// only serves to recognise a step that must be skipped.
func (o *Optimizer) Apply(scope *model.Scope, grads []*Node, loss *Node) Metrics {
	return o.applyAll(scope, grads, loss, nil)
}

func (o *Optimizer) applyAll(scope *model.Scope, grads []*Node, loss *Node, gauges []gauge) Metrics {
	if len(grads) != len(o.params) || len(grads) == 0 {
		exceptions.Panicf("optim: %d gradients for %d parameters", len(grads), len(o.params))
	}
	return o.apply(scope.Store(), grads, loss, gauges)
}

// apply is Apply; a parameter whose gradient is nil stays as it is. gauges is one
// for each group, or nil.
func (o *Optimizer) apply(store *model.Store, grads []*Node, loss *Node, gauges []gauge) Metrics {
	g := loss.Graph()
	o.InitState(store) // also of what no gradient reaches: what is live is what was planned
	var present []*Node
	for i, grad := range grads {
		if grad == nil {
			continue
		}
		if p := o.params[i]; !grad.Shape().Equal(paramSpec(p)) {
			exceptions.Panicf("optim: gradient of %q is %s, want %s", p.Name, grad.Shape(), paramSpec(p))
		}
		present = append(present, grad)
	}
	s := step{store: store, g: g, norm: clip.GlobalNorm(present), gauges: gauges}
	s.finite = IsFinite(ConvertDType(loss, dtypes.Float32))
	if !o.cfg.LossGuard {
		s.finite = LogicalAnd(IsFinite(s.norm), s.finite)
	}
	s.count = ConvertDType(o.count(s), dtypes.Float32)
	s.rate = o.input(s, scalar("multiplier", dtypes.Float32))
	s.factors = o.factors(s.norm, grads)
	bases := o.refresh(s, grads)
	for i, grad := range grads {
		if grad != nil {
			o.updateParam(s, i, grad, bases[i])
		}
	}
	m := Metrics{GradNorm: s.norm, Skipped: OneMinus(ConvertDType(s.finite, dtypes.Float32))}
	for _, g := range gauges {
		m.Groups = append(m.Groups, g.health())
	}
	return m
}

// step is what all parameters share while the graph of one step is built.
type step struct {
	store  *model.Store
	g      *Graph
	norm   *Node
	finite *Node // bool: the step counts
	count  *Node // float32: number of this update, from 1
	rate   *Node // float32: the schedule's multiplier
	gauges []gauge

	factors []*Node // float32: of clipping, by group; nil: none
}

// factors are those of clipping, by group, nil for none. The least of two
// factors keeps both bounds.
func (o *Optimizer) factors(norm *Node, grads []*Node) []*Node {
	factors := make([]*Node, len(o.cfg.Groups))
	for k, group := range o.cfg.Groups {
		if o.cfg.Clip > 0 {
			factors[k] = clip.Factor(norm, o.cfg.Clip)
		}
		var own []*Node
		for i, g := range grads {
			if o.group[i] == k && g != nil {
				own = append(own, g)
			}
		}
		if group.Clip == 0 || len(own) == 0 {
			continue
		}
		bound := clip.Factor(clip.GlobalNorm(own), group.Clip)
		if factors[k] != nil {
			bound = Min(bound, factors[k])
		}
		factors[k] = bound
	}
	return factors
}

// keep gives a variable its new value, unless the step is skipped. The choice
// is made on whole tensors, so that whatever a rule computes from a gradient
// that is not finite leaves no trace, and costs nothing on a step that counts.
func (s step) keep(v *model.Variable, fresh *Node) *Node {
	fresh = Where(s.finite, fresh, v.NodeValue(s.g))
	v.SetNodeValue(fresh)
	return fresh
}

// count advances the counters and returns the number of this update.
func (o *Optimizer) count(s step) *Node {
	steps := o.variable(s.store, scalar("step", dtypes.Int32))
	skipped := o.variable(s.store, scalar("skipped", dtypes.Int32))
	next := AddScalar(steps.NodeValue(s.g), 1)
	skipped.SetNodeValue(Add(skipped.NodeValue(s.g), ConvertDType(LogicalNot(s.finite), dtypes.Int32)))
	s.keep(steps, next)
	return next
}

func (o *Optimizer) input(s step, spec update.Spec) *Node {
	return o.variable(s.store, spec).NodeValue(s.g)
}

// updateParam is the five lines of package update for one parameter, whose space
// may have a basis.
func (o *Optimizer) updateParam(s step, i int, grad *Node, r update.Renewed) {
	p, k := o.params[i], o.group[i]
	rule := o.cfg.Groups[k].Rule
	w := parameter(s.store, p)
	us := update.Step{Count: s.count, Complement: o.input(s, groupSpec(k, "complement")), Counts: s.finite}
	g := update.NewGrad(grad, s.factors[k])
	m := update.Moments{Before: o.load(s, i)}
	space := o.cfg.Groups[k].Space
	var direction, scale *Node
	if space == nil {
		m.After = o.save(s, i, rule.Accumulate(us, m.Before, g))
		direction, scale = rule.Direction(us, p, m, g)
		direction = o.finish(s, i, us, p, direction)
	} else {
		specs, basis := rule.State(space.Inner(p)), r.Basis
		if space, ok := space.(update.Basis); ok {
			m.Before = space.Carry(p, r, specs, m.Before)
		}
		down := space.Down(p, basis, g)
		m.After = o.save(s, i, rule.Accumulate(us, m.Before, down))
		moments, seen := space.LiftMoments(p, basis, specs, m, down, g)
		direction, scale = rule.Direction(us, space.Lifted(p), moments, seen)
		direction = o.finish(s, i, us, space.Lifted(p), direction)
		direction, scale = space.LiftDirection(p, basis, direction, down, g), MulScalar(scale, space.Factor())
	}
	direction = o.limit(s, i, direction)
	rate, old := Mul(s.rate, o.input(s, groupSpec(k, "lr"))), w.NodeValue(s.g)
	decayed := Mul(old, OneMinus(Mul(rate, o.input(s, groupSpec(k, "decay")))))
	if o.cfg.Groups[k].CautiousDecay {
		agree := GreaterOrEqual(Mul(old, direction), ZerosLike(old))
		decayed = Where(agree, decayed, old)
	}
	fresh := s.keep(w, Sub(decayed, Mul(direction, Mul(rate, scale))))
	if s.gauges != nil {
		s.gauges[k].addWeights(old, fresh)
	}
}

// limit bounds the growth of a direction's norm.
func (o *Optimizer) limit(s step, i int, direction *Node) *Node {
	bound := o.cfg.Groups[o.group[i]].GrowthLimit
	if bound == 0 {
		return direction
	}
	v := o.variable(s.store, stateSpec(directionNorm, o.params[i]))
	before, norm := v.NodeValue(s.g), clip.GlobalNorm([]*Node{direction})
	most := MulScalar(before, bound)
	limited := LogicalAnd(GreaterThan(norm, most), GreaterThan(before, ZerosLike(before))) // not the first step
	factor := Where(limited, Div(most, norm), OnesLike(norm))
	s.keep(v, Mul(norm, factor))
	return Mul(direction, factor)
}

// finish lets the rule finish a direction with state of its own; p is the
// parameter as the direction has it.
func (o *Optimizer) finish(s step, i int, us update.Step, p Param, direction *Node) *Node {
	group := o.cfg.Groups[o.group[i]]
	late := group.late(o.params[i])
	if late == nil {
		return direction
	}
	before := o.read(s, o.params[i], storage.Float32(), late)
	direction, after := group.Rule.(update.Finisher).Finish(us, p, before, direction)
	o.write(s, i, storage.Float32(), late, after, 0xC0)
	return direction
}

// refresh returns the bases for this step, by parameter. A space gets all of its
// parameters at once.
func (o *Optimizer) refresh(s step, grads []*Node) []update.Renewed {
	renewed := make([]update.Renewed, len(grads))
	done := map[update.Basis]bool{}
	for _, group := range o.cfg.Groups {
		space, ok := group.Space.(update.Basis)
		if !ok || done[space] {
			continue
		}
		done[space] = true
		held, at := o.held(s, space, grads)
		for j, r := range space.Refresh(update.Step{Count: s.count, Counts: s.finite}, held) {
			renewed[at[j]] = r
			for k, spec := range space.State(held[j].Param) {
				for l, piece := range keptBasis(space, spec).Specs(spec) {
					o.variable(s.store, stateSpec(piece, held[j].Param)).SetNodeValue(r.Kept[k][l])
				}
			}
		}
	}
	return renewed
}

// held returns the parameters that have a space and a gradient, and their places.
func (o *Optimizer) held(s step, space update.Basis, grads []*Node) (held []update.Held, at []int) {
	of := 0
	for i, p := range o.params {
		k := o.group[i]
		if o.cfg.Groups[k].Space != space {
			continue
		}
		of++
		if grads[i] == nil {
			continue
		}
		h := update.Held{Param: p, Turn: of - 1, Grad: update.NewGrad(grads[i], s.factors[k]), Key: update.NewKey(s.count, uint32(i)<<8|0x80)}
		for _, spec := range space.State(p) {
			var kept []*Node
			for _, piece := range keptBasis(space, spec).Specs(spec) {
				kept = append(kept, o.input(s, stateSpec(piece, p)))
			}
			h.Kept = append(h.Kept, kept)
		}
		held, at = append(held, h), append(at, i)
	}
	for j := range held {
		held[j].Of = of
	}
	return held, at
}

// load returns the state of a parameter.
func (o *Optimizer) load(s step, i int) (moments []*Node) {
	group := o.cfg.Groups[o.group[i]]
	inner := group.inner(o.params[i])
	return o.read(s, o.params[i], group.storage(inner), group.Rule.State(inner))
}

// read returns the tensors that specs declare for a parameter.
func (o *Optimizer) read(s step, p Param, kept update.Storage, specs []update.Spec) (moments []*Node) {
	for _, spec := range specs {
		var in []*Node
		for _, k := range kept.Specs(spec) {
			in = append(in, o.input(s, stateSpec(k, p)))
		}
		moments = append(moments, kept.Load(spec, in))
	}
	return moments
}

// save keeps the state of a parameter and returns the moments that its direction
// is made of: those that are kept if nothing was rounded, so that the old ones are
// dead by then and can be overwritten.
func (o *Optimizer) save(s step, i int, moments []*Node) []*Node {
	group := o.cfg.Groups[o.group[i]]
	inner := group.inner(o.params[i])
	stored, kept := o.write(s, i, group.storage(inner), group.Rule.State(inner), moments, 0)
	if s.gauges != nil {
		s.gauges[o.group[i]].addState(group, inner, group.Rule.State(inner), moments, stored)
	}
	if group.storage(inner) == storage.Float32() {
		return kept
	}
	return moments
}

// write keeps the tensors that specs declare for a parameter, and returns what the
// storage makes of each, and all that the variables hold after the step. stream
// tells their random bits apart from those of other state.
func (o *Optimizer) write(s step, i int, storage update.Storage, specs []update.Spec, values []*Node, stream uint32) (stored [][]*Node, kept []*Node) {
	for j, spec := range specs {
		out := storage.Store(spec, values[j], update.NewKey(s.count, uint32(i)<<8|(stream+uint32(j))).Bits)
		for k, piece := range storage.Specs(spec) {
			kept = append(kept, s.keep(o.variable(s.store, stateSpec(piece, o.params[i])), out[k]))
		}
		stored = append(stored, out)
	}
	return stored, kept
}

// parameter returns the variable of a parameter.
func parameter(store *model.Store, p Param) *model.Variable {
	v := store.GetVariable("/" + p.Name)
	if v == nil {
		exceptions.Panicf("optim: parameter %q is not in the store", p.Name)
	}
	if want := paramSpec(p); !v.Shape().Equal(want) {
		exceptions.Panicf("optim: parameter %q is %s in the store, want %s", p.Name, v.Shape(), want)
	}
	return v
}

// Gradients returns ∂loss/∂p for every parameter, in their order.
func (o *Optimizer) Gradients(scope *model.Scope, loss *Node) []*Node {
	var at []*Node
	for _, p := range o.params {
		at = append(at, parameter(scope.Store(), p).NodeValue(loss.Graph()))
	}
	return Gradient(loss, at...)
}

// Accumulate adds the gradients, and weight, to what earlier calls have
// gathered since the last Drain. It is for a graph that makes no update.
func (o *Optimizer) Accumulate(scope *model.Scope, grads []*Node, weight *Node) {
	sums, total := o.gather(scope.Store(), grads, weight)
	for i, v := range o.accumulators(scope.Store()) {
		v.SetNodeValue(append(sums, total)[i])
	}
}

// Drain returns the gradients and the weight with what Accumulate gathered
// added, and empties the accumulators.
func (o *Optimizer) Drain(scope *model.Scope, grads []*Node, weight *Node) (sums []*Node, total *Node) {
	sums, total = o.gather(scope.Store(), grads, weight)
	for _, v := range o.accumulators(scope.Store()) {
		v.SetNodeValue(ZerosLike(v.NodeValue(weight.Graph())))
	}
	return sums, total
}

// accumulators are one variable for each parameter and one for the weight.
func (o *Optimizer) accumulators(store *model.Store) []*model.Variable {
	var all []*model.Variable
	for _, p := range o.params {
		all = append(all, o.variable(store, update.Spec{Name: "accumulated/" + p.Name, Shape: p.Shape, DType: dtypes.Float32}))
	}
	return append(all, o.variable(store, scalar("accumulated.weight", dtypes.Float32)))
}

func (o *Optimizer) gather(store *model.Store, grads []*Node, weight *Node) (sums []*Node, total *Node) {
	if len(grads) != len(o.params) {
		exceptions.Panicf("optim: %d gradients for %d parameters", len(grads), len(o.params))
	}
	all := o.accumulators(store)
	for i, g := range grads {
		sums = append(sums, Add(all[i].NodeValue(weight.Graph()), g))
	}
	return sums, Add(all[len(grads)].NodeValue(weight.Graph()), weight)
}
