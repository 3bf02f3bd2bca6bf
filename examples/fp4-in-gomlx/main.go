package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/quant"
)

const (
	width, hidden = 64, 128
	rows          = 64 // of a batch
)

// linears are the weights of the network, in the terms of a policy.
var linears = []policy.Linear{{Path: "up", In: width, Out: hidden, Block: 0}, {Path: "down", In: hidden, Out: width, Block: 1}}

// network returns a model function whose linears compute as the table says.
func network(table policy.Table) func(scope *model.Scope, x *Node) *Node {
	return func(scope *model.Scope, x *Node) *Node {
		// Stochastic rounding draws other numbers in every step.
		step := optimizer.GetGlobalStepVar(scope).NodeValue(x.Graph())
		operands := &quant.Operands{Key: ConvertDType(step, dtypes.Uint32)}
		linear := func(l policy.Linear, x *Node) *Node {
			w := scope.WithInitializer(initializer.RandomNormalFn(scope, 1/math.Sqrt(float64(l.In)))).
				VariableWithShape(l.Path, shapes.Make(dtypes.Float32, l.In, l.Out))
			return operands.Linear(l.Path, table.Recipe(l.Path), x, w.NodeValue(x.Graph()))
		}
		return linear(linears[1], Tanh(linear(linears[0], x)))
	}
}

// teacher makes the batches: inputs of which two are ten times as large, and what a
// random network of the student's shape makes of them.
type teacher struct {
	rng      *rand.Rand
	up, down []float32
}

func newTeacher() *teacher {
	t := &teacher{rng: rand.New(rand.NewPCG(1, 2))}
	for range width * hidden {
		t.up = append(t.up, float32(t.rng.NormFloat64()/math.Sqrt(width)))
		t.down = append(t.down, float32(t.rng.NormFloat64()/math.Sqrt(hidden)))
	}
	return t
}

func (t *teacher) batch() train.Batch {
	x := make([]float32, rows*width)
	for i := range x {
		x[i] = float32(t.rng.NormFloat64())
		if i%width < 2 {
			x[i] *= 10
		}
	}
	h := product(x, t.up, width, hidden)
	for i, v := range h {
		h[i] = float32(math.Tanh(float64(v)))
	}
	y := product(h, t.down, hidden, width)
	return train.Batch{Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, rows, width)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, rows, width)}}
}

// product is x [rows, in] times w [in, out].
func product(x, w []float32, in, out int) []float32 {
	y := make([]float32, rows*out)
	for r := range rows {
		for i := range in {
			for o := range out {
				y[r*out+o] += x[r*in+i] * w[i*out+o]
			}
		}
	}
	return y
}

// fit trains a student and returns its loss over the last ten steps.
func fit(backend compute.Backend, table policy.Table, steps int) (float64, error) {
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(1); err != nil { // the same initial weights for every recipe
		return 0, err
	}
	trainer := train.NewTrainer(backend, store, network(table), loss.MeanSquaredError, optimizer.Adam().LearningRate(0.005).Done(), nil, nil)
	t := newTeacher() // and the same batches
	sum := 0.0
	for step := range steps {
		metrics, err := trainer.TrainStep(t.batch())
		if err != nil {
			return 0, err
		}
		if step >= steps-10 {
			sum += float64(tensors.ToScalar[float32](metrics[0])) / 10
		}
	}
	return sum, nil
}

// compare trains once with each recipe and prints the losses.
func compare(w io.Writer, recipes []string, steps int) error {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%-14s %-13s %s\n", "recipe", "bits a weight", "loss at the end")
	for _, name := range recipes {
		table, err := policy.Policy{Recipe: name}.Resolve(linears)
		if err != nil {
			return err
		}
		end, err := fit(backend, table, steps)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(w, "%-14s %-13.3g %.4f\n", name, table.Bits(), end)
	}
	return nil
}

func main() {
	if err := compare(os.Stdout, []string{"f32", "bf16", "fp8_tensor", "mxfp8", "nvfp4", "mxfp4_quartet", "mxfp4_nearest", "ternary"}, 300); err != nil {
		fmt.Fprintln(os.Stderr, "fp4-in-gomlx:", err)
		os.Exit(1)
	}
}
