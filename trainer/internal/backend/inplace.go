//go:build cgo && !noxla

package backend

import (
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"
)

// inPlace is XLA that updates variables where they lie. Go-xla 0.4 hands the
// memory of a variable that a step replaces to XLA, but does not say which result
// replaces it, so that XLA writes every result to fresh memory and holds both.
//
// What replaces a parameter is recognised by how it is made: a choice between
// something new and the parameter, as an optimizer makes it to skip a step, the
// sum of the parameter and something else, as accumulators are, or what a loop that
// begins with the parameter has made of it. A parameter that
// the caller keeps is copied by the runtime, so a wrong guess costs time and is
// never an error.
type inPlace struct{ compute.Backend }

// Builder implements compute.Backend.
func (b *inPlace) Builder(name string) compute.Builder {
	return &inPlaceBuilder{Builder: b.Backend.Builder(name), backend: b}
}

// BufferFromFlatData implements compute.Backend.
func (b *inPlace) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	buffer, err := b.Backend.BufferFromFlatData(device, flat, shape)
	return b.own(buffer), err
}

// NewSharedBuffer implements compute.Backend.
func (b *inPlace) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	buffer, flat, err := b.Backend.NewSharedBuffer(device, shape)
	return b.own(buffer), flat, err
}

// inPlaceBuffer is a buffer that names the backend that it was made by, for GoMLX
// tells backends apart.
type inPlaceBuffer struct {
	compute.Buffer
	backend *inPlace
}

func (b *inPlace) own(buffer compute.Buffer) compute.Buffer {
	if buffer == nil {
		return nil
	}
	return &inPlaceBuffer{Buffer: buffer, backend: b}
}

// Backend implements compute.Buffer.
func (b *inPlaceBuffer) Backend() compute.Backend { return b.backend }

// CopyToDevice implements compute.Buffer.
func (b *inPlaceBuffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	buffer, err := b.Buffer.CopyToDevice(device)
	return b.backend.own(buffer), err
}

type inPlaceBuilder struct {
	compute.Builder
	backend *inPlace
	main    *inPlaceFunction
}

// Main implements compute.Builder.
func (b *inPlaceBuilder) Main() compute.Function {
	if b.main == nil {
		b.main = &inPlaceFunction{Function: b.Builder.Main(), place: map[compute.Value]int{}, replaces: map[compute.Value]int{}}
	}
	return b.main
}

// Compile implements compute.Builder.
func (b *inPlaceBuilder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	return &inPlaceExecutable{Executable: e, backend: b.backend}, nil
}

type inPlaceExecutable struct {
	compute.Executable
	backend *inPlace
}

// Execute implements compute.Executable.
func (e *inPlaceExecutable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	inner := make([]compute.Buffer, len(inputs))
	for i, b := range inputs {
		if own, ok := b.(*inPlaceBuffer); ok {
			b = own.Buffer
		}
		inner[i] = b
	}
	outputs, err := e.Executable.Execute(inner, donate, device)
	for i, b := range outputs {
		outputs[i] = e.backend.own(b)
	}
	return outputs, err
}

// inPlaceFunction is the main function of a graph; closures are go-xla's own.
type inPlaceFunction struct {
	compute.Function
	shapes   []shapes.Shape        // of the parameters
	place    map[compute.Value]int // of parameters
	replaces map[compute.Value]int // the place of the parameter that a value replaces
}

// Parameter implements compute.Function.
func (f *inPlaceFunction) Parameter(name string, shape shapes.Shape, sharding *compute.ShardingSpec) (compute.Value, error) {
	v, err := f.Function.Parameter(name, shape, sharding)
	if err == nil {
		f.place[v] = len(f.shapes)
		f.shapes = append(f.shapes, shape)
	}
	return v, err
}

// Where implements compute.Function.
func (f *inPlaceFunction) Where(condition, onTrue, onFalse compute.Value) (compute.Value, error) {
	v, err := f.Function.Where(condition, onTrue, onFalse)
	return f.note(v, err, onFalse)
}

// Add implements compute.Function.
func (f *inPlaceFunction) Add(a, b compute.Value) (compute.Value, error) {
	v, err := f.Function.Add(a, b)
	return f.note(v, err, a)
}

// While implements compute.Function.
func (f *inPlaceFunction) While(condition, body compute.Function, initial ...compute.Value) ([]compute.Value, error) {
	out, err := f.Function.While(condition, body, initial...)
	for i, v := range out {
		_, _ = f.note(v, err, initial[i])
	}
	return out, err
}

// note remembers that v replaces another value, if that is a parameter.
func (f *inPlaceFunction) note(v compute.Value, err error, old compute.Value) (compute.Value, error) {
	if place, ok := f.place[old]; ok && err == nil {
		f.replaces[v] = place
	}
	return v, err
}

// Return implements compute.Function.
func (f *inPlaceFunction) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	inputs := inputsOf(f.Function)
	for i, v := range outputs {
		place, ok := f.replaces[v]
		if !ok || len(inputs) != len(f.shapes) {
			continue
		}
		delete(f.replaces, v) // a value that is returned twice replaces once
		shape, err := f.Shape(v)
		if err != nil || !shape.Equal(f.shapes[place]) || inputs[place].Attributes[aliasing] != nil {
			continue
		}
		if inputs[place].Attributes == nil {
			inputs[place].Attributes = map[string]any{}
		}
		inputs[place].Attributes[aliasing] = int32(i)
	}
	return f.Function.Return(outputs, shardings)
}

// aliasing is the attribute of a parameter with the place of the result that may
// take its memory.
const aliasing = "tf.aliasing_output"

// inputsOf are the parameters of a function as go-xla writes them down, nil if it
// keeps them elsewhere than version 0.4 does. It offers no way to them, nor to
// their attributes before a program is compiled.
func inputsOf(f compute.Function) []*stablehlo.Value {
	if fn, ok := f.(*xla.Function); ok {
		field := reflect.ValueOf(fn).Elem().FieldByName("fn")
		if field.IsValid() && field.Type() == reflect.TypeFor[*stablehlo.Function]() {
			return (*stablehlo.Function)(field.UnsafePointer()).Inputs
		}
	}
	return nil
}
