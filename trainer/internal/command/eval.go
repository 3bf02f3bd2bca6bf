package command

import (
	"context"
	"fmt"
	"os"

	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/systems/minato"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/run"

	"github.com/nanochat-go/nanochat/arch/lm"
)

// RustResult is what eval rust reports.
type RustResult struct {
	rustc.Rate
	Novel           int     `json:"novel"` // -1: not determined
	Step            int     `json:"step"`
	Seed            int64   `json:"seed"`
	Temperature     float64 `json:"temperature"`
	TokensPerSecond float64 `json:"tokens_per_second"`
	Compiler        string  `json:"compiler,omitempty"`
}

func (j *judged) result(step int, s sampling) RustResult {
	r := RustResult{Rate: j.Rate, Novel: j.novelCount(), Step: step, Seed: s.seed, Temperature: s.temperature}
	if j.Seconds > 0 {
		r.TokensPerSecond = float64(j.Tokens) / j.Seconds
	}
	return r
}

// summary says the rate in one line.
func (r RustResult) summary() string {
	s := fmt.Sprintf("%d of %d samples compile: %.0f %% (95 %% interval %.0f to %.0f %%)", r.Compiled, r.Samples, 100*r.Rate.Rate, 100*r.Interval[0], 100*r.Interval[1])
	if r.Novel >= 0 {
		s += fmt.Sprintf("; %d of those hold no function of the training text", r.Novel)
	}
	return s
}

// EvalRust is the command eval rust.
func EvalRust(ctx context.Context, o cli.EvalOptions) (any, error) {
	if o.Samples < 1 {
		return nil, fmt.Errorf("%d samples, want at least 1", o.Samples)
	}
	compiler, err := rustc.New(rustc.Options{})
	if err != nil {
		return nil, err
	}
	t, err := openTrained(o.Run, o.Notice)
	if err != nil {
		return nil, err
	}
	defer t.close()
	s := sampling{n: o.Samples, maxTokens: o.MaxTokens, temperature: o.Temperature, seed: o.Seed}
	o.Notice("sampling %d programs from %s, step %d, at temperature %g", s.n, o.Run, t.Step, s.temperature)
	j, err := t.judgedSamples(ctx, compiler, s)
	if err != nil {
		return nil, err
	}
	d, err := data.Prepare(ctx, t.Config, t.Dir.file("data"), o.Notice)
	if err != nil {
		return nil, fmt.Errorf("comparing with the training text: %w", err)
	}
	defer d.Close()
	if err := j.compare(ctx, d); err != nil {
		return nil, err
	}
	r := j.result(t.Step, s)
	r.Compiler = compiler.Version()
	if !o.JSON {
		for i := range j.Texts[:min(3, len(j.Texts))] {
			o.Printf("%s// %s\n\n", j.Samples[i].Unit.Code, j.verdict(i))
		}
	}
	o.Printf("%s\n", r.summary())
	for code, n := range r.ByCode {
		o.Printf("  %-12s %d\n", code, n)
	}
	return r, nil
}

// verdict is what was found out about a sample, in a few words.
func (j *judged) verdict(i int) string {
	switch reason := j.Samples[i].Reason(); {
	case reason != "":
		return reason
	case j.Novel != nil && j.Novel[i]:
		return "compiles, new"
	}
	return "compiles"
}

// judgedSamples draws samples and compiles them.
func (t *trained) judgedSamples(ctx context.Context, by rustc.Judge, s sampling) (*judged, error) {
	e, err := t.engine()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	j, err := draw(ctx, e, t.Tokenizer, s)
	if err != nil || by == nil {
		return j, err
	}
	return j, j.judge(ctx, by)
}

// BPBResult is what eval bpb reports.
type BPBResult struct {
	Documents int     `json:"documents"`
	Bytes     int64   `json:"bytes"`
	Tokens    int64   `json:"tokens"` // scored: each document's tokens but its first, its end included
	Nats      float64 `json:"nats_per_token"`
	BPB       float64 `json:"bpb"`
	Step      int     `json:"step"`
	Backend   string  `json:"backend"`
}

// EvalBPB is the command eval bpb.
func EvalBPB(ctx context.Context, o cli.EvalOptions) (any, error) {
	b, choice, err := backend.Open(ctx, o.Backend, !o.NoReexec, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return nil, err
	}
	o.Notice("%s", choice)
	t, err := openTrained(o.Run, o.Notice)
	if err != nil {
		return nil, err
	}
	defer t.close()
	d, done, err := t.evalData(ctx, o)
	if err != nil {
		return nil, err
	}
	defer done()
	m, err := lm.New(t.LM)
	if err != nil {
		return nil, err
	}
	opt, err := optimizer(t.Config, m.Params())
	if err != nil {
		return nil, err
	}
	stepper, err := run.NewStepper(b, m, opt, 0)
	if err != nil {
		return nil, err
	}
	if err := stepper.RestoreModel(t.weights); err != nil {
		return nil, err
	}
	eval, err := minato.NewEval(d.Val, minato.EvalConfig{Batch: t.Config.Train.Batch, Length: t.LM.Context})
	if err != nil {
		return nil, err
	}
	o.Notice("scoring %d documents, %.1f MB", eval.NumDocs(), float64(eval.Bytes())/1e6)
	nats, bpb, err := evalSet(ctx, stepper, eval)
	if err != nil {
		return nil, err
	}
	r := &BPBResult{Documents: eval.NumDocs(), Bytes: eval.Bytes(), Tokens: eval.Targets(), Nats: nats, BPB: bpb, Step: t.Step, Backend: choice.Name}
	o.Printf("%.4f bits per byte, %.3f nats per token, over %d documents of %.1f MB\n", r.BPB, r.Nats, r.Documents, float64(r.Bytes)/1e6)
	return r, nil
}

// evalData is the run's own validation text, or the documents that the options
// name, all of them, with the run's tokenizer. done gives them up.
func (t *trained) evalData(ctx context.Context, o cli.EvalOptions) (d *data.Prepared, done func(), err error) {
	if len(o.Data) == 0 {
		d, err = data.Prepare(ctx, t.Config, t.Dir.file("data"), o.Notice)
		return d, func() { d.Close() }, err
	}
	c := t.Config
	if c.Data.Sources, err = config.PathSources(o.Data, o.Column, o.Ext); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "trainer-eval-")
	if err != nil {
		return nil, nil, err
	}
	d, err = data.Whole(ctx, c, t.Tokenizer, dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return d, func() { d.Close(); os.RemoveAll(dir) }, nil
}
