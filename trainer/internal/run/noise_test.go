package run

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/quant"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// Mutation: leaving the step, the micro-batch or the seed out of the key of a batch
// makes these tests fail.

// noisyLoop trains with gradients that are rounded by chance.
func noisyLoop(t *testing.T, b Budget) *Loop {
	t.Helper()
	m, err := lm.New(tiny, lm.WithPolicy(quant.Uniform(policy.MustBuiltin("int8"))))
	require.NoError(t, err)
	opt, err := optim.New(OptimParams(m.Params()), optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 0.02}}})
	require.NoError(t, err)
	s, err := NewStepper(device, m, opt, 1)
	require.NoError(t, err)
	return &Loop{Stepper: s, Batches: &counting{}, Budget: b, Seed: 5}
}

// TestNoiseResumes: a run that goes on from the variables and the step of another
// draws the numbers of the straight one.
func TestNoiseResumes(t *testing.T) {
	straight, first := noisyLoop(t, Budget{Steps: 5}), noisyLoop(t, Budget{Steps: 3})
	require.NoError(t, straight.Run(t.Context()))
	require.NoError(t, first.Run(t.Context()))
	second := noisyLoop(t, Budget{Steps: 5})
	restoreFrom(t, second.Stepper, first.Stepper)
	second.Progress, second.Batches = first.Progress, first.Batches
	require.NoError(t, second.Run(t.Context()))
	require.Equal(t, weightsOf(t, straight.Stepper), weightsOf(t, second.Stepper))

	other := noisyLoop(t, Budget{Steps: 5})
	other.Seed = 6
	require.NoError(t, other.Run(t.Context()))
	require.NotEqual(t, weightsOf(t, straight.Stepper), weightsOf(t, other.Stepper))
}

// TestNoiseOfBatches: no two batches of a run have one key.
func TestNoiseOfBatches(t *testing.T) {
	seen := map[uint32]bool{}
	l := &Loop{Seed: 5}
	for step := range 6 {
		for i := range 3 {
			seen[l.key(step, i)] = true
		}
	}
	require.Len(t, seen, 18)
}

// TestPrecisionHealth: a measured step has the measures of each operand that its
// recipe quantises, and of no other.
func TestPrecisionHealth(t *testing.T) {
	l := noisyLoop(t, Budget{Steps: 2})
	l.HealthEvery = 2
	var seen []map[string]float64
	l.Events.Step = func(r Record) { seen = append(seen, r.Health) }
	require.NoError(t, l.Run(t.Context()))
	require.Nil(t, seen[0])
	for _, operand := range []string{"fprop.x", "fprop.w", "dgrad.dy", "dgrad.w", "wgrad.dy", "wgrad.x"} {
		require.Greater(t, seen[1][track.QuantError+operand], 1e-3, operand)
		require.Less(t, seen[1][track.QuantError+operand], 0.1, operand)
		require.Greater(t, seen[1][track.QuantCosine+operand], 0.99, operand)
		require.Contains(t, seen[1], track.QuantUnderflow+operand)
		require.Zero(t, seen[1][track.QuantClipped+operand], operand)
		require.Less(t, seen[1][track.QuantBias+operand], 3.0, operand)
		sum := 0.0
		for i := range quant.SpreadBins {
			require.Contains(t, seen[1], fmt.Sprintf("%s%s/%02d", track.QuantSpread, operand, i))
			sum += seen[1][fmt.Sprintf("%s%s/%02d", track.QuantSpread, operand, i)]
		}
		require.InDelta(t, 1, sum, 1e-5, operand)
	}
	plain := newLoop(t, Budget{Steps: 1})
	plain.HealthEvery = 1
	plain.Events.Step = func(r Record) {
		require.NotEmpty(t, r.Health)
		for name := range r.Health {
			require.False(t, strings.HasPrefix(name, track.Precision), name)
		}
	}
	require.NoError(t, plain.Run(t.Context()))
}

// TestLate: the end of a run is trained by the other model, from the step on that
// spends the share, and a run that is resumed behind it as well.
func TestLate(t *testing.T) {
	other, err := lm.New(tiny, lm.WithPolicy(quant.Uniform(policy.MustBuiltin("bf16"))))
	require.NoError(t, err)
	late := noisyLoop(t, Budget{Steps: 4})
	late.Late, late.LateFrom = other, 0.5
	require.NoError(t, late.Run(t.Context()))
	require.Same(t, other, late.Stepper.Model)

	byHand := noisyLoop(t, Budget{Steps: 2})
	require.NoError(t, byHand.Run(t.Context()))
	require.NotEqual(t, weightsOf(t, late.Stepper), weightsOf(t, byHand.Stepper))
	batches := *byHand.Batches.(*counting)
	second := noisyLoop(t, Budget{Steps: 4})
	restoreFrom(t, second.Stepper, byHand.Stepper)
	second.Late, second.LateFrom, second.Progress, second.Batches = other, 0.5, byHand.Progress, byHand.Batches
	require.NoError(t, second.Run(t.Context()))
	require.Equal(t, weightsOf(t, late.Stepper), weightsOf(t, second.Stepper))

	if onXLA() { // each set of graphs compiles for seconds there
		return
	}
	require.NoError(t, byHand.Stepper.Switch(other))
	byHand.Budget.Steps, byHand.Batches = 4, &batches
	require.NoError(t, byHand.Run(t.Context()))
	require.Equal(t, weightsOf(t, late.Stepper), weightsOf(t, byHand.Stepper))
}
