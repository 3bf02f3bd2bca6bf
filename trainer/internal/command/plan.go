package command

import (
	"context"
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/arch/estimate"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// PlanResult is what plan reports. Bytes and operations are predictions, see
// package estimate.
type PlanResult struct {
	Model      lm.Config      `json:"model"`
	Parameters PlanParameters `json:"parameters"`
	FLOPs      PlanFLOPs      `json:"flops_per_token"`
	Bytes      PlanBytes      `json:"bytes"`
	Optimizer  string         `json:"optimizer"` // a table, a line for each parameter
	Precision  string         `json:"precision"` // a table, a line for each kind of linear and one for each recipe
	// LinearBits is the mean size of a weight of the linears in their format.
	LinearBits float64 `json:"linear_bits"`
	Run        PlanRun `json:"run"`
}

// PlanParameters counts parameters.
type PlanParameters struct {
	Total        int              `json:"total"`
	NonEmbedding int              `json:"non_embedding"`
	ByClass      map[lm.Class]int `json:"by_class"`
}

// PlanFLOPs are floating-point operations for a token.
type PlanFLOPs struct {
	Train  float64 `json:"train"`
	Decode float64 `json:"decode"` // the last one of a full context
}

// PlanBytes are bytes of memory in training by what they hold, and of what
// comes out of it.
type PlanBytes struct {
	Weights        int64 `json:"weights"`
	Gradients      int64 `json:"gradients"`
	OptimizerState int64 `json:"optimizer_state"`
	Accumulators   int64 `json:"accumulators"`
	Activations    int64 `json:"activations"`
	Scores         int64 `json:"scores"`
	Logits         int64 `json:"logits"`
	Working        int64 `json:"working"` // of the backward pass of a block and of products
	Total          int64 `json:"total"`

	Checkpoint int64 `json:"checkpoint"` // on disk, each
	Serving    int64 `json:"serving"`    // weights in the inference engine
	KVCache    int64 `json:"kv_cache"`   // of a row of the whole context
}

// PlanRun is what the budget amounts to.
type PlanRun struct {
	TokensPerStep int     `json:"tokens_per_step"`
	Backend       string  `json:"backend"`
	PeakFLOPS     float64 `json:"peak_flops"`  // measured, of a large matrix product
	AssumedMFU    float64 `json:"assumed_mfu"` // share of the peak that training reaches
	// Estimates from the three above; the budget itself is exact.
	TokensPerSecond float64 `json:"tokens_per_second"`
	Steps           float64 `json:"steps"`
	Tokens          float64 `json:"tokens"`
	Seconds         float64 `json:"seconds"`
}

// Plan is the command plan.
func Plan(ctx context.Context, o cli.TrainOptions) (any, error) {
	c, err := config.Load(o.Preset, o.File, o.Set)
	if err != nil {
		return nil, err
	}
	vocab, err := data.Vocab(c)
	if err != nil {
		return nil, err
	}
	m := c.LM(vocab).WithDefaults()
	opt, err := optimizer(c, m.Params())
	if err != nil {
		return nil, err
	}
	r := planModel(c, m, opt)
	if r.Precision, r.LinearBits, err = precisionTable(c, m); err != nil {
		return nil, err
	}
	if err := r.Run.measure(ctx, o, c, m); err != nil {
		return nil, err
	}
	r.print(o.Common, c)
	return r, nil
}

// planModel predicts everything that does not depend on the machine.
func planModel(c config.Config, m lm.Config, opt *optim.Optimizer) PlanResult {
	n := estimate.Count(m)
	mem := estimate.Train(m, c.Train.Batch, m.Context)
	r := PlanResult{
		Model:      m,
		Parameters: PlanParameters{Total: n.Total, NonEmbedding: n.NonEmbedding, ByClass: n.ByClass},
		FLOPs:      PlanFLOPs{Train: estimate.TrainFLOPs(m, m.Context), Decode: estimate.DecodeFLOPs(m, m.Context)},
		Bytes: PlanBytes{Weights: mem.Weights, Gradients: mem.Gradients, OptimizerState: opt.PlanStateBytes(), Activations: mem.Activations,
			Scores: mem.Scores, Logits: mem.Logits, Working: mem.Working, Serving: estimate.Serving(m), KVCache: estimate.KVCache(m, m.Context)},
		Optimizer: opt.Table(),
		Run:       PlanRun{TokensPerStep: c.Train.Batch * m.Context * c.Optim.Accumulate},
	}
	if c.Optim.Accumulate > 1 {
		r.Bytes.Accumulators = mem.Gradients
	}
	r.Bytes.Total = mem.Total() + r.Bytes.OptimizerState + r.Bytes.Accumulators
	r.Bytes.Checkpoint = r.Bytes.Weights + r.Bytes.OptimizerState
	return r
}

// assumedMFU is the share of a backend's peak that training usually reaches:
// what bench train measures on two cores for models of 1 to 14 million
// parameters, rounded down. Ternary linears quantise weights and activations
// in every step, which the model's operations do not count.
func assumedMFU(backend string, ternary bool) float64 {
	switch {
	case backend == "xla" && ternary:
		return 0.3
	case backend == "xla":
		return 0.45
	case ternary:
		return 0.15
	}
	return 0.25
}

// measure estimates the speed from the peak of the backend that training would
// take now, without downloading one, and fills in what the budget leaves open.
func (r *PlanRun) measure(ctx context.Context, o cli.TrainOptions, c config.Config, m lm.Config) error {
	name := c.Train.Backend
	if name == "auto" {
		name = "go"
		if s := backend.List(); s[1].Available {
			name = s[1].Name
		}
	}
	b, choice, err := backend.Open(ctx, name, !o.NoReexec, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return err
	}
	defer b.Finalize()
	if r.PeakFLOPS, err = backend.Peak(b); err != nil {
		return fmt.Errorf("measuring the peak of backend %s: %w", choice.Name, err)
	}
	r.Backend, r.AssumedMFU = choice.Name, assumedMFU(choice.Name, m.Ternary)
	r.TokensPerSecond = r.PeakFLOPS * r.AssumedMFU / estimate.TrainFLOPs(m, m.Context)
	// The first limit that is reached ends the run.
	r.Tokens = math.Inf(1)
	if c.Train.Steps > 0 {
		r.Tokens = float64(c.Train.Steps) * float64(r.TokensPerStep)
	}
	if c.Train.Tokens > 0 {
		r.Tokens = min(r.Tokens, float64(c.Train.Tokens))
	}
	if c.Train.Time > 0 {
		r.Tokens = min(r.Tokens, c.Train.Time.Std().Seconds()*r.TokensPerSecond)
	}
	r.Steps, r.Seconds = r.Tokens/float64(r.TokensPerStep), r.Tokens/r.TokensPerSecond
	return nil
}
