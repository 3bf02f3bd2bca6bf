package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/arch/estimate"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// TrainOptions describe the model and the measurement.
type TrainOptions struct {
	Model lm.Config
	Batch int
	Steps int
	// PeakFLOPS is the measured peak of the backend, 0 if unknown.
	PeakFLOPS float64
	// Step, when set, is called after every timed step.
	Step func(i int, tokensPerSecond float64)
}

// TrainResult is what Train measured.
type TrainResult struct {
	TokensPerSecond     float64 `json:"tokens_per_second"`      // of the median step
	BestTokensPerSecond float64 `json:"best_tokens_per_second"` // of the fastest step
	MFU                 float64 `json:"mfu"`                    // at the median, 0 if the peak is unknown
	FirstStepSeconds    float64 `json:"first_step_seconds"`
	Steps               int     `json:"steps"`
	Parameters          int     `json:"parameters"`
	Loss                float64 `json:"loss"`
	Backend             string  `json:"backend"`
}

// Train measures training steps.
func Train(ctx context.Context, b compute.Backend, o TrainOptions) (TrainResult, error) {
	r := TrainResult{Steps: o.Steps, Backend: b.Name()}
	stepper, err := newStepper(b, o.Model, o.Batch)
	if err != nil {
		return r, err
	}
	for _, p := range o.Model.Params() {
		r.Parameters += p.Size()
	}
	rng := rand.New(rand.NewPCG(1, 2))
	tokens := float64(o.Batch * o.Model.Context)
	var seconds []float64
	for i := range o.Steps + 1 {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		batch := randomRows(rng, o)
		start := time.Now()
		res, err := stepper.Train([]run.Rows{batch})
		if err != nil {
			return r, err
		}
		took := time.Since(start).Seconds()
		r.Loss = res.NLL / res.Count
		if i == 0 {
			r.FirstStepSeconds = took
			continue
		}
		seconds = append(seconds, took)
		if o.Step != nil {
			o.Step(i, tokens/took)
		}
	}
	if len(seconds) == 0 {
		return r, fmt.Errorf("%d steps, want at least 1", o.Steps)
	}
	slices.Sort(seconds)
	r.TokensPerSecond = tokens / seconds[len(seconds)/2]
	r.BestTokensPerSecond = tokens / seconds[0]
	r.MFU = estimate.MFU(o.Model, o.Model.Context, r.TokensPerSecond, o.PeakFLOPS)
	return r, nil
}

func newStepper(b compute.Backend, cfg lm.Config, batch int) (*run.Stepper, error) {
	m, err := lm.New(cfg, lm.WithShards(backend.Shards(b, batch*cfg.Context)))
	if err != nil {
		return nil, err
	}
	opt, err := optim.New(run.OptimParams(m.Params()), optim.Config{
		Groups: []optim.Group{{Rule: adamw.New(), LR: 1e-3}},
	})
	if err != nil {
		return nil, err
	}
	return run.NewStepper(b, m, opt, 1)
}

// randomRows are rows of one document each with random tokens and targets.
func randomRows(rng *rand.Rand, o TrainOptions) run.Rows {
	n := o.Batch * o.Model.Context
	b := run.Rows{B: o.Batch, T: o.Model.Context, Tokens: make([]int32, n), Targets: make([]int32, n),
		Positions: make([]int32, n), Segments: make([]int32, n)}
	for i := range n {
		b.Tokens[i], b.Targets[i] = int32(rng.IntN(o.Model.VocabSize)), int32(rng.IntN(o.Model.VocabSize))
		b.Positions[i], b.Segments[i] = int32(i%o.Model.Context), 1
	}
	return b
}
