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
	"github.com/nanochat-go/nanochat/trainer/internal/checkpoint"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// TrainResult is what train reports.
type TrainResult struct {
	Run             string        `json:"run"`
	Steps           int           `json:"steps"`
	Tokens          int64         `json:"tokens"`
	ValBPB          float64       `json:"val_bpb"`
	TokensPerSecond float64       `json:"tokens_per_second"`
	Backend         string        `json:"backend"`
	Parameters      int           `json:"parameters"`
	Skipped         int           `json:"skipped"`
	Interrupted     bool          `json:"interrupted,omitempty"`
	Rust            *RustResult   `json:"rust,omitempty"`   // of samples of the final model
	Export          *ExportResult `json:"export,omitempty"` // of the final model
	GGUF            *GGUFResult   `json:"gguf,omitempty"`
	Report          string        `json:"report"`
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
	PeakFLOPS  float64       `json:"peak_flops"` // of float32 matrix products, measured; 0 if that failed
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

// Train is the command train, and without a command the journey: data,
// tokenizer, training, samples and their verdicts, export, report.
func Train(ctx context.Context, o cli.TrainOptions) (any, error) {
	c, err := checkTrain(o) // errors before anything slow
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
	show := newProgress(o.Common)
	defer show.Close()
	d, err := dir.prepare(ctx, c, show.Message)
	if err != nil {
		return nil, err
	}
	if err := copyTokenizer(d, dir); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	t, err := newTrainer(b, c, dir, d)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	defer t.close()
	if err := t.findJudge(show); err != nil {
		return nil, err
	}
	show.Phase("measuring the machine")
	peak, err := backend.Peak(b)
	if err != nil {
		show.Warn("no utilisation is shown: measuring the peak of the machine: %v", err)
	}
	m, err := t.writeManifest(choice, peak)
	if err != nil {
		return nil, err
	}
	show.Message("model: %d parameters in %d layers of %d, %s; the optimizer's state takes %s; peak %.0f GFLOP/s", m.Parameters, c.Model.Layers,
		c.Model.Dim, t.kind(), track.Bytes(t.stepper.Opt.PlanStateBytes()), peak/1e9)
	if err := t.showPrecision(show); err != nil {
		return nil, err
	}
	return t.run(ctx, o, show, m)
}

// showPrecision prints the recipe of every linear, unless all are plain.
func (t *trainer) showPrecision(show *track.Progress) error {
	table, bits, err := precisionTable(t.cfg, t.stepper.Model.Config)
	if err != nil || t.cfg.Precision.Recipe == "" && t.cfg.Precision.Modules == nil {
		return err
	}
	show.Message("precision of the linears, emulated, %.3g bits a weight:\n%s", bits, table)
	return nil
}

// kind names the weights of the model.
func (t *trainer) kind() string {
	if t.cfg.Model.Ternary {
		return "ternary linears"
	}
	return "dense"
}

// findJudge looks for a compiler when samples are to be compiled. Training goes
// on without one.
func (t *trainer) findJudge(show *track.Progress) error {
	if !t.cfg.Eval.Compile {
		return nil
	}
	judge, why, err := newJudge()
	if why != "" {
		show.Warn("samples are not compiled: %s", why)
	}
	t.judge = judge
	return err
}

// run trains from the newest checkpoint, if resuming, or from the beginning,
// and finishes the run when its budget is spent.
func (t *trainer) run(ctx context.Context, o cli.TrainOptions, show *track.Progress, m Manifest) (*TrainResult, error) {
	if o.Resume {
		if err := t.resume(show); err != nil {
			return nil, err
		}
	}
	var err error
	if t.rec, err = t.openRecorder(show, o.Resume, t.loop.Progress.Step, m.PeakFLOPS); err != nil {
		return nil, err
	}
	before := t.loop.Progress
	t.rec.Phase("compiling the training step")
	err = t.loop.Run(ctx)
	p := t.loop.Progress
	r := &TrainResult{Run: t.dir.path, Steps: p.Step, Tokens: p.Tokens, ValBPB: p.LastBPB, Backend: m.Backend, Parameters: m.Parameters,
		Interrupted: ctx.Err() != nil, Report: t.dir.reportFile()}
	if s := (p.Elapsed - before.Elapsed).Seconds(); s > 0 {
		r.TokensPerSecond = float64(p.Tokens-before.Tokens) / s
	}
	_, r.Skipped = t.stepper.Opt.Counters(t.stepper.Store)
	var j *judged
	if err == nil && !r.Interrupted {
		j, err = t.finish(ctx, r)
	}
	if closed := t.rec.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	if err := t.report(r, m, j); err != nil {
		return nil, err
	}
	t.conclude(o, r)
	return r, nil
}

// resume restores the newest valid checkpoint.
func (t *trainer) resume(show *track.Progress) error {
	l, warnings, err := t.saved.Latest()
	for _, w := range warnings {
		show.Warn("%s", w)
	}
	if errors.Is(err, checkpoint.ErrNone) {
		if len(warnings) > 0 {
			return fmt.Errorf("%w: none of the checkpoints can be used", err)
		}
		show.Message("no checkpoint yet: starting from the beginning")
		return nil
	}
	if err != nil {
		return err
	}
	if t.loop.Progress, err = t.restore(l); err != nil {
		return err
	}
	show.Message("resumed from step %d", l.Step)
	return nil
}

func (t *trainer) writeManifest(choice backend.Choice, peak float64) (Manifest, error) {
	m := Manifest{Started: time.Now().UTC(), Backend: choice.Name, Reason: choice.Reason, Machine: backend.Machine(), Revision: revision(),
		Config: t.cfg.Hash(), PeakFLOPS: peak, Data: t.data.Manifest}
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
