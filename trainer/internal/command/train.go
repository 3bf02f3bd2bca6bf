package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/checkpoint"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// TrainResult is what train reports.
type TrainResult struct {
	Run             string  `json:"run"`
	Steps           int     `json:"steps"`
	Tokens          int64   `json:"tokens"`
	ValBPB          float64 `json:"val_bpb"`
	TokensPerSecond float64 `json:"tokens_per_second"`
	Backend         string  `json:"backend"`
	Parameters      int     `json:"parameters"`
	Skipped         int     `json:"skipped"`
	Interrupted     bool    `json:"interrupted,omitempty"`
}

// Manifest is manifest.json of a run.
type Manifest struct {
	Started    time.Time     `json:"started"`
	Backend    string        `json:"backend"`
	Reason     string        `json:"backend_reason"`
	Machine    string        `json:"machine"`
	Revision   string        `json:"revision"`
	Config     string        `json:"config_sha256"`
	Parameters int           `json:"parameters"`
	PeakFLOPS  float64       `json:"peak_flops"`
	Data       data.Manifest `json:"data"`
}

// revision is the version control revision that the program was built from.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}

// Train is the command train.
func Train(ctx context.Context, o cli.TrainOptions) (any, error) {
	r, err := train(ctx, o)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// train opens what a run needs and trains.
func train(ctx context.Context, o cli.TrainOptions) (*TrainResult, error) {
	c, err := config.Load(o.Preset, o.File, o.Set) // errors before anything slow
	if err != nil {
		return nil, err
	}
	o.Notice("trainer: starting")
	b, choice, err := backend.Open(ctx, c.Train.Backend, !o.NoReexec, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return nil, err
	}
	o.Notice("%s", choice)
	dir, c, err := openRun(o)
	if err != nil {
		return nil, err
	}
	defer dir.close()
	d, err := data.Prepare(ctx, c, dir.file("data"), o.Notice)
	if err != nil {
		return nil, err
	}
	if err := copyTokenizer(d, dir); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	events, err := newConsole(dir, o.Notice)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	t, err := newTrainer(b, c, dir, d, o.Notice, events)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	defer t.close()
	m, err := t.writeManifest(choice)
	if err != nil {
		return nil, err
	}
	if peak, err := backend.Peak(b); err == nil {
		m.PeakFLOPS = peak
		events.flops = bench.TrainFLOPs(t.stepper.Model.Config) / peak
	}
	o.Notice("model: %d parameters, %d of state for the optimizer in bytes; run directory %s", m.Parameters, t.stepper.Opt.PlanStateBytes(), dir.path)
	return t.run(ctx, o.Resume, choice)
}

// run trains from the newest checkpoint, if resuming, or from the beginning.
func (t *trainer) run(ctx context.Context, resume bool, choice backend.Choice) (*TrainResult, error) {
	if resume {
		if err := t.resume(); err != nil {
			return nil, err
		}
	}
	before := t.loop.Progress
	err := t.loop.Run(ctx)
	p := t.loop.Progress
	r := &TrainResult{Run: t.dir.path, Steps: p.Step, Tokens: p.Tokens, ValBPB: p.LastBPB, Backend: choice.Name, Interrupted: ctx.Err() != nil}
	for _, param := range t.stepper.Model.Params() {
		r.Parameters += param.Size()
	}
	if s := (p.Elapsed - before.Elapsed).Seconds(); s > 0 {
		r.TokensPerSecond = float64(p.Tokens-before.Tokens) / s
	}
	_, r.Skipped = t.stepper.Opt.Counters(t.stepper.Store)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		t.notice("stopped at step %d; go on with: trainer train --run %s --resume", p.Step, t.dir.path)
	}
	return r, nil
}

// resume restores the newest valid checkpoint.
func (t *trainer) resume() error {
	l, warnings, err := t.saved.Latest()
	for _, w := range warnings {
		t.events.Notice("%s", w)
	}
	if errors.Is(err, checkpoint.ErrNone) {
		if len(warnings) > 0 {
			return fmt.Errorf("%w: none of the checkpoints can be used", err)
		}
		t.notice("no checkpoint yet: starting from the beginning")
		return nil
	}
	if err != nil {
		return err
	}
	if t.loop.Progress, err = t.restore(l); err != nil {
		return err
	}
	t.notice("resumed from step %d", l.Step)
	return nil
}

func (t *trainer) writeManifest(choice backend.Choice) (Manifest, error) {
	m := Manifest{Started: time.Now().UTC(), Backend: choice.Name, Reason: choice.Reason, Machine: backend.Machine(), Revision: revision(),
		Config: t.cfg.Hash(), Data: t.data.Manifest}
	for _, p := range t.stepper.Model.Params() {
		m.Parameters += p.Size()
	}
	return m, writeJSON(t.dir.file("manifest.json"), m)
}

// copyTokenizer puts the data's tokenizer into the run directory.
func copyTokenizer(d *data.Prepared, dir runDir) error {
	text, err := os.ReadFile(filepath.Join(d.Dir, "tokenizer.json"))
	if err != nil {
		return err
	}
	return writeWhole(dir.file("tokenizer.json"), text)
}
