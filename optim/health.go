package optim

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim/clip"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// GroupHealth are measures of a group in one step, float32 scalars.
type GroupHealth struct {
	// UpdateRMS is the root mean square of what the step added to the weights,
	// decay included: 0 where it was skipped. WeightRMS is that of the weights
	// afterwards. Both are nil for a group without parameters.
	UpdateRMS, WeightRMS *Node
	// StorageError is ‖d - d'‖/‖d‖ over the group, for the directions d of the
	// moments of this step and d' of what their storage keeps of them; see
	// update.Gauge. It is nil where the rule is no Gauge or all is kept in float32.
	StorageError *Node
}

// gauge gathers what one group's measures are made of.
type gauge struct {
	size              int
	updates, weights  []*Node
	difference, exact []*Node // sums of squares
}

// ApplyMeasured is Apply that fills Metrics.Groups too. The updates are the same,
// in a graph of its own: a program compiles both and runs this one now and then.
func (o *Optimizer) ApplyMeasured(scope *model.Scope, grads []*Node, loss *Node) Metrics {
	return o.applyAll(scope, grads, loss, make([]gauge, len(o.cfg.Groups)))
}

// Rules lists the rules of the groups by name, in their order.
func (o *Optimizer) Rules() []string {
	var names []string
	for _, g := range o.cfg.Groups {
		names = append(names, g.Rule.Name())
	}
	return names
}

// addWeights notes the weights of a parameter before and after the step.
func (g *gauge) addWeights(before, after *Node) {
	g.size += after.Shape().Size()
	g.updates, g.weights = append(g.updates, Sub(after, before)), append(g.weights, after)
}

// addState notes the moments of an inner parameter, and what is kept of them in
// the order of specs.
func (g *gauge) addState(group Group, p Param, specs []update.Spec, moments []*Node, stored [][]*Node) {
	rule, ok := group.Rule.(update.Gauge)
	kept := group.storage(p)
	if !ok || kept == storage.Float32() {
		return
	}
	var back []*Node
	for i, spec := range specs {
		back = append(back, kept.Load(spec, stored[i]))
	}
	difference, exact := rule.Deviation(p, moments, back)
	g.difference, g.exact = append(g.difference, difference), append(g.exact, exact)
}

// health makes the measures.
func (g *gauge) health() (h GroupHealth) {
	if g.size == 0 {
		return h
	}
	scale := 1 / math.Sqrt(float64(g.size))
	h.UpdateRMS, h.WeightRMS = MulScalar(clip.GlobalNorm(g.updates), scale), MulScalar(clip.GlobalNorm(g.weights), scale)
	if len(g.exact) > 0 {
		h.StorageError = ratio(g.difference, g.exact)
	}
	return h
}

// ratio is √(Σ difference / Σ exact), 0 where both are.
func ratio(difference, exact []*Node) *Node {
	sum := func(x []*Node) *Node { return ReduceAllSum(Stack(x, 0)) }
	return Sqrt(Div(sum(difference), MaxScalar(sum(exact), 1e-37)))
}

// StorageErrors evaluates GroupHealth.StorageError for the moments in a store as
// they are and a storage, by name of the parameter, for every parameter whose rule
// is a Gauge: what the storage would do to the directions, for instance Linear8 to
// those of Muon in float32. What was kept in that very storage has its rounding
// behind it, and its error is 0 but for the last bits; ApplyMeasured catches it in
// the step.
func (o *Optimizer) StorageErrors(backend compute.Backend, store *model.Store, kept update.Storage) (map[string]float64, error) {
	if len(o.params) == 0 {
		return nil, errors.New("optim: measuring the storage: no parameters are known before the first step")
	}
	names, err := o.gauged(kept)
	if err != nil || len(names) == 0 {
		return map[string]float64{}, err
	}
	out, err := model.CallOnceN(backend, store, func(_ *model.Scope, g *Graph) (errors []*Node) {
		s := step{store: store, g: g}
		s.count = ConvertDType(o.input(s, scalar("step", dtypes.Int32)), dtypes.Float32)
		for _, name := range names {
			errors = append(errors, o.storageError(s, o.index[name], kept))
		}
		return errors
	})
	if err != nil {
		return nil, fmt.Errorf("optim: measuring the storage: %w", err)
	}
	values := map[string]float64{}
	for i, name := range names {
		values[name] = float64(tensors.ToScalar[float32](out[i]))
		out[i].MustFinalizeAll()
	}
	return values, nil
}

// gauged lists the parameters that a rule can measure a storage for.
func (o *Optimizer) gauged(kept update.Storage) (names []string, err error) {
	for i, p := range o.params {
		g := o.cfg.Groups[o.group[i]]
		if _, ok := g.Rule.(update.Gauge); !ok {
			continue
		}
		for _, s := range g.Rule.State(g.inner(p)) {
			err = errors.Join(err, kept.Check(s))
		}
		names = append(names, p.Name)
	}
	return names, err
}

// storageError is the error of a storage in the direction of one parameter.
func (o *Optimizer) storageError(s step, i int, kept update.Storage) *Node {
	group := o.cfg.Groups[o.group[i]]
	inner, moments := group.inner(o.params[i]), o.load(s, i)
	var back []*Node
	for j, spec := range group.Rule.State(inner) {
		back = append(back, kept.Load(spec, kept.Store(spec, moments[j], update.NewKey(s.count, uint32(i)<<8|uint32(j)).Bits)))
	}
	difference, exact := group.Rule.(update.Gauge).Deviation(inner, moments, back)
	return ratio([]*Node{difference}, []*Node{exact})
}
