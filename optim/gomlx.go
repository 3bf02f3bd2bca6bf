package optim

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"
)

var _ optimizer.Interface = (*Optimizer)(nil)

// UpdateGraph implements GoMLX's optimizer interface.
func (o *Optimizer) UpdateGraph(scope *model.Scope, g *Graph, loss *Node) {
	if !loss.Shape().IsScalar() {
		exceptions.Panicf("optim: loss %s, want a scalar", loss.Shape())
	}
	freezeNonFloat(scope)
	o.updateFrom(scope, scope.BuildTrainableVariablesGradientsGraph(loss), loss)
}

// UpdateGraphWithGradients implements the part of GoMLX's interface that its
// gradient accumulation calls: one gradient for each trainable variable that
// the graph uses, in the order of the store.
func (o *Optimizer) UpdateGraphWithGradients(scope *model.Scope, grads []*Node, lossDType dtypes.DType) {
	if len(grads) == 0 {
		exceptions.Panicf("optim: no gradients: does the model have trainable variables?")
	}
	o.updateFrom(scope, grads, ScalarZero(grads[0].Graph(), lossDType))
}

// freezeNonFloat marks the variables that no gradient can change, such as the
// state of the random numbers, which a store loaded from a GoMLX checkpoint
// takes for trainable.
func freezeNonFloat(scope *model.Scope) {
	for v := range scope.IterVariables() {
		if !v.DType().IsFloat() {
			v.SetTrainable(false)
		}
	}
}

// updateFrom makes the update from the gradients of the trainable variables
// that the graph uses, in the order of the store, and advances GoMLX's step.
func (o *Optimizer) updateFrom(scope *model.Scope, grads []*Node, loss *Node) {
	g := loss.Graph()
	var used []*model.Variable
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			used = append(used, v)
		}
	}
	if len(used) != len(grads) || len(grads) == 0 {
		exceptions.Panicf("optim: %d gradients for %d trainable variables in the graph", len(grads), len(used))
	}
	if v := scope.Store().GetVariable("/" + optimizer.Scope + "/" + optimizer.ParamLearningRate); v != nil && v.ChangedInGraph(g) {
		exceptions.Panicf("optim: the model sets %s, which this optimizer does not read; use SetMultiplier", v.Path())
	}
	if o.discover {
		o.discoverMore(used)
	}
	ordered := make([]*Node, len(o.params))
	for i, v := range used {
		k, ok := o.index[paramName(v)]
		if !ok {
			exceptions.Panicf("optim: trainable variable %q is not in the list of parameters: add it or SetTrainable(false)", v.Path())
		}
		ordered[k] = grads[i]
	}
	for i, p := range o.params {
		if ordered[i] == nil && !o.discover {
			exceptions.Panicf("optim: no gradient for %q: the graph does not use it or it is not trainable", p.Name)
		}
	}
	o.apply(scope.Store(), ordered, loss, nil)
	optimizer.IncrementGlobalStep(g, dtypes.Int64)
}

// Clear implements GoMLX's optimizer interface: it deletes all state.
func (o *Optimizer) Clear(scope *model.Scope) error {
	delete(o.claimed, scope.Store())
	return scope.Store().DeleteVariablesInScope(Root)
}

// ClearParams sets the state of some parameters to zero, as it is before their
// first update. The number of updates stays: Adam's corrections are near 1 by
// then and its next steps are smaller than a first one.
func (o *Optimizer) ClearParams(store *model.Store, names ...string) error {
	for _, name := range names {
		i, ok := o.index[name]
		if !ok {
			return fmt.Errorf("optim: clearing the state of %s, which the optimizer does not have", name)
		}
		for _, s := range o.cfg.Groups[o.group[i]].state(o.params[i]) {
			zero := tensors.FromShape(shapes.Make(s.DType, s.Shape...))
			if err := o.variable(store, s).SetValue(zero); err != nil {
				return fmt.Errorf("optim: state %s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// discoverMore takes in the variables that no earlier graph used.
func (o *Optimizer) discoverMore(used []*model.Variable) {
	params := slices.Clone(o.params)
	for _, v := range used {
		if _, known := o.index[paramName(v)]; !known {
			params = append(params, Describe(v))
		}
	}
	if len(params) == len(o.params) {
		return
	}
	if err := o.assign(params); err != nil {
		panic(err)
	}
}

func paramName(v *model.Variable) string { return strings.TrimPrefix(v.Path(), "/") }

// heads are the names of a last layer.
var heads = []string{"head", "lm_head", "logits", "unembed", "unembedding"}

// Describe is what the optimizer takes a variable for that nobody described: of
// rank 2 a "matrix" [in, out], or an "embedding" if a part of its path contains
// "embed", or a "head" if one is called head, lm_head, logits or unembed; of
// lower rank a "vector"; of higher rank a "tensor".
func Describe(v *model.Variable) Param {
	p := Param{Name: paramName(v), Shape: v.Shape().Dimensions, Class: "vector", FanIn: -1, FanOut: -1}
	if len(p.Shape) > 2 {
		p.Class = "tensor"
	}
	if len(p.Shape) != 2 {
		return p
	}
	p.FanIn, p.FanOut, p.Class = 0, 1, "matrix"
	for _, part := range strings.Split(strings.ToLower(p.Name), "/") {
		if strings.Contains(part, "embed") {
			p.Class = "embedding"
		} else if slices.Contains(heads, part) {
			p.Class = "head"
		}
	}
	return p
}

// matches reports whether a glob over dotted or slashed names fits.
func matches(glob, name string) bool {
	dotted := func(s string) string { return strings.ReplaceAll(s, "/", ".") }
	ok, _ := path.Match(dotted(glob), dotted(name))
	return ok
}
