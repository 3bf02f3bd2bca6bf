package run

import (
	"context"
	"encoding/binary"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/hub/safetensors"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/schedule"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: counting a skipped update as good (dropping bad++ in Loop.Run)
// makes TestThreeBadUpdatesReload fail; evaluating before saving in Loop.due
// makes TestCheckpointComesFirst fail.

var tiny = lm.Config{VocabSize: 32, NumLayers: 2, Dim: 16, NumHeads: 2, Context: 8, DocumentMask: true}

func newStepper(t testing.TB, seed uint64) *Stepper {
	t.Helper()
	return newStepperKept(t, seed, storage.Float32())
}

// newStepperKept is newStepper with another storage for the matrices' state.
func newStepperKept(t testing.TB, seed uint64, kept update.Storage) *Stepper {
	t.Helper()
	m, err := lm.New(tiny)
	require.NoError(t, err)
	opt, err := optim.New(OptimParams(m.Params()), optim.Config{Clip: 1, Groups: []optim.Group{
		{Class: []string{string(lm.Matrix)}, Rule: muon.New(), LR: 0.02, Storage: kept, StoreFrom: 1}, {Rule: adamw.New(), LR: 0.004}}})
	require.NoError(t, err)
	s, err := NewStepper(device, m, opt, seed)
	require.NoError(t, err)
	return s
}

// counting yields rows that count upwards; its state is how many it has given.
type counting struct{ given uint64 }

func (c *counting) Next(ctx context.Context) (Rows, error) {
	if err := ctx.Err(); err != nil {
		return Rows{}, err
	}
	const rows, length = 2, 8
	r := Rows{B: rows, T: length}
	for i := range rows * length {
		x := int32(c.given*3+uint64(i)) % int32(tiny.VocabSize)
		r.Tokens, r.Targets = append(r.Tokens, x), append(r.Targets, (x+1)%int32(tiny.VocabSize))
		r.Positions, r.Segments = append(r.Positions, int32(i%length)), append(r.Segments, 1)
	}
	r.Segments[length-1], r.Targets[length-1] = 0, -1 // one position of padding
	c.given++
	return r, nil
}

func (c *counting) State() ([]byte, error) {
	return binary.LittleEndian.AppendUint64(nil, c.given), nil
}

func (c *counting) Restore(b []byte) error { c.given = binary.LittleEndian.Uint64(b); return nil }

func (c *counting) Waited() time.Duration { return 0 }

func newLoop(t testing.TB, b Budget) *Loop {
	return &Loop{Stepper: newStepper(t, 1), Batches: &counting{}, Budget: b, Schedule: schedule.Config{Kind: "constant"}, Accumulate: 1}
}

func onXLA() bool { return device.Name() == "xla" }

// poison makes a weight NaN, so that every loss is.
func poison(t testing.TB, s *Stepper) {
	v := s.Store.GetVariable("/model.norm.weight")
	bad := make([]float32, tiny.Dim)
	bad[0] = float32(math.NaN())
	require.NoError(t, v.SetValue(tensors.FromFlatDataAndDimensions(bad, tiny.Dim)))
}

func weightsOf(t testing.TB, s *Stepper) map[string][]float32 {
	all := map[string][]float32{}
	for _, p := range s.Model.Params() {
		v, err := s.Weights(p.Name)
		require.NoError(t, err)
		all[p.Name] = v
	}
	return all
}

func TestBudgets(t *testing.T) {
	const tokens = 15 // of a batch: 2 rows of 8 without the padding
	tests := []struct {
		name   string
		budget Budget
		steps  int // 0: at least one
	}{
		{"steps", Budget{Steps: 3}, 3},
		{"tokens", Budget{Tokens: 2*tokens + 1}, 3},
		{"time", Budget{Time: time.Millisecond}, 0},
		{"first of two", Budget{Steps: 50, Tokens: 2*tokens + 1, Time: time.Hour}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLoop(t, test.budget)
			shares := []float64{0}
			l.Events.Step = func(r Record) { shares = append(shares, r.Share) }
			require.NoError(t, l.Run(t.Context()))
			require.Equal(t, 1.0, shares[len(shares)-1])
			require.IsIncreasing(t, shares)
			require.Equal(t, int64(tokens*l.Progress.Step), l.Progress.Tokens)
			if test.steps > 0 {
				require.Equal(t, test.steps, l.Progress.Step)
			}
		})
	}
	for _, bad := range []Budget{{}, {Steps: 1, Tokens: -1}, {Steps: -1}, {Time: -1}} {
		require.Error(t, bad.Validate(), "%+v", bad)
	}
}

func TestCheckpointComesFirst(t *testing.T) {
	l := newLoop(t, Budget{Steps: 6})
	l.CheckpointEvery, l.EvalEvery = 2, 3
	var events []string
	l.Events.Checkpoint = func(p Progress) error { events = append(events, "save", string(rune('0'+p.Step))); return nil }
	l.Events.Evaluate = func(_ context.Context, p *Progress) error {
		events = append(events, "eval", string(rune('0'+p.Step)))
		return nil
	}
	require.NoError(t, l.Run(t.Context()))
	require.Equal(t, []string{"save", "2", "eval", "3", "save", "4", "save", "6", "eval", "6", "save", "6", "eval", "6"}, events)
}

func TestInterruptSaves(t *testing.T) {
	l := newLoop(t, Budget{Steps: 100})
	ctx, cancel := context.WithCancel(t.Context())
	l.Events.Step = func(r Record) {
		if r.Step == 2 {
			cancel()
		}
	}
	saved := 0
	l.Events.Checkpoint = func(p Progress) error { saved = p.Step; return nil }
	l.Events.Evaluate = func(context.Context, *Progress) error { t.Error("evaluated after the interrupt"); return nil }
	require.NoError(t, l.Run(ctx))
	require.Equal(t, 2, saved)
}

func TestBadUpdateIsSkipped(t *testing.T) {
	s := newStepper(t, 1)
	b, err := (&counting{}).Next(t.Context())
	require.NoError(t, err)
	poison(t, s)
	before := weightsOf(t, s)
	r, err := s.Train([]Rows{b})
	require.NoError(t, err)
	require.True(t, r.Skipped)
	require.True(t, math.IsNaN(r.NLL))
	for name, want := range before {
		if name != "model.norm.weight" { // NaN does not equal itself
			got, err := s.Weights(name)
			require.NoError(t, err)
			require.Equal(t, want, got, name)
		}
	}
	step, skipped := s.Opt.Counters(s.Store)
	require.Equal(t, 1, skipped)
	require.Equal(t, 0, step)
}

func TestThreeBadUpdatesReload(t *testing.T) {
	l := newLoop(t, Budget{Steps: 10})
	good := newStepper(t, 1)
	var steps []int
	var rates []float64
	reloads := 0
	l.Events.Step = func(r Record) {
		steps, rates = append(steps, r.Step), append(rates, r.LR)
		if r.Step == 2 && reloads == 0 {
			poison(t, l.Stepper)
		}
	}
	l.Events.Reload = func() (Progress, bool, error) {
		reloads++
		file := filepath.Join(t.TempDir(), "model.safetensors")
		require.NoError(t, safetensors.WriteFile(file, good.ModelTensors(), nil))
		f, err := safetensors.Open(file)
		require.NoError(t, err)
		defer f.Close()
		return Progress{Step: 1, Backoff: 1}, true, l.Stepper.RestoreModel(f)
	}
	var notices []string
	l.Events.Notice = func(s string) { notices = append(notices, s) }
	require.NoError(t, l.Run(t.Context()))
	require.Equal(t, []int{1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7, 8, 9, 10}, steps, "back to step 1 after three bad ones")
	require.Equal(t, 1.0, rates[4])
	require.Equal(t, 0.5, rates[5], "with half the rate")
	require.Len(t, notices, 1)
	require.Contains(t, notices[0], "back to step 1")
}

func TestDiverged(t *testing.T) {
	l := newLoop(t, Budget{Steps: 100})
	poison(t, l.Stepper)
	err := l.Run(t.Context())
	require.ErrorIs(t, err, ErrDiverged)
	require.ErrorContains(t, err, "lower optim.lr")

	l = newLoop(t, Budget{Steps: 100})
	poison(t, l.Stepper)
	reloads := 0
	l.Events.Reload = func() (Progress, bool, error) { reloads++; return Progress{Backoff: 1, Reloads: 0}, true, nil }
	err = l.Run(t.Context())
	require.ErrorIs(t, err, ErrDiverged)
	require.ErrorContains(t, err, "metrics.jsonl")
	require.Equal(t, maxReloads, reloads)
}

// TestAccumulation: two micro-batches in a step are one batch of both.
func TestAccumulation(t *testing.T) {
	src := &counting{}
	a, err := src.Next(t.Context())
	require.NoError(t, err)
	b, err := src.Next(t.Context())
	require.NoError(t, err)
	both := Rows{B: a.B + b.B, T: a.T, Tokens: append(append([]int32{}, a.Tokens...), b.Tokens...), Targets: append(append([]int32{}, a.Targets...), b.Targets...),
		Positions: append(append([]int32{}, a.Positions...), b.Positions...), Segments: append(append([]int32{}, a.Segments...), b.Segments...)}
	one, two := newStepper(t, 5), newStepper(t, 5)
	r1, err := one.Train([]Rows{both})
	require.NoError(t, err)
	r2, err := two.Train([]Rows{a, b})
	require.NoError(t, err)
	require.InEpsilon(t, r1.NLL, r2.NLL, 1e-5)
	require.Equal(t, r1.Count, r2.Count)
	require.InEpsilon(t, r1.GradNorm, r2.GradNorm, 1e-4)
	w1, w2 := weightsOf(t, one), weightsOf(t, two)
	for name := range w1 {
		// Sums in another order: float32 rounding of the gradient, which Adam's
		// first step (a sign) and orthogonalisation pass on at most as it is.
		require.InDeltaSlice(t, w1[name], w2[name], 2e-4, name)
	}
}

// TestTensorsRoundTrip: a stepper restored from files goes on with the same
// bits, whatever the optimizer's state is kept in.
func TestTensorsRoundTrip(t *testing.T) {
	for _, kept := range []update.Storage{storage.Float32(), storage.BFloat16(), storage.Linear8(64), storage.Dynamic8(64)} {
		t.Run(kept.Name(), func(t *testing.T) { tensorsRoundTrip(t, kept) })
	}
}

func tensorsRoundTrip(t *testing.T, kept update.Storage) {
	src := &counting{}
	next := func() Rows {
		b, err := src.Next(t.Context())
		require.NoError(t, err)
		return b
	}
	s := newStepperKept(t, 1, kept)
	for range 3 {
		_, err := s.Train([]Rows{next()})
		require.NoError(t, err)
	}
	other := newStepperKept(t, 99, kept)
	restoreFrom(t, other, s)
	for range 3 {
		b := next()
		r1, err := s.Train([]Rows{b})
		require.NoError(t, err)
		r2, err := other.Train([]Rows{b})
		require.NoError(t, err)
		require.Equal(t, r1, r2)
	}
	require.Equal(t, weightsOf(t, s), weightsOf(t, other))

	model := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, safetensors.WriteFile(model, s.ModelTensors(), nil))
	text, err := os.ReadFile(model)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(model, text[:len(text)-4], 0o644))
	_, err = safetensors.Open(model)
	require.Error(t, err)
}

// TestMomentumWarmupResumes: a run that is interrupted inside the warm-up of its
// momentum and goes on from files ends with the bits of the straight run.
func TestMomentumWarmupResumes(t *testing.T) {
	const total = 6
	loop := func(seed uint64) *Loop {
		l := newLoop(t, Budget{Steps: total})
		l.Stepper = newStepper(t, seed)
		l.Momentum = map[int]schedule.Momentum{0: {Start: 0.5, End: 0.9, Steps: 5}}
		return l
	}
	constant := newLoop(t, Budget{Steps: total})
	require.NoError(t, constant.Run(t.Context()))
	straight := loop(1)
	require.NoError(t, straight.Run(t.Context()))
	require.NotEqual(t, weightsOf(t, constant.Stepper), weightsOf(t, straight.Stepper))
	complement := func(l *Loop) float32 {
		return tensors.ToScalar[float32](l.Stepper.Store.GetVariable("/optim/group.0.complement").MustValue())
	}
	end := schedule.Momentum{End: 0.9}.At(0)
	require.Equal(t, float32(1-end), complement(straight))

	stops := []int{1, 3}
	if onXLA() {
		stops = []int{3} // each stepper compiles for seconds there
	}
	for _, stop := range stops {
		first := loop(1)
		ctx, cancel := context.WithCancel(t.Context())
		first.Events.Step = func(r Record) {
			if r.Step == stop {
				cancel()
			}
		}
		require.NoError(t, first.Run(ctx))
		require.NotEqual(t, float32(1-end), complement(first), "inside the warm-up")
		second := loop(99)
		restoreFrom(t, second.Stepper, first.Stepper)
		state, err := first.Batches.State()
		require.NoError(t, err)
		require.NoError(t, second.Batches.Restore(state))
		second.Progress = first.Progress
		require.NoError(t, second.Run(t.Context()))
		require.Equal(t, weightsOf(t, straight.Stepper), weightsOf(t, second.Stepper), "stopped after %d", stop)
	}
}

// restoreFrom sets a stepper to the state of another one, by way of files.
func restoreFrom(t *testing.T, s, from *Stepper) {
	t.Helper()
	dir := t.TempDir()
	model, opt := filepath.Join(dir, "m.safetensors"), filepath.Join(dir, "o.safetensors")
	require.NoError(t, safetensors.WriteFile(model, from.ModelTensors(), nil))
	require.NoError(t, safetensors.WriteFile(opt, from.OptimizerTensors(), nil))
	for path, restore := range map[string]func(*safetensors.File) error{model: func(f *safetensors.File) error { return s.RestoreModel(f) }, opt: s.RestoreOptimizer} {
		f, err := safetensors.Open(path)
		require.NoError(t, err)
		require.NoError(t, restore(f))
		require.NoError(t, f.Close())
	}
}

// TestHealth: every second step is measured, with the values that the weights
// before and after it have on the host; the others have none, and measuring
// changes no weight.
func TestHealth(t *testing.T) {
	loop := func(every, accumulate int) (l *Loop, health []map[string]float64) {
		l = newLoop(t, Budget{Steps: 4})
		l.Stepper = newStepperKept(t, 1, storage.Linear8(64))
		l.HealthEvery, l.Accumulate = every, accumulate
		before := weightsOf(t, l.Stepper)
		l.Events.Step = func(r Record) {
			after := weightsOf(t, l.Stepper)
			health = append(health, r.Health)
			if r.Health != nil {
				requireSizes(t, l.Stepper, r.Health, before, after)
			}
			before = after
		}
		require.NoError(t, l.Run(t.Context()))
		return l, health
	}
	accumulations := []int{1, 2}
	if onXLA() {
		accumulations = []int{1} // each graph compiles for seconds there
	}
	for _, accumulate := range accumulations {
		l, health := loop(2, accumulate)
		require.Nil(t, health[0])
		require.Nil(t, health[2])
		for _, h := range []map[string]float64{health[1], health[3]} {
			require.ElementsMatch(t, []string{"optim/update_rms/0.muon", "optim/weight_rms/0.muon", "optim/storage_error/0.muon", "optim/update_rms/1.adamw", "optim/weight_rms/1.adamw"}, slices.Collect(maps.Keys(h)))
			require.Greater(t, h["optim/storage_error/0.muon"], 1e-4)
			require.Less(t, h["optim/storage_error/0.muon"], 1.0)
		}
		if onXLA() { // it fuses the two graphs in ways of its own
			continue
		}
		plain, none := loop(0, accumulate)
		require.Equal(t, make([]map[string]float64, 4), none)
		require.Equal(t, weightsOf(t, plain.Stepper), weightsOf(t, l.Stepper))
	}
}

// requireSizes compares measures with the weights before and after the step.
func requireSizes(t *testing.T, s *Stepper, health map[string]float64, before, after map[string][]float32) {
	t.Helper()
	var n, updates, weights [2]float64 // of the matrices and of the rest
	for _, p := range s.Model.Params() {
		group := 1
		if p.Class == lm.Matrix {
			group = 0
		}
		for i, x := range after[p.Name] {
			n[group]++
			updates[group] += math.Pow(float64(x)-float64(before[p.Name][i]), 2)
			weights[group] += math.Pow(float64(x), 2)
		}
	}
	for group, name := range []string{"0.muon", "1.adamw"} {
		// Differences are rounded once, and sums of squares in float32.
		require.InEpsilon(t, math.Sqrt(updates[group]/n[group]), health["optim/update_rms/"+name], 1e-5)
		require.InEpsilon(t, math.Sqrt(weights[group]/n[group]), health["optim/weight_rms/"+name], 1e-5)
	}
}

func BenchmarkStep(b *testing.B) {
	s := newStepper(b, 1)
	batch, err := (&counting{}).Next(b.Context())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Train([]Rows{batch})
		require.NoError(b, err)
	}
}
