package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/foam"
	"github.com/nanochat-go/nanochat/optim/galore"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/schedule"
	"github.com/nanochat-go/nanochat/optim/sgd"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
	"github.com/nanochat-go/nanochat/systems/minato"

	"github.com/nanochat-go/nanochat/trainer/internal/checkpoint"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// rule makes an optimizer rule by name.
func rule(name string, o config.Optim) update.Rule {
	switch name {
	case "muon":
		return muon.New().WithScale(muon.Scale(o.Scale)).WithOrthogonalizer(orthogonalizer(o))
	case "lion":
		return lion.New()
	case "sgd":
		return sgd.New()
	}
	return adamw.New()
}

// orthogonalizer is muon's with the products that optim.orth_dtype names.
func orthogonalizer(o config.Optim) orthogonal.Preset {
	p := orthogonal.Classic(5)
	p.Rolled = slices.Contains([]string{"galore", "q-galore", "random"}, o.Space.Kind) // small products: a loop makes a shorter program
	if o.OrthDType == "bfloat16" {
		p = p.WithDType(dtypes.BFloat16)
	}
	return p
}

// kept is how optim.state keeps the state of the matrices.
func kept(o config.Optim) update.Storage {
	switch o.State {
	case "bfloat16":
		return storage.BFloat16()
	case "linear8":
		return storage.Linear8(o.StateBlock)
	case "dynamic8":
		return storage.Dynamic8(o.StateBlock)
	}
	return storage.Float32()
}

// space is where the moments of the matrices live, nil for the matrices
// themselves.
func space(s config.Space) update.Space {
	switch s.Kind {
	case "galore":
		return lowRank(galore.New(s.Rank), s)
	case "q-galore":
		return lowRank(galore.Q(s.Rank), s)
	case "random":
		return lowRank(galore.Random(s.Rank), s)
	case "foam":
		return foam.New(s.Level).WithScale(s.Scale)
	}
	return nil
}

// lowRank gives a subspace its settings.
func lowRank(space *galore.Space, s config.Space) *galore.Space {
	return space.WithEvery(s.Every).WithMoments(galore.Moments(s.Moments)).WithScale(s.Scale)
}

// optimizer routes the parameters: the named groups first, then the matrices to
// optim.rule, then the rest to AdamW.
func optimizer(c config.Config, params []lm.Param) (*optim.Optimizer, error) {
	var groups []optim.Group
	for _, g := range c.Optim.Groups {
		groups = append(groups, optim.Group{Match: g.Match, Rule: rule(g.Rule, c.Optim), LR: g.LR, WeightDecay: g.WeightDecay})
	}
	matrices := optim.Group{Class: []string{string(lm.Matrix)}, Rule: rule(c.Optim.Rule, c.Optim), LR: c.Optim.LR, WeightDecay: c.Optim.WeightDecay,
		Storage: kept(c.Optim), Space: space(c.Optim.Space)}
	if c.Optim.Momentum > 0 {
		matrices.Momentum = &c.Optim.Momentum
	}
	groups = append(groups, matrices, optim.Group{Rule: adamw.New(), LR: c.Optim.OtherLR})
	return optim.New(run.OptimParams(params), optim.Config{Groups: groups, Clip: c.Optim.Clip})
}

// momentum is the warm-up of the matrices' momentum, by their group in optimizer.
func momentum(c config.Config) map[int]schedule.Momentum {
	o := c.Optim
	if o.MomentumWarmup == 0 {
		return nil
	}
	end := o.Momentum
	if end == 0 {
		end = rule(o.Rule, o).Momentum()
	}
	return map[int]schedule.Momentum{len(o.Groups): {Start: o.MomentumStart, End: end, Steps: o.MomentumWarmup}}
}

// batches adapts the loader to the loop.
type batches struct{ *minato.Loader }

func rows(b *minato.Batch) run.Rows {
	return run.Rows{B: b.B, T: b.T, Tokens: b.Tokens, Targets: b.Targets, Positions: b.Positions, Segments: b.Segments}
}

func (b batches) Next(ctx context.Context) (run.Rows, error) {
	batch, err := b.Loader.Next(ctx)
	if err != nil {
		return run.Rows{}, err
	}
	return rows(batch), nil
}

func (b batches) Waited() time.Duration { return b.Metrics().Wait }

// trainer is a run in progress.
type trainer struct {
	cfg     config.Config
	dir     runDir
	data    *data.Prepared
	stepper *run.Stepper
	loader  *minato.Loader
	saved   *checkpoint.Manager
	loop    *run.Loop
	best    int // step with the best validation bits per byte
	// savedStep is the step of the checkpoint that the state was last equal to,
	// 0 for none.
	savedStep int
	judge     rustc.Judge // nil: samples are not compiled
	rec       *recorder   // open while the loop runs
}

// newTrainer builds everything that a run needs, at its beginning.
func newTrainer(b compute.Backend, c config.Config, dir runDir, d *data.Prepared) (*trainer, error) {
	t := &trainer{cfg: c, dir: dir, data: d}
	m, err := newModel(b, c, d.Tokenizer.VocabSize())
	if err != nil {
		return nil, err
	}
	late, err := lateModel(b, c, d.Tokenizer.VocabSize())
	if err != nil {
		return nil, err
	}
	opt, err := optimizer(c, m.Params())
	if err != nil {
		return nil, err
	}
	if t.stepper, err = run.NewStepper(b, m, opt, uint64(c.Seed)); err != nil {
		return nil, err
	}
	t.stepper.Objective = objective(c)
	t.loader, err = minato.New(d.Train, minato.Config{Batch: c.Train.Batch, Length: c.Model.Context, Seed: uint64(c.Seed)})
	if err != nil {
		return nil, err
	}
	t.saved, err = checkpoint.Open(dir.file("checkpoints"), checkpoint.Keep(c.Checkpoint.Keep),
		checkpoint.Spare(func(step int) bool { return c.Checkpoint.Best && step == t.best }))
	if err != nil {
		return nil, err
	}
	t.loop = &run.Loop{Stepper: t.stepper, Seed: uint64(c.Seed), Late: late, LateFrom: c.Precision.ForwardHigh, Batches: batches{t.loader}, Budget: c.Budget(), Schedule: c.LRSchedule(), Momentum: momentum(c),
		Accumulate: c.Optim.Accumulate, CheckpointEvery: c.Checkpoint.Every, EvalEvery: c.Eval.Every, HealthEvery: c.Optim.HealthEvery,
		Progress: run.Progress{BestBPB: math.MaxFloat64, Backoff: 1},
		Events: run.Events{Step: func(r run.Record) { t.rec.update(r) }, Checkpoint: t.checkpoint, Evaluate: t.evaluate, Reload: t.reload,
			Notice: func(s string) { t.rec.Note(position(t.loop.Progress), s) }}}
	return t, nil
}

func (t *trainer) close() error { return errors.Join(t.loader.Close(), t.data.Close()) }

// checkpoint saves the run.
func (t *trainer) checkpoint(p run.Progress) error {
	t.rec.Phase("saving a checkpoint")
	if err := t.rec.Sync(); err != nil {
		return err
	}
	if t.savedStep == p.Step {
		return nil // the end of the run right after a checkpoint
	}
	progress, err := json.Marshal(p)
	if err != nil {
		return err
	}
	loader, err := t.loader.State()
	if err != nil {
		return err
	}
	best, err := json.Marshal(t.best)
	if err != nil {
		return err
	}
	configHash, err := json.Marshal(t.cfg.Hash())
	if err != nil {
		return err
	}
	err = t.saved.Save(checkpoint.Snapshot{Step: p.Step, Model: t.stepper.ModelTensors(), Optimizer: t.stepper.OptimizerTensors(),
		State: map[string]json.RawMessage{"progress": progress, "loader": loader, "best": best, "config": configHash}})
	if err == nil {
		t.savedStep = p.Step
	}
	return err
}

// restore sets the run to a checkpoint.
func (t *trainer) restore(l *checkpoint.Loaded) (run.Progress, error) {
	var p run.Progress
	if err := errors.Join(json.Unmarshal(l.State["progress"], &p), json.Unmarshal(l.State["best"], &t.best)); err != nil {
		return p, fmt.Errorf("checkpoint %s: %w", l.Dir, err)
	}
	model, err := l.Model()
	if err != nil {
		return p, err
	}
	defer model.Close()
	opt, err := l.Optimizer()
	if err != nil {
		return p, err
	}
	defer opt.Close()
	t.savedStep = l.Step
	return p, errors.Join(t.stepper.RestoreModel(model), t.stepper.RestoreOptimizer(opt), t.loader.Restore(l.State["loader"]))
}

// reload goes back to the newest checkpoint.
func (t *trainer) reload() (run.Progress, bool, error) {
	l, warnings, err := t.saved.Latest()
	for _, w := range warnings {
		t.rec.Warn("%s", w)
	}
	if errors.Is(err, checkpoint.ErrNone) {
		return run.Progress{}, false, nil
	}
	if err != nil {
		return run.Progress{}, false, err
	}
	p, err := t.restore(l)
	if err == nil {
		err = t.rec.Rewind(p.Step)
	}
	return p, err == nil, err
}

// evaluate measures bits per byte on validation text, and tries a few samples
// on the way.
func (t *trainer) evaluate(ctx context.Context, p *run.Progress) error {
	limit, last := t.cfg.Eval.ValTokens, p.Share(t.cfg.Budget()) >= 1
	if last {
		limit = 0 // the last one counts: all of it
	}
	t.rec.Phase("evaluating")
	nats, bpb, err := validate(ctx, t.stepper, t.data, t.cfg, limit)
	if err != nil {
		return err
	}
	p.LastBPB = bpb
	if bpb < p.BestBPB {
		p.BestBPB, t.best = bpb, p.Step
	}
	t.rec.validated(*p, nats, bpb)
	if n := t.cfg.Eval.StepSamples; n > 0 && t.judge != nil && !last { // the end has samples of its own
		return t.trySamples(ctx, *p, n)
	}
	return nil
}

// trySamples records how many of n samples of the weights as they are compile.
func (t *trainer) trySamples(ctx context.Context, p run.Progress, n int) error {
	t.rec.Phase("sampling")
	e, err := infer.New(t.stepper.Model.Config, infer.FromGraph(t.stepper.Model.Config, t.stepper.Weights))
	if err != nil {
		return err
	}
	defer e.Close()
	j, err := draw(ctx, e, t.data.Tokenizer, sampling{n: n, temperature: t.cfg.Eval.Temperature, seed: t.cfg.Seed})
	if err != nil {
		return err
	}
	if err := j.judge(ctx, t.judge); err != nil {
		return err
	}
	t.rec.judged(p, j)
	return nil
}

// validate returns nats per token and bits per byte over validation documents,
// about limit tokens of them (0: all).
func validate(ctx context.Context, s *run.Stepper, d *data.Prepared, c config.Config, limit int) (nats, bpb float64, err error) {
	eval, err := minato.NewEval(d.Val, minato.EvalConfig{Batch: c.Train.Batch, Length: c.Model.Context, MaxTargets: int64(limit)})
	if err != nil {
		return 0, 0, err
	}
	return evalSet(ctx, s, eval)
}

func evalSet(ctx context.Context, s *run.Stepper, eval *minato.Eval) (nats, bpb float64, err error) {
	var sum, count float64
	for b, err := range eval.Batches(ctx) {
		if err != nil {
			return 0, 0, err
		}
		n, k, err := s.Eval(rows(b))
		if err != nil {
			return 0, 0, err
		}
		sum, count = sum+n, count+k
	}
	return sum / count, eval.BitsPerByte(sum), nil
}
