package optim

import (
	"fmt"
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

func groupSpec(i int, what string) update.Spec {
	return scalar(fmt.Sprintf("group.%d.%s", i, what), dtypes.Float32)
}

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
		for _, s := range o.cfg.Groups[o.group[i]].Rule.State(p) {
			specs = append(specs, stateSpec(s, p))
		}
	}
	return specs
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
// forgets that.
func (o *Optimizer) variable(store *model.Store, s update.Spec) *model.Variable {
	path := Root + "/" + s.Name
	v := store.GetVariable(path)
	if v == nil {
		var err error
		if v, err = store.CreateVariable(path, o.initial(s)); err != nil {
			exceptions.Panicf("optim: state %s: %v", s.Name, err)
		}
	}
	if want := shapes.Make(s.DType, s.Shape...); !v.Shape().Equal(want) {
		exceptions.Panicf("optim: state %s is %s in the store, the rule wants %s", s.Name, v.Shape(), want)
	}
	return v.SetTrainable(false)
}

// initial is the starting value of a state variable: settings for the graph
// inputs, zeros otherwise.
func (o *Optimizer) initial(s update.Spec) *tensors.Tensor {
	if s.Name == "multiplier" {
		return tensors.FromScalar(float32(1))
	}
	for i, g := range o.cfg.Groups {
		switch s.Name {
		case groupSpec(i, "lr").Name:
			return tensors.FromScalar(float32(g.LR))
		case groupSpec(i, "decay").Name:
			return tensors.FromScalar(float32(g.WeightDecay))
		case groupSpec(i, "complement").Name:
			return tensors.FromScalar(float32(1 - g.momentum()))
		}
	}
	return tensors.FromShape(shapes.Make(s.DType, s.Shape...))
}

func (g Group) momentum() float64 {
	if g.Momentum != nil {
		return *g.Momentum
	}
	return g.Rule.Momentum()
}

// set replaces the value of a scalar graph input.
func (o *Optimizer) set(store *model.Store, s update.Spec, value float64) error {
	if err := o.variable(store, s).SetValue(tensors.FromScalar(float32(value))); err != nil {
		return fmt.Errorf("optim: setting %s: %w", s.Name, err)
	}
	return nil
}

// SetMultiplier sets the factor on every group's learning rate, as a schedule
// gives it, for the steps that follow.
func (o *Optimizer) SetMultiplier(store *model.Store, m float64) error {
	return o.set(store, scalar("multiplier", dtypes.Float32), m)
}

// SetMomentum sets the first moment's β of a group for the steps that follow.
func (o *Optimizer) SetMomentum(store *model.Store, group int, beta float64) error {
	return o.set(store, groupSpec(group, "complement"), 1-beta)
}

// SetDecay sets the weight decay of a group for the steps that follow.
func (o *Optimizer) SetDecay(store *model.Store, group int, decay float64) error {
	return o.set(store, groupSpec(group, "decay"), decay)
}

// SetLR sets the learning rate of a group for the steps that follow.
func (o *Optimizer) SetLR(store *model.Store, group int, lr float64) error {
	return o.set(store, groupSpec(group, "lr"), lr)
}

// Counters returns how many updates were made and how many were skipped.
func (o *Optimizer) Counters(store *model.Store) (steps, skipped int) {
	read := func(name string) int {
		return int(tensors.ToScalar[int32](o.variable(store, scalar(name, dtypes.Int32)).MustValue()))
	}
	return read("step"), read("skipped")
}
