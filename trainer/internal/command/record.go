package command

import (
	"math"
	"os"

	"github.com/nanochat-go/nanochat/arch/estimate"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// newProgress shows progress on standard error.
func newProgress(o cli.Common) *track.Progress {
	return track.NewProgress(track.ForFile(os.Stderr, o.Quiet))
}

// recorder passes what happens in a run on to its records and its progress
// line.
type recorder struct {
	*track.Run
	steps      int     // of the budget, 0 when it does not count steps
	bitsPerNat float64 // bits per byte for one nat per token of the training text
	perToken   float64 // MFU for one token a second, 0 if the peak is unknown
}

// openRecorder opens the records of a run that continues after step.
func (t *trainer) openRecorder(p *track.Progress, resume bool, step int, peak float64) (*recorder, error) {
	records, err := track.Open(track.Options{Dir: t.dir.path, Resume: resume && track.Exists(t.dir.path), Step: step, Progress: p})
	if err != nil {
		return nil, err
	}
	model := t.stepper.Model.Config
	return &recorder{Run: records, steps: t.cfg.Train.Steps, bitsPerNat: bitsPerNat(t.data.Manifest.Train),
		perToken: estimate.MFU(model, model.Context, 1, peak)}, nil
}

// bitsPerNat turns nats per token into bits per byte of a text.
func bitsPerNat(p data.Part) float64 {
	return float64(p.Tokens) / (math.Ln2 * float64(max(p.Bytes, 1)))
}

func position(p run.Progress) track.Position {
	return track.Position{Step: p.Step, Tokens: p.Tokens, Elapsed: p.Elapsed}
}

func (r *recorder) update(s run.Record) {
	r.Step(track.Step{Position: position(s.Progress), Steps: r.steps, Share: s.Share, Loss: s.Loss, BPB: s.Loss * r.bitsPerNat,
		LR: s.LR, GradNorm: s.GradNorm, Skipped: s.Skipped, StepSeconds: s.StepSeconds, TokensPerSecond: s.TokensPerS,
		MFU: s.TokensPerS * r.perToken, WaitShare: s.WaitShare, Parts: s.Parts, Health: s.Health})
}

func (r *recorder) validated(p run.Progress, nats, bpb float64) {
	r.Log(track.KindVal, position(p), track.Values{track.ValLoss: nats, track.ValBPB: bpb})
	r.Notice("step %d: %.4f bits per byte on validation text (%.3f nats per token)", p.Step, bpb, nats)
}

func (r *recorder) judged(p run.Progress, j *judged) {
	v := track.Values{track.CompileRate: j.Rate.Rate, track.CompileLo: j.Rate.Interval[0], track.CompileHi: j.Rate.Interval[1]}
	if j.Acceptance > 0 {
		v[track.Acceptance] = j.Acceptance
	}
	r.Log(track.KindRust, position(p), v)
	r.Text("samples", position(p), j.markdown(4))
	r.Notice("step %d: %d of %d samples compile", p.Step, j.Rate.Compiled, j.Rate.Samples)
}
