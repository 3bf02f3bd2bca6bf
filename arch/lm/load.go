package lm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Source delivers the weights of a model in the layout of files: linears as
// [out, in], row-major. data is not changed and may be shared.
type Source interface {
	Tensor(name string) (data []float32, shape []int, err error)
}

// Load gives every parameter the values that src has for it: the variable
// "/"+Name of the store, which is made, trainable, if it does not exist.
func (m *Model) Load(store *model.Store, src Source) error {
	for _, p := range m.Params() {
		data, shape, err := src.Tensor(p.Name)
		if err != nil {
			return fmt.Errorf("lm: loading %s: %w", p.Name, err)
		}
		if want := p.DiskShape(); !slices.Equal(want, shape) || len(data) != p.Size() {
			return fmt.Errorf("lm: %s is %v with %d values, the configuration wants %v", p.Name, shape, len(data), want)
		}
		if p.Linear {
			data = transposed(data, shape[0], shape[1])
		}
		t := tensors.FromFlatDataAndDimensions(data, p.Shape...)
		if v := store.GetVariable("/" + p.Name); v != nil {
			err = v.SetValue(t)
		} else {
			_, err = store.CreateVariable("/"+p.Name, t)
		}
		if err != nil {
			return fmt.Errorf("lm: parameter %s: %w", p.Name, err)
		}
	}
	return nil
}

// transposed returns v [rows, cols] as [cols, rows].
func transposed(v []float32, rows, cols int) []float32 {
	out := make([]float32, len(v))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = v[i*cols+j]
		}
	}
	return out
}

// CheckNames compares the names of a checkpoint's tensors with the parameters:
// it is an error that lists what is missing and what the model would not read,
// such as biases. A second copy of a tied head and stored rotary frequencies are
// not missed.
func (c Config) CheckNames(names []string) error {
	there := map[string]bool{}
	for _, n := range names {
		there[n] = true
	}
	var missing, unread []string
	for _, p := range c.Params() {
		if !there[p.Name] {
			missing = append(missing, p.Name)
		}
		delete(there, p.Name)
	}
	for _, n := range names {
		if there[n] && !strings.HasSuffix(n, ".rotary_emb.inv_freq") && !(c.Tied && n == "lm_head.weight") {
			unread = append(unread, n)
		}
	}
	report := func(names []string, what string) error {
		if names == nil {
			return nil
		}
		more := ""
		if len(names) > 3 {
			more = fmt.Sprintf(" and %d more", len(names)-3)
		}
		return fmt.Errorf("lm: the checkpoint %s %s%s", what, strings.Join(names[:min(3, len(names))], ", "), more)
	}
	return errors.Join(report(missing, "lacks"), report(unread, "has tensors that the model does not use:"))
}
