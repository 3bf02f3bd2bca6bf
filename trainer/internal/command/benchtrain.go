package command

import (
	"bytes"
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim/recipe"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// BenchTrainResult is what bench train reports.
type BenchTrainResult struct {
	bench.TrainResult
	PeakFLOPS float64 `json:"peak_flops"` // measured, of a large matrix product
	SIMD      bool    `json:"simd"`       // of the Go backend
	Machine   string  `json:"machine"`
}

// never is a period of refreshes that no measurement reaches.
const never = 1_000_000

// BenchTrain is the command bench train.
func BenchTrain(ctx context.Context, o cli.BenchTrainOptions) (any, error) {
	m := lm.Config{VocabSize: o.Vocab, NumLayers: o.Layers, Dim: o.Dim, NumHeads: o.Heads, NumKVHeads: o.KVHeads, Context: o.Seq,
		MLP: o.MLP, Ternary: o.Ternary}
	options := bench.TrainOptions{Model: m, Batch: o.Batch, Steps: o.Steps, Optimizers: o.Optimizers,
		Settings: recipe.Settings{Rank: o.Rank, Every: never}}
	if err := m.Validate(); err != nil { // before anything slow
		return nil, err
	}
	for _, name := range o.Optimizers {
		if _, _, err := bench.Optimizer(name, options.Settings, 1); err != nil {
			return nil, err
		}
	}
	if o.Batch < 1 || o.Steps < 1 {
		return nil, fmt.Errorf("--batch %d and --steps %d, want at least 1", o.Batch, o.Steps)
	}
	b, choice, err := backend.Open(ctx, o.Backend, !o.NoReexec, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	o.Notice("%s", choice)
	if options.PeakFLOPS, err = backend.Peak(b); err != nil {
		return nil, err
	}
	options.Step = func(i int, tokensPerSecond float64) {
		o.Notice("step %d of %d: %.0f tokens/s", i, o.Steps, tokensPerSecond)
	}
	measured, err := bench.Train(ctx, b, options)
	if err != nil {
		return nil, err
	}
	measured.Backend = choice.Name
	r := BenchTrainResult{TrainResult: measured, PeakFLOPS: options.PeakFLOPS, SIMD: choice.SIMD, Machine: backend.Machine()}
	o.Printf("model       %d layers × %d, vocabulary %d, %d parameters; %d rows of %d tokens\n", o.Layers, o.Dim, o.Vocab, r.Parameters, o.Batch, o.Seq)
	o.Printf("backend     %s, peak %.1f GFLOP/s\n", choice.Name, r.PeakFLOPS/1e9)
	o.Printf("first step  %.2f s\n", r.FirstStepSeconds)
	o.Printf("median      %.0f tokens/s, MFU %.1f %%\n", r.TokensPerSecond, 100*r.MFU)
	o.Printf("fastest     %.0f tokens/s\n", r.BestTokensPerSecond)
	if len(r.Optimizers) > 1 {
		r.printOptimizers(o.Common)
	}
	return r, nil
}

func (r BenchTrainResult) printOptimizers(out cli.Common) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "optimizer\tms a step\tratio\tstate bytes\t")
	for _, x := range r.Optimizers {
		fmt.Fprintf(w, "%s\t%.1f\t%.3f\t%d\t\n", x.Name, 1e3*x.Seconds, x.Ratio, x.StateBytes)
	}
	w.Flush()
	out.Printf("\n%s", b.String())
}
