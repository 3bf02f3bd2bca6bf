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
	"github.com/nanochat-go/nanochat/optim/recipe"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// TrainOptions describe the model and the measurement.
type TrainOptions struct {
	Model lm.Config
	Batch int
	Steps int
	// Optimizers are timed in turn, step by step, each with a model of its own; none:
	// adamw. See Optimizer for the names.
	Optimizers []string
	Settings   recipe.Settings
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

	Optimizers []OptimizerStep `json:"optimizers"` // the figures above are the first's
}

// OptimizerStep is how long a training step takes with an optimizer.
type OptimizerStep struct {
	Name       string  `json:"name"`
	Seconds    float64 `json:"seconds"` // of the median step
	Ratio      float64 `json:"ratio"`   // to the first optimizer, the median over the steps
	StateBytes int64   `json:"state_bytes"`
}

// Train measures training steps.
func Train(ctx context.Context, b compute.Backend, o TrainOptions) (TrainResult, error) {
	r := TrainResult{Steps: o.Steps, Backend: b.Name()}
	if o.Steps < 1 {
		return r, fmt.Errorf("%d steps, want at least 1", o.Steps)
	}
	if len(o.Optimizers) == 0 {
		o.Optimizers = []string{"adamw"}
	}
	var steppers []*run.Stepper
	for _, name := range o.Optimizers {
		name, s, err := newStepper(b, o, name)
		if err != nil {
			return r, err
		}
		defer s.Close()
		steppers = append(steppers, s)
		r.Optimizers = append(r.Optimizers, OptimizerStep{Name: name, StateBytes: s.Opt.PlanStateBytes()})
	}
	for _, p := range o.Model.Params() {
		r.Parameters += p.Size()
	}
	seconds, err := r.timeSteps(ctx, o, steppers)
	if err != nil {
		return r, err
	}
	for k := range r.Optimizers {
		r.Optimizers[k].Seconds, r.Optimizers[k].Ratio = Median(seconds[k]), Ratio(seconds[k], seconds[0])
	}
	tokens := float64(o.Batch * o.Model.Context)
	r.TokensPerSecond = tokens / Median(seconds[0])
	r.BestTokensPerSecond = tokens / slices.Min(seconds[0])
	r.MFU = estimate.MFU(o.Model, o.Model.Context, r.TokensPerSecond, o.PeakFLOPS)
	return r, nil
}

// timeSteps returns the seconds of every step but the first by optimizer.
func (r *TrainResult) timeSteps(ctx context.Context, o TrainOptions, steppers []*run.Stepper) ([][]float64, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	seconds := make([][]float64, len(steppers))
	for i := range o.Steps + 1 {
		batch := randomRows(rng, o)
		for k, s := range steppers {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			start := time.Now()
			res, err := s.Train([]run.Rows{batch})
			if err != nil {
				return nil, err
			}
			took := time.Since(start).Seconds()
			switch {
			case i > 0:
				seconds[k] = append(seconds[k], took)
			case k == 0:
				r.FirstStepSeconds = took
			}
			if k > 0 {
				continue
			}
			r.Loss = res.NLL / res.Count
			if i > 0 && o.Step != nil {
				o.Step(i, float64(o.Batch*o.Model.Context)/took)
			}
		}
	}
	return seconds, nil
}

// newStepper builds the model with an optimizer by name.
func newStepper(b compute.Backend, o TrainOptions, name string) (string, *run.Stepper, error) {
	m, err := lm.New(o.Model, lm.WithShards(backend.Shards(b, o.Batch*o.Model.Context)))
	if err != nil {
		return name, nil, err
	}
	name, builder, err := Optimizer(name, o.Settings, 1e-3)
	if err != nil {
		return name, nil, err
	}
	opt, err := NewOptimizer(builder, m.Params())
	if err != nil {
		return name, nil, err
	}
	s, err := run.NewStepper(b, m, opt, 1)
	return name, s, err
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
