package optim

import (
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/optim/clip"
	"github.com/nanochat-go/nanochat/optim/update"
)

var _ optimizer.Interface = (*Optimizer)(nil)

// Metrics are scalars of one step.
type Metrics struct {
	GradNorm *Node // float32, before clipping
	Skipped  *Node // float32, 1 if loss or norm was not finite, else 0
}

// Apply builds the update of every parameter from its gradient, in the order
// of the parameters, and returns the step's metrics. loss is a scalar that
// only serves to recognise a step that must be skipped.
func (o *Optimizer) Apply(scope *model.Scope, grads []*Node, loss *Node) Metrics {
	if len(grads) != len(o.params) {
		exceptions.Panicf("optim: %d gradients for %d parameters", len(grads), len(o.params))
	}
	store, g := scope.Store(), loss.Graph()
	norm := clip.GlobalNorm(grads)
	finite := LogicalAnd(IsFinite(norm), IsFinite(ConvertDType(loss, dtypes.Float32)))
	accept := ConvertDType(finite, dtypes.Float32)
	factor := ScalarOne(g, dtypes.Float32)
	if o.cfg.Clip > 0 {
		factor = clip.Factor(norm, o.cfg.Clip)
	}
	count := o.count(store, g, finite)
	rate := Mul(o.node(store, g, scalar("multiplier", dtypes.Float32)), accept)
	for i := range o.params {
		group := o.group[i]
		step := update.Step{
			Count:      ConvertDType(count, dtypes.Float32),
			Complement: o.node(store, g, groupSpec(group, "complement")),
			Gain:       func(complement *Node) *Node { return Mul(complement, accept) },
			Decay:      func(complement *Node) *Node { return OneMinus(Mul(complement, accept)) },
		}
		grad := Mul(grads[i], factor)
		grad = Where(BroadcastToDims(finite, grad.Shape().Dimensions...), grad, ZerosLike(grad))
		o.updateParam(store, g, i, step, grad, Mul(rate, o.node(store, g, groupSpec(group, "lr"))))
	}
	return Metrics{GradNorm: norm, Skipped: OneMinus(accept)}
}

// count advances the counters and returns the number of this update. A skipped
// step shows the number 1 at least, so that no correction divides by zero.
func (o *Optimizer) count(store *model.Store, g *Graph, finite *Node) *Node {
	one := ConvertDType(finite, dtypes.Int32)
	steps := o.variable(store, scalar("step", dtypes.Int32))
	skipped := o.variable(store, scalar("skipped", dtypes.Int32))
	next := Add(steps.NodeValue(g), one)
	steps.SetNodeValue(next)
	skipped.SetNodeValue(Add(skipped.NodeValue(g), OneMinus(one)))
	return MaxScalar(next, 1)
}

func (o *Optimizer) node(store *model.Store, g *Graph, s update.Spec) *Node {
	return o.variable(store, s).NodeValue(g)
}

// updateParam is the five lines of package update for one parameter.
func (o *Optimizer) updateParam(store *model.Store, g *Graph, i int, step update.Step, grad, rate *Node) {
	p, group := o.params[i], o.cfg.Groups[o.group[i]]
	w := store.GetVariable("/" + p.Name)
	if w == nil {
		exceptions.Panicf("optim: parameter %q is not in the store", p.Name)
	}
	var state []*model.Variable
	var moments []*Node
	for _, s := range group.Rule.State(p) {
		v := o.variable(store, stateSpec(s, p))
		state, moments = append(state, v), append(moments, v.NodeValue(g))
	}
	moments = group.Rule.Accumulate(step, moments, grad)
	for k, v := range state {
		v.SetNodeValue(moments[k])
	}
	direction := group.Rule.Direction(step, p, moments, grad)
	decay := OneMinus(Mul(rate, o.node(store, g, groupSpec(o.group[i], "decay"))))
	w.SetNodeValue(Sub(Mul(w.NodeValue(g), decay), Mul(direction, rate)))
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
	all := o.accumulators(store)
	for i, g := range grads {
		sums = append(sums, Add(all[i].NodeValue(weight.Graph()), g))
	}
	return sums, Add(all[len(grads)].NodeValue(weight.Graph()), weight)
}

// Gradients returns ∂loss/∂p for every parameter, in their order.
func (o *Optimizer) Gradients(scope *model.Scope, loss *Node) []*Node {
	var at []*Node
	for _, p := range o.params {
		v := scope.Store().GetVariable("/" + p.Name)
		if v == nil {
			exceptions.Panicf("optim: parameter %q is not in the store", p.Name)
		}
		at = append(at, v.NodeValue(loss.Graph()))
	}
	return Gradient(loss, at...)
}

// UpdateGraph implements GoMLX's optimizer interface.
func (o *Optimizer) UpdateGraph(scope *model.Scope, g *Graph, loss *Node) {
	if !loss.Shape().IsScalar() {
		exceptions.Panicf("optim: loss %s, want a scalar", loss.Shape())
	}
	grads := scope.BuildTrainableVariablesGradientsGraph(loss)
	o.UpdateGraphWithGradients(scope, grads, loss.DType())
}

// UpdateGraphWithGradients implements the part of GoMLX's interface that its
// gradient accumulation calls: one gradient for each trainable variable that
// the graph uses, in the order of the store.
func (o *Optimizer) UpdateGraphWithGradients(scope *model.Scope, grads []*Node, lossDType dtypes.DType) {
	if len(grads) == 0 {
		exceptions.Panicf("optim: no gradients: does the model have trainable variables?")
	}
	g := grads[0].Graph()
	byName := map[string]*Node{}
	next := 0
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) && next < len(grads) {
			byName[strings.TrimPrefix(v.Path(), "/")] = grads[next]
			next++
		}
	}
	if len(o.params) == 0 {
		if err := o.assign(Discover(scope)); err != nil {
			panic(err)
		}
	}
	ordered := make([]*Node, len(o.params))
	for i, p := range o.params {
		if ordered[i] = byName[p.Name]; ordered[i] == nil {
			exceptions.Panicf("optim: no gradient for %q", p.Name)
		}
	}
	o.Apply(scope, ordered, ScalarZero(g, dtypes.Float32))
	optimizer.IncrementGlobalStep(g, lossDType)
}

// Clear implements GoMLX's optimizer interface: it deletes all state.
func (o *Optimizer) Clear(scope *model.Scope) error {
	return scope.Store().DeleteVariablesInScope(Root)
}
