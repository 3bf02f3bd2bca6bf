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

// ReDo begins the dormant units of a hidden layer anew (arXiv:2302.12902,
// Algorithm 1): the weights into them, from in, get their initial values, and
// those out of them, in out, become zero, so that the network's function stays.
// The optimizer's state is zeroed at the same places, or altogether where it
// does not lie as the weights do; opt may be nil.
func ReDo(store *model.Store, in, out optim.Param, dormant []bool, initial Snapshot, opt *optim.Optimizer) error {
	if in.Shape[in.FanOut] != len(dormant) || out.Shape[out.FanIn] != len(dormant) {
		return fmt.Errorf("fire: %d units, %s has %d and %s %d", len(dormant), in.Name, in.Shape[in.FanOut], out.Name, out.Shape[out.FanIn])
	}
	if len(initial[in.Name]) != in.Size() {
		return fmt.Errorf("fire: %d initial values of %s, want %d", len(initial[in.Name]), in.Name, in.Size())
	}
	if err := replace(store, "/"+in.Name, in, in.FanOut, dormant, initial[in.Name]); err != nil {
		return err
	}
	if err := replace(store, "/"+out.Name, out, out.FanIn, dormant, make([]float32, out.Size())); err != nil {
		return err
	}
	if opt == nil {
		return nil
	}
	if err := forget(store, in, in.FanOut, dormant, opt); err != nil {
		return err
	}
	return forget(store, out, out.FanIn, dormant, opt)
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
