package run

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/looplm"
	"github.com/nanochat-go/nanochat/arch/mtp"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/schedule"
)

// Mutation: leaving out the values in call, or the earlier batches in step's
// sums, makes these tests fail.

// heads trains a looped model with heads, whose weights are the values.
func heads(t testing.TB, values func(share float64) []float32) *Stepper {
	t.Helper()
	c := tiny
	c.Loop, c.MTP = lm.Loop{Loops: 2, Gate: true}, lm.MTP{Heads: 2, Kind: lm.Sequential}
	m, err := lm.New(c)
	require.NoError(t, err)
	opt, err := optim.New(OptimParams(m.Params()), optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 0.01}}})
	require.NoError(t, err)
	s, err := NewStepper(device, m, opt, 1)
	require.NoError(t, err)
	s.Objective = &Objective{Values: values, Build: func(values *Node) []lm.Objective {
		return []lm.Objective{looplm.Objective{Beta: Reshape(SliceAxis(values, 0, AxisElem(0)))}, mtp.Objective{Weights: SliceAxis(values, 0, AxisRange(1))}}
	}}
	return s
}

// TestObjectiveParts: what the objective reports are means over all micro-batches,
// and evaluation is of the next token alone.
func TestObjectiveParts(t *testing.T) {
	values := []float32{0.1, 0.5, 0.25}
	source := &counting{}
	var batches []Rows
	for range 2 {
		b, err := source.Next(t.Context())
		require.NoError(t, err)
		b.Values = values
		batches = append(batches, b)
	}
	names := []string{"loop/loss/1", "loop/loss/2", "loop/exit/1", "loop/exit/2", "loop/entropy", "loop/depth", "mtp/loss/2", "mtp/loss/3"}
	whole := Rows{B: 4, T: batches[0].T, Values: values}
	for _, b := range batches {
		whole.Tokens, whole.Targets = append(whole.Tokens, b.Tokens...), append(whole.Targets, b.Targets...)
		whole.Positions, whole.Segments = append(whole.Positions, b.Positions...), append(whole.Segments, b.Segments...)
	}
	at := func(share float64) []float32 { return values }
	one, parts := heads(t, at), heads(t, at)
	want, err := one.Train([]Rows{whole})
	require.NoError(t, err)
	got, err := parts.Train(batches)
	require.NoError(t, err)
	require.Len(t, want.Parts, len(names))
	for _, name := range names {
		require.InDelta(t, want.Parts[name], got.Parts[name], 1e-4, name)
	}
	require.InDelta(t, want.NLL/want.Count, want.Parts["loop/loss/2"], 1e-5, "the last pass is the next token's")
	require.InDelta(t, 1, want.Parts["loop/exit/1"]+want.Parts["loop/exit/2"], 1e-6)
	for _, p := range one.Model.Params() {
		a, err := one.Weights(p.Name)
		require.NoError(t, err)
		b, err := parts.Weights(p.Name)
		require.NoError(t, err)
		require.InDeltaSlice(t, a, b, 2e-3, p.Name) // AdamW's first step is a sign, which rounding may turn where a gradient is about 0
	}
	batches[0].Values = nil
	nll, count, err := one.Eval(batches[0])
	require.NoError(t, err)
	require.Positive(t, nll/count)
}

// TestObjectiveValues: the loop passes on what the share of the budget says.
func TestObjectiveValues(t *testing.T) {
	if onXLA() {
		t.Skip("values are the loop's, whatever the backend")
	}
	var shares []float64
	s := heads(t, func(share float64) []float32 {
		shares = append(shares, share)
		return []float32{float32(share), 0, 0}
	})
	l := &Loop{Stepper: s, Batches: &counting{}, Budget: Budget{Steps: 4}, Schedule: schedule.Config{Kind: "constant"}, Accumulate: 1}
	parts := 0
	l.Events.Step = func(r Record) { parts += len(r.Parts) }
	require.NoError(t, l.Run(t.Context()))
	require.Equal(t, []float64{0, 0.25, 0.5, 0.75}, shares)
	require.Equal(t, 4*8, parts)
}
