package run

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/hub/safetensors"
	"github.com/nanochat-go/nanochat/optim"
)

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

// Weights returns the values of a parameter in the layout of the graph.
func (s *Stepper) Weights(name string) ([]float32, error) {
	v := s.Store.GetVariable("/" + name)
	if v == nil {
		return nil, fmt.Errorf("the model has no parameter %q", name)
	}
	t, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("parameter %q: %w", name, err)
	}
	return tensors.CopyFlatData[float32](t)
}

// ModelTensors are the weights as a checkpoint stores them: linears [out, in].
func (s *Stepper) ModelTensors() []safetensors.Tensor {
	var out []safetensors.Tensor
	for _, p := range s.Model.Params() {
		out = append(out, safetensors.Tensor{Name: p.Name, DType: safetensors.F32, Shape: p.DiskShape(), Data: func() ([]byte, error) {
			v, err := s.Weights(p.Name)
			if err != nil {
				return nil, err
			}
			if p.Linear {
				v = transposed(v, p.Shape[0], p.Shape[1])
			}
			return safetensors.Float32Bytes(v), nil
		}})
	}
	return out
}

// OptimizerTensors are the optimizer's variables, named by their path.
func (s *Stepper) OptimizerTensors() []safetensors.Tensor {
	var out []safetensors.Tensor
	for v := range s.Store.IterVariables() {
		if !strings.HasPrefix(v.Path(), optim.Root+"/") {
			continue
		}
		t := safetensors.Tensor{Name: strings.TrimPrefix(v.Path(), "/"), Shape: v.Shape().Dimensions, DType: stateTypes[v.DType()]}
		t.Data = func() ([]byte, error) { return variableBytes(v) }
		out = append(out, t)
	}
	return out
}

// stateTypes are the types of optimizer state in a file.
var stateTypes = map[dtypes.DType]safetensors.DType{
	dtypes.Float32: safetensors.F32, dtypes.BFloat16: safetensors.BF16, dtypes.Int32: safetensors.I32,
	dtypes.Int8: safetensors.I8, dtypes.Uint8: safetensors.U8,
}

func variableBytes(v *model.Variable) ([]byte, error) {
	t, err := v.Value()
	if err != nil {
		return nil, err
	}
	var out []byte
	err = t.ConstBytes(func(b []byte) { out = append(out, b...) })
	return out, err
}

// RestoreModel sets every weight from a checkpoint's file.
func (s *Stepper) RestoreModel(f Weights) error { return s.Model.Load(s.Store, FileSource{f}) }

// RestoreOptimizer sets every variable of the optimizer from a checkpoint's
// file; the learning rates, decays and momenta of the configuration stay.
func (s *Stepper) RestoreOptimizer(f *safetensors.File) error {
	for v := range s.Store.IterVariables() {
		name, ours := strings.CutPrefix(v.Path(), "/")
		if !ours || !strings.HasPrefix(v.Path(), optim.Root+"/") || strings.HasPrefix(v.Path(), optim.Root+"/group.") {
			continue
		}
		data, err := f.Bytes(name)
		if err != nil {
			return err
		}
		if len(data) != int(v.Shape().ByteSize()) {
			return fmt.Errorf("optimizer state %q has %d bytes in the checkpoint, %s was expected", name, len(data), v.Shape())
		}
		t := tensors.FromShape(v.Shape())
		if err := t.MutableBytes(func(b []byte) { copy(b, data) }); err != nil {
			return fmt.Errorf("optimizer state %q: %w", name, err)
		}
		if err := v.SetValue(t); err != nil {
			return fmt.Errorf("optimizer state %q: %w", name, err)
		}
		v.SetTrainable(false)
	}
	return nil
}

// Weights are named tensors of a file or of several, see package safetensors.
type Weights interface {
	Info(name string) (info safetensors.Info, ok bool)
	Float32(name string) ([]float32, error)
}

// FileSource serves weights to a model and to the inference engine.
type FileSource struct{ Weights }

// Tensor returns a weight as it lies in the file, [out, in] for linears.
func (f FileSource) Tensor(name string) ([]float32, []int, error) {
	info, ok := f.Info(name)
	if !ok {
		return nil, nil, fmt.Errorf("the file has no tensor %q", name)
	}
	v, err := f.Float32(name)
	return v, info.Shape, err
}
