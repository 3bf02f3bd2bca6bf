package fire

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim"
)

// Snapshot holds the values of parameters at some time, for example when they
// were initialised.
type Snapshot map[string][]float32

// Take copies the values of parameters from a store.
func Take(store *model.Store, params []optim.Param) (Snapshot, error) {
	s := Snapshot{}
	for _, p := range params {
		v := store.GetVariable("/" + p.Name)
		if v == nil {
			return nil, fmt.Errorf("fire: parameter %s is not in the store", p.Name)
		}
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("fire: %s: %w", p.Name, err)
		}
		if s[p.Name], err = tensors.CopyFlatData[float32](value); err != nil {
			return nil, fmt.Errorf("fire: %s: %w", p.Name, err)
		}
	}
	return s, nil
}

// ShrinkAndPerturb moves every parameter the share c of the way to its initial
// value: w ← (1-c)·w + c·w₀ (arXiv:1910.08475, with the stored initialisation
// for the noise).
func ShrinkAndPerturb(store *model.Store, params []optim.Param, initial Snapshot, c float64) error {
	if !(c >= 0 && c <= 1) {
		return fmt.Errorf("fire: share %g, want 0 to 1", c)
	}
	now, err := Take(store, params)
	if err != nil {
		return err
	}
	for _, p := range params {
		if len(initial[p.Name]) != p.Size() {
			return fmt.Errorf("fire: %d initial values of %s, want %d", len(initial[p.Name]), p.Name, p.Size())
		}
	}
	for _, p := range params {
		w := now[p.Name]
		for i, start := range initial[p.Name] {
			w[i] = float32((1-c)*float64(w[i]) + c*float64(start))
		}
		t := tensors.FromFlatDataAndDimensions(w, p.Shape...)
		if len(p.Shape) == 0 {
			t = tensors.FromScalar(w[0])
		}
		if err := store.GetVariable("/" + p.Name).SetValue(t); err != nil {
			return fmt.Errorf("fire: %s: %w", p.Name, err)
		}
	}
	return nil
}

// Reset sets every parameter to its initial value.
func Reset(store *model.Store, params []optim.Param, initial Snapshot) error {
	return ShrinkAndPerturb(store, params, initial, 1)
}
