package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/attention/pos"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/zoo/transformer"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
)

const (
	rows, rowLen = 8, 40
	word         = 4 // letters
)

// network is the zoo's transformer over bytes: tokens [rows, rowLen] in, logits
// [rows, rowLen, 128] out.
func network(scope *model.Scope, tokens *Node) *Node {
	return transformer.New(scope).
		WithVocabSize(128).WithEmbedDim(64).WithNumLayers(1).WithNumHeads(2).WithHeadDim(32).
		WithBias(false).WithNormalization(layers.NormalizationRMSNorm).
		WithPositionalEncoder(pos.NewRoPE(10_000)).
		Logits(tokens, transformer.CallOptions{})
}

// newOptimizer is 8-bit Muon for the matrices and AdamW for the rest. The zoo
// calls its last layer "output", which the optimizer cannot know for one.
func newOptimizer() *optim.Optimizer {
	return muon.New().Optimizer(0.04).
		WithMatrixState(storage.Linear8(storage.DefaultBlock)).
		WithRest("output/*").
		WithClip(1).
		Done()
}

// batch draws lines that say a random word twice; the labels are the bytes that
// follow. Of the ten bytes of a line four are random: who copies needs
// 4·ln 26/10 = 1.30 nats a byte, and who does not 2.61.
func batch(rng *rand.Rand) train.Batch {
	inputs, labels := make([]int32, 0, rows*rowLen), make([]int32, 0, rows*rowLen)
	for range rows {
		var text []byte
		for len(text) <= rowLen {
			var w [word]byte
			for i := range w {
				w[i] = byte('a' + rng.IntN(26))
			}
			text = fmt.Appendf(text, "%s %s\n", w[:], w[:])
		}
		for i := range rowLen {
			inputs, labels = append(inputs, int32(text[i])), append(labels, int32(text[i+1]))
		}
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(inputs, rows, rowLen)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(labels, rows, rowLen, 1)},
	}
}

// fit trains the transformer and prints its loss and what the optimizer is.
func fit(w io.Writer, steps int) error {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		return err
	}
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(1); err != nil {
		return err
	}
	opt := newOptimizer()
	trainer := train.NewTrainer(backend, store, network, loss.SparseCategoricalCrossEntropyLogits, opt, nil, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	for step := range steps {
		if err := opt.SetMultiplier(store, 1-float64(step)/float64(steps)); err != nil {
			return err
		}
		metrics, err := trainer.TrainStep(batch(rng))
		if err != nil {
			return err
		}
		if step%20 == 0 || step == steps-1 {
			fmt.Fprintf(w, "%3d %.2f\n", step, tensors.ToScalar[float32](metrics[0]))
		}
	}
	fmt.Fprintf(w, "\n%s\n%d bytes of state\n", opt.Table(), optim.StateBytes(store))
	return nil
}

func main() {
	if err := fit(os.Stdout, 121); err != nil {
		fmt.Fprintln(os.Stderr, "zoo-transformer:", err)
		os.Exit(1)
	}
}
