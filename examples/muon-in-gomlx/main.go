package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/schedule"
)

const (
	arms      = 3   // of the spiral; each is a class
	batchSize = 128 // points
)

// network is an ordinary GoMLX model: two coordinates in, one logit for each
// arm out.
func network(scope *model.Scope, x *Node) *Node {
	for i := range 3 {
		x = Tanh(layers.Dense(scope.In("hidden_%d", i), x, true, 64))
	}
	return layers.Dense(scope.In("readout"), x, true, arms)
}

// batch draws points of a spiral with noise; the label is the arm.
func batch(rng *rand.Rand) train.Batch {
	points, labels := make([]float32, 2*batchSize), make([]int32, batchSize)
	for i := range labels {
		arm, radius := rng.IntN(arms), math.Sqrt(rng.Float64())
		angle := 2*math.Pi*float64(arm)/arms + 8*radius + 0.08*rng.NormFloat64()
		points[2*i], points[2*i+1] = float32(2*radius*math.Cos(angle)), float32(2*radius*math.Sin(angle))
		labels[i] = int32(arm)
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(points, batchSize, 2)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(labels, batchSize, 1)},
	}
}

// fit trains a fresh network and returns the loss of every step.
func fit(backend compute.Backend, opt *optim.Optimizer, steps int) ([]float64, error) {
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(1); err != nil { // the same initial weights for every optimizer
		return nil, err
	}
	trainer := train.NewTrainer(backend, store, network, loss.SparseCategoricalCrossEntropyLogits, opt, nil, nil)
	rate := schedule.Config{Kind: "linear", Warmup: 10}
	rng := rand.New(rand.NewPCG(1, 2)) // and the same points
	var losses []float64
	for step := range steps {
		if err := opt.SetMultiplier(store, rate.Multiplier(step, float64(step)/float64(steps))); err != nil {
			return nil, err
		}
		metrics, err := trainer.TrainStep(batch(rng))
		if err != nil {
			return nil, err
		}
		losses = append(losses, float64(tensors.ToScalar[float32](metrics[0])))
	}
	return losses, nil
}

// compare trains once for each optimizer and rate and prints what it saw.
func compare(w io.Writer, steps int, rates []float64) error {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%-10s %-6s %-15s %-14s %s\n", "optimizer", "rate", "loss half-way", "at the end", "state bytes")
	best := map[string]float64{}
	for _, name := range []string{"adamw", "muon"} {
		best[name] = math.Inf(1)
		for _, lr := range rates {
			opt := adamw.New().Optimizer(lr).Done()
			if name == "muon" {
				opt = muon.New().Optimizer(lr).WithRest("readout/*").Done() // the last layer goes to AdamW
			}
			losses, err := fit(backend, opt, steps)
			if err != nil {
				return err
			}
			half, end := mean(losses[steps/2-10:steps/2]), mean(losses[steps-10:])
			fmt.Fprintf(w, "%-10s %-6g %-15.4f %-14.4f %d\n", name, lr, half, end, opt.PlanStateBytes())
			best[name] = min(best[name], end)
		}
	}
	fmt.Fprintf(w, "\nThe best rate's loss after %d steps: adamw %.4f, muon %.4f\n", steps, best["adamw"], best["muon"])
	return nil
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func main() {
	if err := compare(os.Stdout, 100, []float64{0.025, 0.05, 0.1, 0.2}); err != nil {
		fmt.Fprintln(os.Stderr, "muon-in-gomlx:", err)
		os.Exit(1)
	}
}
