package fire

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim"
)

// Layer is a hidden layer of units: the weights into them, their biases and the
// weights out of them. A layer without biases has the zero value there.
type Layer struct{ In, Bias, Out optim.Param }

// ReDo begins the dormant units of a hidden layer anew (arXiv:2302.12902,
// Algorithm 1, and biases as in the code published with it): the weights into
// them and their biases get their initial values, and the weights out of them
// become zero, so that the network's function stays. The optimizer's state is
// zeroed at the same places, or altogether where it does not lie as the weights
// do; opt may be nil.
func ReDo(store *model.Store, layer Layer, dormant []bool, initial Snapshot, opt *optim.Optimizer) error {
	in, out, bias := layer.In, layer.Out, layer.Bias
	if in.Shape[in.FanOut] != len(dormant) || out.Shape[out.FanIn] != len(dormant) {
		return fmt.Errorf("fire: %d units, %s has %d and %s %d", len(dormant), in.Name, in.Shape[in.FanOut], out.Name, out.Shape[out.FanIn])
	}
	anew := []part{{in, in.FanOut, initial[in.Name]}, {out, out.FanIn, make([]float32, out.Size())}}
	if bias.Name != "" {
		if len(bias.Shape) != 1 || bias.Shape[0] != len(dormant) {
			return fmt.Errorf("fire: %d units, %s has shape %v", len(dormant), bias.Name, bias.Shape)
		}
		anew = append(anew, part{bias, 0, initial[bias.Name]})
	}
	for _, a := range anew {
		if len(a.values) != a.Size() {
			return fmt.Errorf("fire: %d initial values of %s, want %d", len(a.values), a.Name, a.Size())
		}
	}
	for _, a := range anew {
		if err := replace(store, "/"+a.Name, a.Param, a.axis, dormant, a.values); err != nil {
			return err
		}
		if opt != nil {
			if err := forget(store, a.Param, a.axis, dormant, opt); err != nil {
				return err
			}
		}
	}
	return nil
}

// part is a parameter that has the units along an axis, and the values that
// those get that begin anew.
type part struct {
	optim.Param
	axis   int
	values []float32
}

// forget zeroes the optimizer's state of the dormant units along an axis, or all
// state of the parameter where it does not lie as the weights do.
func forget(store *model.Store, p optim.Param, axis int, dormant []bool, opt *optim.Optimizer) error {
	paths, zeros := opt.StateOf(p.Name), make([]float32, p.Size())
	for _, path := range paths {
		if v := store.GetVariable(path); v == nil || !v.Shape().Equal(shapes.Make(dtypes.Float32, p.Shape...)) {
			return opt.ClearParams(store, p.Name)
		}
	}
	for _, path := range paths {
		if err := replace(store, path, p, axis, dormant, zeros); err != nil {
			return err
		}
	}
	return nil
}

// replace gives the values of the dormant units along an axis those of from.
func replace(store *model.Store, path string, p optim.Param, axis int, dormant []bool, from []float32) error {
	v := store.GetVariable(path)
	if v == nil {
		return fmt.Errorf("fire: %s is not in the store", path)
	}
	value, err := v.Value()
	if err != nil {
		return fmt.Errorf("fire: %s: %w", path, err)
	}
	flat, err := tensors.CopyFlatData[float32](value)
	if err != nil {
		return fmt.Errorf("fire: %s: %w", path, err)
	}
	after := 1 // values between neighbours along the axis
	for _, d := range p.Shape[axis+1:] {
		after *= d
	}
	for i := range flat {
		if dormant[i/after%p.Shape[axis]] {
			flat[i] = from[i]
		}
	}
	return v.SetValue(tensors.FromFlatDataAndDimensions(flat, p.Shape...))
}

// L2Init is the penalty λ/2·Σ‖w - w₀‖² to be added to a loss (arXiv:2308.11958,
// equation 1).
func L2Init(g *Graph, store *model.Store, params []optim.Param, initial Snapshot, lambda float64) (*Node, error) {
	sum := ScalarZero(g, dtypes.Float32)
	for _, p := range params {
		v := store.GetVariable("/" + p.Name)
		if v == nil {
			return nil, fmt.Errorf("fire: parameter %s is not in the store", p.Name)
		}
		if len(initial[p.Name]) != p.Size() {
			return nil, fmt.Errorf("fire: %d initial values of %s, want %d", len(initial[p.Name]), p.Name, p.Size())
		}
		start := Reshape(Const(g, initial[p.Name]), p.Shape...)
		sum = Add(sum, ReduceAllSum(Square(Sub(v.NodeValue(g), start))))
	}
	return MulScalar(sum, lambda/2), nil
}
