package run

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// Mutation: leaving a parameter of the streams out of lm.Config.Params, or adding
// instead of averaging in measures, makes these tests fail.

// streamsLoop trains a model with residual streams.
func streamsLoop(t *testing.T, c mhc.Config, steps int, opts ...lm.Option) *Loop {
	t.Helper()
	cfg := tiny
	cfg.MHC = c
	m, err := lm.New(cfg, opts...)
	require.NoError(t, err)
	opt, err := optim.New(OptimParams(m.Params()), optim.Config{Groups: []optim.Group{
		{Class: []string{string(lm.Matrix)}, Rule: muon.New(), LR: 0.02}, {Rule: adamw.New(), LR: 0.02}}})
	require.NoError(t, err)
	for _, p := range m.Params() {
		require.Equal(t, p.Class == lm.Matrix, opt.RuleOf(p.Name) == "muon", p.Name)
	}
	s, err := NewStepper(device, m, opt, 1)
	require.NoError(t, err)
	return &Loop{Stepper: s, Batches: &counting{}, Budget: Budget{Steps: steps}, Seed: 5}
}

// TestStreamsResume: a run with residual streams that goes on from another's
// variables ends with the same bits.
func TestStreamsResume(t *testing.T) {
	c := mhc.Config{Streams: 4}
	straight, first := streamsLoop(t, c, 5), streamsLoop(t, c, 3)
	require.NoError(t, straight.Run(t.Context()))
	require.NoError(t, first.Run(t.Context()))
	second := streamsLoop(t, c, 5)
	restoreFrom(t, second.Stepper, first.Stepper)
	second.Progress, second.Batches = first.Progress, first.Batches
	require.NoError(t, second.Run(t.Context()))
	require.Equal(t, weightsOf(t, straight.Stepper), weightsOf(t, second.Stepper))
}

// TestStreamMeasures: a measured step has the gains of every sublayer under the
// names of package track, as one number also when the batch has parts.
func TestStreamMeasures(t *testing.T) {
	for _, mixing := range []string{mhc.Birkhoff, mhc.Free} {
		l := streamsLoop(t, mhc.Config{Streams: 2, Mixing: mixing}, 4, lm.WithShards(2))
		l.HealthEvery = 4
		var seen map[string]float64
		l.Events.Step = func(r Record) { seen = r.Health }
		require.NoError(t, l.Run(t.Context()))
		for place := range 2 * tiny.NumLayers {
			at := func(measure string) float64 {
				name := fmt.Sprintf("%s%03d", measure, place)
				require.Contains(t, seen, name)
				return seen[name]
			}
			require.InDelta(t, 1, at(track.StreamCosine), 0.5)
			for _, m := range []string{track.LayerGain, track.ForwardGain, track.BackwardGain, track.Attenuation} {
				if mixing == mhc.Birkhoff {
					require.InDelta(t, 1, at(m), 1e-5)
				} else {
					require.InDelta(t, 1, at(m), 0.5)
				}
			}
			require.Equal(t, mixing == mhc.Birkhoff, at(track.MapResidual) < 1e-5)
		}
	}
}
