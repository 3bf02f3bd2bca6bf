package track

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"time"
)

// MetricsFile is the name of the journal in a run directory.
const MetricsFile = "metrics.jsonl"

// Options open a tracker.
type Options struct {
	Dir           string           // the run directory, which is there
	Resume        bool             // continue the journal after Step
	Step          int              // that a resumed run continues from
	NoTensorBoard bool             // write no event file
	Progress      *Progress        // nil shows nothing; the tracker closes it
	Clock         func() time.Time // nil is time.Now
}

// Step is what one update reports. What is not known is 0.
type Step struct {
	Position
	Steps           int     // in all, when the budget counts steps
	Share           float64 // of the budget, 0 to 1
	Loss            float64 // nats per token
	BPB             float64 // bits per byte of the training text
	LR              float64
	GradNorm        float64
	Skipped         bool // the update was left out
	StepSeconds     float64
	TokensPerSecond float64
	MFU             float64 // 0 to 1
	WaitShare       float64 // of the step's time spent waiting for data, 0 to 1
	Parts           Values  // of the objective, by full names
	Health          Values  // of the optimizer's groups and of quantised operands, by full names; nil where it was not measured
}

// Run records one run. Its methods are called from one goroutine. A record that
// cannot be written does not stop the run: the first such error is shown as a
// warning and returned by Sync and Close.
type Run struct {
	opts     Options
	journal  *journal
	events   *events
	progress *Progress
	err      error

	loss, bpb, speed, mfu, wait ema
	pace                        pace
	status                      Status
	memory                      time.Time // when it was last read
}

// Open begins the records of a run, or continues them. Beginning where there is
// a journal already is an error that wraps os.ErrExist.
func Open(o Options) (*Run, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Progress == nil {
		o.Progress = NewProgress(ProgressOptions{Quiet: true, Out: discard{}, Clock: o.Clock})
	}
	r := &Run{opts: o, progress: o.Progress}
	path := filepath.Join(o.Dir, MetricsFile)
	var err error
	var dropped, damaged int
	if o.Resume {
		r.journal, dropped, damaged, err = resumeJournal(path, o.Step)
	} else {
		r.journal, err = createJournal(path)
	}
	if err != nil {
		return nil, err
	}
	if !o.NoTensorBoard {
		if r.events, err = createEvents(o.Dir, o.Clock()); err == nil && o.Resume {
			err = r.events.add(sessionEvent(o.Clock(), o.Step+1))
		}
		if err != nil {
			return nil, errors.Join(err, r.journal.close())
		}
	}
	kind := KindStart
	if o.Resume {
		kind = KindResume
	}
	r.write(Record{Kind: kind, Step: o.Step}, nil)
	if damaged > 0 {
		r.Warn("%s: %d lines that were cut off or damaged are removed", MetricsFile, damaged)
	}
	if dropped > 0 {
		r.Notice("resuming after step %d: %d records of later steps are removed from %s", o.Step, dropped, MetricsFile)
	}
	return r, nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// fail keeps the first error and shows it once.
func (r *Run) fail(err error) {
	if err == nil {
		return
	}
	if r.err == nil {
		r.progress.Warn("metrics are not recorded: %v", err)
	}
	r.err = cmp.Or(r.err, err)
}

// write adds a record to the journal, and its values to the event file.
func (r *Run) write(rec Record, values Values) {
	now := r.opts.Clock()
	rec.Time, rec.Values = now.UTC().Truncate(time.Millisecond), values
	r.fail(r.journal.add(rec))
	if r.events != nil && len(values) > 0 {
		r.fail(r.events.add(scalarEvent(now, rec.Step, values)))
	}
}

func record(kind Kind, at Position) Record {
	return Record{Kind: kind, Step: at.Step, Tokens: at.Tokens, Elapsed: at.Elapsed.Seconds()}
}

// Step records an update and shows it. The line shows moving averages; the
// journal has the values themselves.
func (r *Run) Step(s Step) {
	v := Values{TrainLoss: s.Loss, TrainLR: s.LR, GradNorm: s.GradNorm, StepSeconds: s.StepSeconds,
		TokensPerS: s.TokensPerSecond, DataWait: s.WaitShare}
	if s.BPB != 0 {
		v[TrainBPB] = s.BPB
	}
	if s.MFU != 0 {
		v[MFU] = s.MFU
	}
	if s.Skipped {
		v[Skipped] = 1
		r.status.Skipped++
	}
	maps.Copy(v, s.Parts)
	maps.Copy(v, s.Health)
	now := r.opts.Clock()
	if now.Sub(r.memory) >= time.Second {
		r.memory = now
		if m := ReadMemory(); m.RSS > 0 {
			v[RSSBytes] = float64(m.RSS)
		}
	}
	r.write(record(KindTrain, s.Position), v)

	r.status.Step, r.status.Steps, r.status.Share = s.Step, s.Steps, s.Share
	if !s.Skipped {
		r.status.Loss, r.status.BPB = r.loss.add(s.Loss), r.bpb.add(s.BPB)
	}
	r.status.TokensPerS, r.status.MFU = r.speed.add(s.TokensPerSecond), r.mfu.add(s.MFU)
	r.status.Wait = r.wait.add(s.WaitShare)
	r.status.ETA = r.pace.eta(now, s.Share)
	r.progress.Update(r.status)
}

// Log records the values of an evaluation. A val/bpb among them stays on the
// progress line.
func (r *Run) Log(kind Kind, at Position, values Values) {
	r.write(record(kind, at), values)
	if x := values[ValBPB]; known64(x) {
		r.status.ValBPB = x
	}
}

// Text adds a text, such as samples in Markdown, to the event file.
func (r *Run) Text(tag string, at Position, text string) {
	if r.events != nil {
		r.fail(r.events.add(textEvent(r.opts.Clock(), at.Step, tag, text)))
	}
}

// Note records a message in the journal and shows it.
func (r *Run) Note(at Position, text string) {
	rec := record(KindNote, at)
	rec.Text = text
	r.write(rec, nil)
	r.Notice("%s", text)
}

// Notice shows a message above the progress line.
func (r *Run) Notice(format string, args ...any) { r.progress.Message(format, args...) }

// Warn shows a warning above the progress line, also when quiet.
func (r *Run) Warn(format string, args ...any) { r.progress.Warn(format, args...) }

// Phase says what goes on between updates.
func (r *Run) Phase(text string) { r.progress.Phase(text) }

// Rewind drops the records behind a step, when training goes back to the
// checkpoint made there.
func (r *Run) Rewind(step int) error {
	path := r.journal.file.Name()
	if err := r.journal.close(); err != nil {
		return err
	}
	j, _, _, err := resumeJournal(path, step)
	if err != nil {
		return err
	}
	r.journal, r.pace = j, pace{}
	if r.events != nil {
		r.fail(r.events.add(sessionEvent(r.opts.Clock(), step+1)))
	}
	return nil
}

// Progress is what the tracker shows on.
func (r *Run) Progress() *Progress { return r.progress }

// Smoothed is the status on the line: moving averages and the remaining time.
func (r *Run) Smoothed() Status { return r.status }

// Sync puts what was recorded on the disk; a checkpoint calls it first.
func (r *Run) Sync() error {
	err := errors.Join(r.err, r.journal.sync())
	if r.events != nil {
		err = errors.Join(err, r.events.sync())
	}
	return err
}

// Close ends the line and the files.
func (r *Run) Close() error {
	r.progress.Close()
	err := errors.Join(r.err, r.journal.sync(), r.journal.close())
	if r.events != nil {
		err = errors.Join(err, r.events.sync(), r.events.close())
	}
	return err
}

// Exists says whether a directory holds the records of a run.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, MetricsFile))
	return err == nil
}

// ema is an exponential moving average with the bias of its start removed. It
// leaves out what is not finite.
type ema struct{ sum, weight float64 }

const smoothing = 0.95

func (e *ema) add(x float64) float64 {
	if !math.IsNaN(x) && !math.IsInf(x, 0) {
		e.sum = smoothing*e.sum + (1-smoothing)*x
		e.weight = smoothing*e.weight + (1 - smoothing)
	}
	if e.weight == 0 {
		return 0
	}
	return e.sum / e.weight
}

// pace estimates the remaining time from how the share of the budget has grown
// over the last updates. The first update is left out: it compiles.
type pace struct {
	times  []time.Time
	shares []float64
}

const paceWindow = 64

func (p *pace) eta(now time.Time, share float64) time.Duration {
	p.times, p.shares = append(p.times, now), append(p.shares, share)
	if n := len(p.times) - paceWindow; n > 0 {
		p.times, p.shares = p.times[n:], p.shares[n:]
	}
	took, grown := now.Sub(p.times[0]), share-p.shares[0]
	if grown <= 0 {
		return -1
	}
	left := float64(took) * (1 - share) / grown
	if left > float64(math.MaxInt64)/2 {
		return -1
	}
	return time.Duration(max(left, 0))
}
