package schedule_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/schedule"
)

// Mutation: warming up as step/Warmup, or starting the decay at progress ≥
// Length instead of 1-Length, fails here.

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		total := rapid.IntRange(1, 500).Draw(r, "total")
		step := rapid.IntRange(0, total).Draw(r, "step")
		floor := rapid.Float64Range(0, 1).Draw(r, "floor")
		decay := rapid.IntRange(1, total).Draw(r, "decay")
		x := float64(step) / float64(total)
		at := func(c schedule.Config) float64 {
			c.Floor = floor
			require.NoError(r, c.Validate())
			return c.Multiplier(step, x)
		}
		require.InDelta(r, ref.Cosine(float64(step), float64(total), floor), at(schedule.Config{Kind: "cosine"}), 1e-9)
		require.InDelta(r, floor+(1-floor)*(1-x), at(schedule.Config{Kind: "linear"}), 1e-9)
		length, stable := float64(decay)/float64(total), float64(total-decay)
		require.InDelta(r, ref.WSD(float64(step), stable, float64(decay), floor, false), at(schedule.Config{Kind: "wsd", Length: length}), 1e-9)
		// √ has no bound on its slope at 0, where float64 rounds x to 1e-16.
		require.InDelta(r, ref.WSD(float64(step), stable, float64(decay), floor, true), at(schedule.Config{Kind: "wsd", Decay: "sqrt", Length: length}), 1e-6)
		cosine := 1.0
		if float64(step) > stable {
			cosine = ref.Cosine(float64(step)-stable, float64(decay), floor)
		}
		require.InDelta(r, cosine, at(schedule.Config{Kind: "wsd", Decay: "cosine", Length: length}), 1e-9)
		if floor > 0 { // equal factors: n-th root of the floor, n times
			exponential := 1.0
			if y := (float64(step) - stable) / float64(decay); y > 0 {
				exponential = math.Exp(y * math.Log(floor))
			}
			require.InDelta(r, exponential, at(schedule.Config{Kind: "wsd", Decay: "exponential", Length: length}), 1e-9)
		}
		require.Equal(r, 1.0, at(schedule.Config{}))
		require.Equal(r, 1.0, at(schedule.Config{Kind: "wsd"}), "no length, no decay")
	})
}

// TestBoundaries holds the values at the corners of every schedule.
func TestBoundaries(t *testing.T) {
	const total = 100
	c := schedule.Config{Warmup: 4, Length: 0.2, Floor: 0.1}
	for kind, corners := range map[string]map[int]float64{
		"constant": {0: 0.25, 3: 1, 4: 1, total: 1},
		"wsd":      {0: 0.25, 3: 1, 4: 1, 80: 1, 90: 0.55, total: 0.1},
		"cosine":   {0: 0.25, 50: 0.55, total: 0.1},
		"linear":   {0: 0.25, 50: 0.55, total: 0.1},
	} {
		c.Kind = kind
		for step, want := range corners {
			require.InDelta(t, want, c.Multiplier(step, float64(step)/total), 1e-12, "%s at %d", kind, step)
		}
		require.Equal(t, c.Multiplier(total, 1), c.Multiplier(total, 7), "%s: past the end", kind)
		for length := 0.001; length < 1; length += 0.001 { // 1-(1-length) is not length, and the end must not fall below the floor
			require.GreaterOrEqual(t, schedule.Config{Kind: kind, Length: length}.Multiplier(total, 1), 0.0)
		}
		require.Equal(t, c.Multiplier(0, 0), c.Multiplier(0, -1), "%s: before the start", kind)
	}
}

// TestShapeOfEverySchedule: between 0 and 1, up during warm-up, never up
// afterwards, and no jump of more than a step's share.
func TestShapeOfEverySchedule(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := schedule.Config{
			Kind:   rapid.SampledFrom(schedule.Kinds).Draw(r, "kind"),
			Decay:  rapid.SampledFrom(schedule.Decays).Draw(r, "decay"),
			Warmup: rapid.IntRange(0, 50).Draw(r, "warm-up"),
			Length: rapid.Float64Range(0, 1).Draw(r, "length"),
			Floor:  rapid.Float64Range(0, 1).Draw(r, "floor"),
		}
		if c.Decay == "exponential" {
			c.Floor = max(c.Floor, 0.2) // or it falls more steeply than the bound below
		}
		require.NoError(r, c.Validate())
		const total = 1000
		jump := 1.0 / max(1, float64(c.Warmup))
		if c.Length > 0 {
			jump += math.Sqrt(1 / (total * min(c.Length, 1))) // the sqrt shape starts steeply
		}
		last := c.Multiplier(0, 0)
		for step := range total + 1 {
			m := c.Multiplier(step, float64(step)/total)
			ok := m >= 0 && m <= 1 && math.Abs(m-last) <= jump+2*math.Pi/total && (step < c.Warmup || m <= last+1e-12)
			require.True(r, ok, "step %d: %g after %g", step, m, last)
			last = m
		}
	})
}

// TestStablePhaseCanGrow: a longer stable phase changes no earlier value.
func TestStablePhaseCanGrow(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		warmup, stable, more := rapid.IntRange(1, 20).Draw(r, "warm-up"), rapid.IntRange(0, 50).Draw(r, "stable"), rapid.IntRange(1, 50).Draw(r, "more")
		for step := range warmup + stable {
			require.Equal(r, schedule.WSD(step, warmup, stable, 10, 0, 0, schedule.Linear), schedule.WSD(step, warmup, stable+more, 10, 0, 0, schedule.Linear))
		}
		short := schedule.WSD(warmup+stable+5, warmup, stable, 10, 0, 0, schedule.Linear)
		require.Less(r, short, schedule.WSD(warmup+stable+5, warmup, stable+more, 10, 0, 0, schedule.Linear))
	})
}

func TestStepForms(t *testing.T) {
	require.Equal(t, []float64{0, 0.5, 1, 1, 1, 0.55, 0.1, 0.1}, values(8, func(s int) float64 { return schedule.WSD(s, 2, 2, 2, 0.1, 0, schedule.Linear) }))
	require.Equal(t, []float64{0.1, 0.55, 1, 1}, values(4, func(s int) float64 { return schedule.FloorWarmup(s, 2, 2, 2, 0.1, schedule.Linear) }))
	require.InDeltaSlice(t, []float64{0, 0.5, 1, 0.55, 0.1, 0.1}, values(6, func(s int) float64 { return schedule.WarmupCosine(s, 2, 4, 0.1) }), 1e-12)
}

func values(n int, f func(int) float64) (v []float64) {
	for s := range n {
		v = append(v, f(s))
	}
	return v
}

// TestOptionsAct: every field changes some value.
func TestOptionsAct(t *testing.T) {
	base := schedule.Config{Kind: "wsd", Warmup: 4, Length: 0.5, Floor: 0.1}
	curve := func(c schedule.Config) []float64 {
		require.NoError(t, c.Validate())
		return values(101, func(s int) float64 { return c.Multiplier(s, float64(s)/100) })
	}
	for name, c := range map[string]schedule.Config{
		"kind":   {Kind: "cosine", Warmup: 4, Length: 0.5, Floor: 0.1},
		"decay":  {Kind: "wsd", Decay: "sqrt", Warmup: 4, Length: 0.5, Floor: 0.1},
		"warmup": {Kind: "wsd", Warmup: 5, Length: 0.5, Floor: 0.1},
		"length": {Kind: "wsd", Warmup: 4, Length: 0.4, Floor: 0.1},
		"floor":  {Kind: "wsd", Warmup: 4, Length: 0.5},
	} {
		require.NotEqual(t, curve(base), curve(c), name)
	}
	require.Equal(t, curve(base), curve(schedule.Config{Kind: "wsd", Decay: "linear", Warmup: 4, Length: 0.5, Floor: 0.1}), "the default shape")
}

func TestValidate(t *testing.T) {
	for _, c := range []schedule.Config{
		{Kind: "step"}, {Decay: "step"}, {Warmup: -1}, {Length: -0.1}, {Length: 1.1}, {Floor: -0.1}, {Floor: 1.1},
		{Floor: math.NaN()}, {Length: math.NaN()}, {Floor: math.Inf(1)}, {Kind: "wsd", Decay: "exponential", Length: 0.5},
	} {
		require.Error(t, c.Validate(), "%+v", c)
	}
	require.ErrorContains(t, schedule.Config{Kind: "cosin"}.Validate(), `kind "cosin", want one of ["constant"`)
}

// TestMomentum: the ends, the line between them, and never beyond them.
func TestMomentum(t *testing.T) {
	m := schedule.Momentum{Start: 0.85, End: 0.95, Steps: 300}
	for step, want := range map[int]float64{-1: 0.85, 0: 0.85, 3: 0.851, 150: 0.9, 299: 0.85 + 0.1*299/300, 300: 0.95, 1000: 0.95} {
		require.InDelta(t, want, m.At(step), 1e-12, "step %d", step)
	}
	require.Equal(t, 0.5, schedule.Momentum{End: 0.5}.At(0), "no steps, no warm-up")
	rapid.Check(t, func(r *rapid.T) {
		m := schedule.Momentum{
			Start: rapid.Float64Range(0, 0.999).Draw(r, "start"), End: rapid.Float64Range(0, 0.999).Draw(r, "end"), Steps: rapid.IntRange(1, 400).Draw(r, "steps"),
		}
		require.NoError(r, m.Validate())
		step := rapid.IntRange(0, 500).Draw(r, "step")
		require.InDelta(r, ref.MomentumWarmup(step, m.Steps, m.Start, m.End), m.At(step), 1e-12)
		require.Equal(r, m.End, m.At(m.Steps))
	})
	for _, m := range []schedule.Momentum{{Steps: -1}, {Start: 1}, {End: 1}, {Start: -0.1}, {End: math.NaN()}, {Start: math.NaN()}} {
		require.ErrorContains(t, m.Validate(), "schedule: momentum", "%+v", m)
	}
}

func BenchmarkMultiplier(b *testing.B) {
	c := schedule.Config{Kind: "wsd", Decay: "cosine", Warmup: 100, Length: 0.5}
	b.ReportAllocs()
	for b.Loop() {
		c.Multiplier(700, 0.7)
	}
}
