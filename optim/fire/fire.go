package fire

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
)

// maxPolish bounds the cubic steps of Converged: so many multiply a small
// singular value by 4e10.
const maxPolish = 60

// Mode says how far the iteration goes.
type Mode struct {
	first     orthogonal.Preset
	tolerance float64 // 0: first only
}

// Paper is n cubic steps, as published.
func Paper(n int) Mode { return Mode{first: orthogonal.Cubic(n)} }

// Converged is eight steps of Polar Express and then as many cubic ones as it
// takes until DfI/m is below the tolerance, or falls no further.
func Converged(tolerance float64) Mode {
	return Mode{first: orthogonal.PolarExpress8(), tolerance: tolerance}
}

// Fire is the intervention; use New.
type Fire struct {
	mode    Mode
	classes []string
	opt     *optim.Optimizer
}

// New returns FIRE with its defaults.
func New() *Fire { return &Fire{mode: Converged(1e-4), classes: []string{"matrix"}} }

// WithMode sets how far the iteration goes.
func (f *Fire) WithMode(m Mode) *Fire { f.mode = m; return f }

// WithClasses sets the classes of parameters that are moved. Naming
// "embedding" or "head" is how one asks for these.
func (f *Fire) WithClasses(classes ...string) *Fire { f.classes = classes; return f }

// WithOptimizer clears the state of what was moved.
func (f *Fire) WithOptimizer(o *optim.Optimizer) *Fire { f.opt = o; return f }

// Measures describes a matrix.
type Measures struct {
	DfI                       float64 // deviation from isometry, divided by the smaller side
	StableRank, EffectiveRank float64
}

// Moved is what happened to one matrix.
type Moved struct {
	Name          string
	Shape         []int
	Before, After Measures
	SFE           float64 // squared distance moved, relative to the squared norm before
	Unchanged     string  // why nothing was done, "" if something was
}

// Apply moves the parameters of the chosen classes that the store holds and
// returns what it did, in the order of params. It changes nothing if there is
// nothing to move or a chosen parameter is no matrix with a fan-in and a
// fan-out.
func (f *Fire) Apply(backend compute.Backend, store *model.Store, params []optim.Param) ([]Moved, error) {
	var chosen []optim.Param
	for _, p := range params {
		if slices.Contains(f.classes, p.Class) {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("fire: none of %d parameters has one of the classes %q", len(params), f.classes)
	}
	for _, p := range chosen {
		if len(p.Shape) != 2 || p.Parts != nil || p.FanIn+p.FanOut != 1 || p.FanIn < 0 || p.FanOut < 0 {
			return nil, fmt.Errorf("fire: %s has shape %v, parts %v and fan axes %d and %d, want one matrix with 0 and 1", p.Name, p.Shape, p.Parts, p.FanIn, p.FanOut)
		}
		if store.GetVariable("/"+p.Name) == nil {
			return nil, fmt.Errorf("fire: parameter %s is not in the store", p.Name)
		}
	}
	var report []Moved
	var names []string
	for _, p := range chosen {
		m, err := f.move(backend, store.GetVariable("/"+p.Name), p)
		if err != nil {
			return report, fmt.Errorf("fire: %s: %w", p.Name, err)
		}
		if m.Unchanged == "" {
			names = append(names, p.Name)
		}
		report = append(report, m)
	}
	if f.opt != nil {
		if err := f.opt.ClearParams(store, names...); err != nil {
			return report, err
		}
	}
	return report, nil
}

// Scale is √(fan-out/fan-in), the size of the singular values of a linear layer.
func Scale(p optim.Param) float64 {
	return math.Sqrt(float64(p.Shape[p.FanOut]) / float64(p.Shape[p.FanIn]))
}

func (f *Fire) move(backend compute.Backend, v *model.Variable, p optim.Param) (Moved, error) {
	m := Moved{Name: p.Name, Shape: p.Shape}
	value, err := v.Value()
	if err != nil {
		return m, err
	}
	before, err := tensors.CopyFlatData[float32](value)
	if err != nil {
		return m, err
	}
	if m.Before, err = Measure(before, p); err != nil {
		return m, err
	}
	if !slices.ContainsFunc(before, func(x float32) bool { return x != 0 }) {
		m.After, m.Unchanged = m.Before, "all zeros: there is no nearest orthonormal matrix"
		return m, nil
	}
	unit, err := f.mode.polar(backend, value)
	if err != nil {
		return m, err
	}
	after := make([]float32, len(unit))
	for i, x := range unit {
		after[i] = float32(float64(x) * Scale(p))
	}
	m.SFE = SFE(before, after)
	if m.After, err = Measure(after, p); err != nil {
		return m, err
	}
	return m, v.SetValue(tensors.FromFlatDataAndDimensions(after, p.Shape...))
}

// polar returns the approximate polar factor of a matrix.
func (m Mode) polar(backend compute.Backend, w *tensors.Tensor) ([]float32, error) {
	out, err := CallOnceN(backend, func(x *Node) []*Node { return deviating(m.first.Orthogonalize(x)) }, w)
	if err != nil {
		return nil, err
	}
	if m.tolerance > 0 {
		cubic, err := NewExec(backend, func(x *Node) []*Node { return deviating(orthogonal.Cubic(1).Steps[0].Apply(x)) })
		if err != nil {
			return nil, err
		}
		last := math.Inf(1)
		for range maxPolish {
			dfi := float64(tensors.ToScalar[float32](out[1]))
			if dfi < m.tolerance || !(dfi < last) {
				break
			}
			last = dfi
			if out, err = cubic.Call(out[0]); err != nil {
				return nil, err
			}
		}
	}
	return tensors.CopyFlatData[float32](out[0])
}

// deviating returns x and its DfI.
func deviating(x *Node) []*Node {
	y := x
	if x.Shape().Dim(0) > x.Shape().Dim(1) {
		y = Transpose(x, 0, 1)
	}
	n := y.Shape().Dim(0)
	gram := Dot(y, y).General([]int{1}, nil, []int{1}, nil)
	excess := Sub(gram, ConvertDType(Diagonal(x.Graph(), n), x.DType()))
	return []*Node{x, DivScalar(ReduceAllSum(Square(excess)), float64(n))}
}
