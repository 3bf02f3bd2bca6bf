package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim/schedule"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Batches is the source of training rows. State is small and exact: a source
// restored from it yields the same next batch.
type Batches interface {
	Next(ctx context.Context) (Rows, error)
	State() ([]byte, error)
	Restore(state []byte) error
	// Waited is how long Next has kept its callers waiting so far.
	Waited() time.Duration
}

// Budget ends a run at a step count, a token count or a time: at whichever of
// those that are set is reached first.
type Budget struct {
	Steps  int
	Tokens int64
	Time   time.Duration
}

// Validate says what is wrong with the budget.
func (b Budget) Validate() error {
	if b.Steps < 0 || b.Tokens < 0 || b.Time < 0 || b == (Budget{}) {
		return errors.New("want at least one of steps, tokens and time, and more than 0")
	}
	return nil
}

// Progress is where a run stands; it is part of every checkpoint.
type Progress struct {
	Step    int           `json:"step"`    // updates made or skipped
	Tokens  int64         `json:"tokens"`  // positions seen, padding excluded
	Elapsed time.Duration `json:"elapsed"` // of training, without evaluation
	Backoff float64       `json:"backoff"` // factor on the rate after trouble
	Reloads int           `json:"reloads"` // times that trouble led back to a checkpoint
	BestBPB float64       `json:"best_bpb"`
	LastBPB float64       `json:"last_bpb"`
}

// Share is the part of the budget that is spent, in [0, 1]: that of the limit
// which is nearest.
func (p Progress) Share(b Budget) float64 {
	share := 0.0
	if b.Steps > 0 {
		share = float64(p.Step) / float64(b.Steps)
	}
	if b.Tokens > 0 {
		share = max(share, float64(p.Tokens)/float64(b.Tokens))
	}
	if b.Time > 0 {
		share = max(share, float64(p.Elapsed)/float64(b.Time))
	}
	return min(share, 1)
}

// Record is what one step reports.
type Record struct {
	Progress
	Loss        float64 // nats per scored target
	LR          float64 // multiplier of the schedule, backoff included
	GradNorm    float64
	Skipped     bool
	StepSeconds float64
	TokensPerS  float64
	WaitShare   float64            // of the step's time spent waiting for data
	Share       float64            // of the budget
	Parts       map[string]float64 // of the objective, see StepResult
	Health      map[string]float64 // of steps that were measured, see StepResult
}

// Events is what the loop tells the world. Every function may be nil.
type Events struct {
	Step func(r Record)
	// Due is called after a step when a checkpoint or an evaluation is due and
	// once at the end; the loop's clock stands still meanwhile.
	Checkpoint func(p Progress) error
	Evaluate   func(ctx context.Context, p *Progress) error
	// Reload restores the last checkpoint after repeated trouble and returns
	// where that stands; ok is false when there is none.
	Reload func() (p Progress, ok bool, err error)
	Notice func(message string)
}

// Loop runs a Stepper over Batches until a budget is spent.
type Loop struct {
	Stepper         *Stepper
	Batches         Batches
	Budget          Budget
	Schedule        schedule.Config
	Momentum        map[int]schedule.Momentum // by group of the optimizer; those without keep theirs
	Late            *lm.Model                 // what trains after LateFrom, nil for the same
	LateFrom        float64                   // share of the budget
	Seed            uint64                    // of the random numbers of low precision
	Accumulate      int                       // micro-batches for each update, at least 1
	CheckpointEvery int                       // steps; 0: only at the end
	EvalEvery       int                       // steps; 0: only at the end
	HealthEvery     int                       // steps between those that are measured; 0: none
	Events          Events

	Progress Progress
}

// The limits of what the loop puts up with, see the package comment.
const (
	badInARow  = 3
	maxReloads = 3
)

// ErrDiverged says that losses or gradients stayed non-finite after every
// reload of a checkpoint.
var ErrDiverged = errors.New("training diverged")

// Run trains until the budget is spent or ctx ends, which is not an error: the
// caller sees ctx.Err. A checkpoint is made at the end in both cases.
func (l *Loop) Run(ctx context.Context) error {
	if l.Progress.Backoff == 0 {
		l.Progress.Backoff = 1
	}
	bad := 0
	for ctx.Err() == nil && l.Progress.Share(l.Budget) < 1 {
		r, err := l.step(ctx)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		if !r.Skipped {
			bad = 0
		} else if bad++; bad == badInARow {
			bad = 0
			if err := l.recover(); err != nil {
				return err
			}
			continue
		}
		if err := l.due(ctx, false); err != nil {
			return err
		}
	}
	return l.due(ctx, true)
}

// step makes one update and reports it.
func (l *Loop) step(ctx context.Context) (Record, error) {
	start, waited := time.Now(), l.Batches.Waited()
	var batches []Rows
	for i := range max(l.Accumulate, 1) {
		b, err := l.Batches.Next(ctx)
		if err != nil {
			return Record{}, err
		}
		b.Key = l.key(l.Progress.Step, i)
		if o := l.Stepper.Objective; o != nil {
			b.Values = o.Values(l.Progress.Share(l.Budget))
		}
		batches = append(batches, b)
	}
	waited = l.Batches.Waited() - waited
	if l.Late != nil && l.Progress.Share(l.Budget) >= l.LateFrom && l.Stepper.Model != l.Late {
		if err := l.Stepper.Switch(l.Late); err != nil {
			return Record{}, err
		}
	}
	rate := l.Schedule.Multiplier(l.Progress.Step, l.Progress.Share(l.Budget)) * l.Progress.Backoff
	if err := l.Stepper.Opt.SetMultiplier(l.Stepper.Store, rate); err != nil {
		return Record{}, err
	}
	for group, m := range l.Momentum {
		if err := l.Stepper.Opt.SetMomentum(l.Stepper.Store, group, m.At(l.Progress.Step)); err != nil {
			return Record{}, err
		}
	}
	train := l.Stepper.Train
	if l.HealthEvery > 0 && (l.Progress.Step+1)%l.HealthEvery == 0 {
		train = l.Stepper.TrainMeasured
	}
	res, err := train(batches)
	if err != nil {
		return Record{}, err
	}
	took := time.Since(start)
	tokens := int64(0)
	for _, b := range batches {
		for _, s := range b.Segments {
			if s != 0 {
				tokens++
			}
		}
	}
	p := &l.Progress
	p.Step, p.Tokens, p.Elapsed = p.Step+1, p.Tokens+tokens, p.Elapsed+took
	r := Record{Progress: *p, Loss: res.NLL / max(res.Count, 1), LR: rate, GradNorm: res.GradNorm, Skipped: res.Skipped,
		StepSeconds: took.Seconds(), TokensPerS: float64(tokens) / took.Seconds(), WaitShare: waited.Seconds() / took.Seconds(),
		Share: p.Share(l.Budget), Parts: res.Parts, Health: res.Health}
	if l.Events.Step != nil {
		l.Events.Step(r)
	}
	return r, nil
}

// key is what the random numbers of the micro-batch with number i of a step depend on.
func (l *Loop) key(step, i int) uint32 {
	return uint32(rounding.Derive(l.Seed, uint64(step), uint64(i)))
}

// due makes the checkpoint and the evaluation whose turn it is. The checkpoint
// comes first, so that a crash in the evaluation costs nothing.
func (l *Loop) due(ctx context.Context, end bool) error {
	at := func(every int) bool { return every > 0 && l.Progress.Step%every == 0 }
	if f := l.Events.Checkpoint; f != nil && (end || at(l.CheckpointEvery)) {
		if err := f(l.Progress); err != nil {
			return err
		}
	}
	if f := l.Events.Evaluate; f != nil && ctx.Err() == nil && (end || at(l.EvalEvery)) {
		return f(ctx, &l.Progress)
	}
	return nil
}

// recover goes back to the last checkpoint with half the rate.
func (l *Loop) recover() error {
	where := fmt.Sprintf("%d updates in a row around step %d had a loss or gradient that is not finite", badInARow, l.Progress.Step)
	if l.Progress.Reloads == maxReloads || l.Events.Reload == nil {
		return fmt.Errorf("%w: %s, after %d reloads: lower optim.lr or optim.clip, and look at the loss and gradient norm in metrics.jsonl before it",
			ErrDiverged, where, l.Progress.Reloads)
	}
	backoff, reloads := l.Progress.Backoff/2, l.Progress.Reloads+1
	p, ok, err := l.Events.Reload()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: %s and there is no checkpoint to go back to: lower optim.lr", ErrDiverged, where)
	}
	l.Progress = p
	l.Progress.Backoff, l.Progress.Reloads = math.Min(backoff, p.Backoff), reloads
	if l.Events.Notice != nil {
		l.Events.Notice(fmt.Sprintf("%s: back to step %d, rate times %g", where, p.Step, l.Progress.Backoff))
	}
	return nil
}
