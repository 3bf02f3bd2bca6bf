package optim

import (
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/optim/update"
)

// Root is the scope of every state variable.
const Root = "/optim"

// scalar declares a scalar state variable.
func scalar(name string, dtype dtypes.DType) update.Spec {
	return update.Spec{Name: name, DType: dtype}
}

// directionNorm is the state of a growth limit.
var directionNorm = scalar("direction_norm", dtypes.Float32)

func groupSpec(i int, what string) update.Spec {
	return scalar(fmt.Sprintf("group.%d.%s", i, what), dtypes.Float32)
}

func paramSpec(p Param) shapes.Shape { return shapes.Make(dtypes.Float32, p.Shape...) }

func stateSpec(s update.Spec, p Param) update.Spec {
	s.Name += "/" + p.Name
	return s
}

// Specs lists every state variable below Root, in a fixed order, without the
// accumulators of gradient accumulation.
func (o *Optimizer) Specs() []update.Spec {
	specs := []update.Spec{scalar("step", dtypes.Int32), scalar("skipped", dtypes.Int32), scalar("multiplier", dtypes.Float32)}
	for i := range o.cfg.Groups {
		specs = append(specs, groupSpec(i, "lr"), groupSpec(i, "decay"), groupSpec(i, "complement"))
	}
	for i, p := range o.params {
		specs = append(specs, o.cfg.Groups[o.group[i]].state(p)...)
	}
	return specs
}

// StateOf lists the paths of a parameter's state variables, none for a parameter
// that the optimizer does not have.
func (o *Optimizer) StateOf(name string) []string {
	i, ok := o.index[name]
	if !ok {
		return nil
	}
	var paths []string
	for _, s := range o.cfg.Groups[o.group[i]].state(o.params[i]) {
		paths = append(paths, Root+"/"+s.Name)
	}
	return paths
}

// PlanStateBytes adds up what Specs declares.
func (o *Optimizer) PlanStateBytes() int64 {
	n := int64(0)
	for _, s := range o.Specs() {
		n += s.Bytes()
	}
	return n
}

// StateBytes adds up the live variables below Root, accumulators included.
func StateBytes(store *model.Store) int64 {
	n := int64(0)
	for v := range store.IterVariables() {
		if strings.HasPrefix(v.Path(), Root+"/") {
			n += int64(v.Shape().ByteSize())
		}
	}
	return n
}

// InitState makes every state variable that the store does not have yet.
func (o *Optimizer) InitState(store *model.Store) {
	for _, s := range o.Specs() {
		o.variable(store, s)
	}
}

// variable returns a state variable, made with its initial value if need be.
// It is marked not trainable every time: a store that was loaded from a file
// forgets that. A setting that was already in the store, from a file again, is
// overwritten once: the configuration of this run counts, not the saved one.
func (o *Optimizer) variable(store *model.Store, s update.Spec) *model.Variable {
	path := Root + "/" + s.Name
	value, setting := o.setting(s)
	v := store.GetVariable(path)
	fresh := v == nil
	if fresh {
		if !setting {
			value = tensors.FromShape(shapes.Make(s.DType, s.Shape...))
		}
		var err error
		if v, err = store.CreateVariable(path, value); err != nil {
			exceptions.Panicf("optim: state %s: %v", s.Name, err)
		}
	}
	if want := shapes.Make(s.DType, s.Shape...); !v.Shape().Equal(want) {
		exceptions.Panicf("optim: state %s is %s in the store, the rule wants %s", s.Name, v.Shape(), want)
	}
	if setting && !o.claimed[store][path] {
		if o.claimed[store] == nil {
			o.claimed[store] = map[string]bool{}
		}
		o.claimed[store][path] = true
		if !fresh {
			if err := v.SetValue(value); err != nil {
				exceptions.Panicf("optim: state %s: %v", s.Name, err)
			}
		}
	}
	return v.SetTrainable(false)
}

// setting is the value of a graph input and whether s is one.
func (o *Optimizer) setting(s update.Spec) (*tensors.Tensor, bool) {
	value := func(x float64) (*tensors.Tensor, bool) { return tensors.FromScalar(float32(x)), true }
	if s.Name == "multiplier" {
		return value(1)
	}
	for i, g := range o.cfg.Groups {
		switch s.Name {
		case groupSpec(i, "lr").Name:
			return value(g.LR)
		case groupSpec(i, "decay").Name:
			return value(g.WeightDecay)
		case groupSpec(i, "complement").Name:
			return value(1 - g.momentum())
		}
	}
	return nil, false
}

func (g Group) momentum() float64 {
	if g.Momentum != nil {
		return *g.Momentum
	}
	return g.Rule.Momentum()
}

// set replaces the value of a scalar graph input, which must lie in [low, high].
func (o *Optimizer) set(store *model.Store, s update.Spec, value, low, high float64) error {
	if !(value >= low && value <= high) {
		return fmt.Errorf("optim: setting %s to %g, want %g to %g", s.Name, value, low, high)
	}
	if err := o.variable(store, s).SetValue(tensors.FromScalar(float32(value))); err != nil {
		return fmt.Errorf("optim: setting %s: %w", s.Name, err)
	}
	return nil
}

// setGroup is set for a group's input.
func (o *Optimizer) setGroup(store *model.Store, group int, what string, value, low, high float64) error {
	if group < 0 || group >= len(o.cfg.Groups) {
		return fmt.Errorf("optim: setting %s of group %d, there are %d groups", what, group, len(o.cfg.Groups))
	}
	return o.set(store, groupSpec(group, what), value, low, high)
}

// SetMultiplier sets the factor on every group's learning rate, as a schedule
// gives it, for the steps that follow.
func (o *Optimizer) SetMultiplier(store *model.Store, m float64) error {
	return o.set(store, scalar("multiplier", dtypes.Float32), m, 0, math.MaxFloat32)
}

// SetMomentum sets the first moment's β of a group for the steps that follow,
// in [0, 1); schedule.Momentum gives it. A bias correction takes β for that of all
// steps before.
func (o *Optimizer) SetMomentum(store *model.Store, group int, beta float64) error {
	return o.setGroup(store, group, "complement", 1-beta, 1e-9, 1)
}

// SetDecay sets the weight decay of a group for the steps that follow.
func (o *Optimizer) SetDecay(store *model.Store, group int, decay float64) error {
	return o.setGroup(store, group, "decay", decay, 0, math.MaxFloat32)
}

// SetLR sets the learning rate of a group for the steps that follow.
func (o *Optimizer) SetLR(store *model.Store, group int, lr float64) error {
	return o.setGroup(store, group, "lr", lr, 0, math.MaxFloat32)
}

// Counters returns how many updates were made and how many were skipped.
func (o *Optimizer) Counters(store *model.Store) (steps, skipped int) {
	read := func(name string) int {
		return int(tensors.ToScalar[int32](o.variable(store, scalar(name, dtypes.Int32)).MustValue()))
	}
	return read("step"), read("skipped")
}
