package grid_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/grid"
)

// Mutation: a median over the step itself, or a spread of norms and not of their
// logarithms, makes TestSteps fail.

// TestSteps: one spike of forty steps, and norms that swing by a factor.
func TestSteps(t *testing.T) {
	losses, norms := make([]float64, grid.Window+40), make([]float64, grid.Window+40)
	for i := range losses {
		losses[i], norms[i] = 4, 3
	}
	require.Equal(t, grid.Stability{}, grid.Steps(losses, norms))
	losses[3] = 100 // belongs to the beginning
	losses[grid.Window+10] = 4.5
	losses[grid.Window+11] = 4.3
	norms[grid.Window+20], norms[grid.Window+21] = 3*math.E, 3/math.E
	s := grid.Steps(losses, norms)
	require.InDelta(t, 1./40, s.Spikes, 1e-12)
	require.InDelta(t, math.Sqrt(2./39), s.Spread, 1e-12)
	losses[grid.Window+30], norms[grid.Window+30] = math.NaN(), math.NaN()
	require.InDelta(t, 2./40, grid.Steps(losses, norms).Spikes, 1e-12)
	require.Equal(t, grid.Stability{}, grid.Steps(losses[:5], norms[:5]))
}

// TestStabilityRows: the seeds of a method are summed up, and shown where the
// protocol has asked.
func TestStabilityRows(t *testing.T) {
	p := protocol
	p.Stability = true
	p.Methods = p.Methods[:1]
	runs := []grid.Outcome{}
	for i, seed := range p.Seeds {
		o := grid.Outcome{Job: grid.Job{Method: "a", Rate: 1, Seed: seed}, Loss: 1, Diverged: i == 2,
			Stability: &grid.Stability{Spread: float64(i), Spikes: 0.5, Gain: 1 + float64(i), Attenuation: 0.5 + float64(i)}}
		runs = append(runs, o)
	}
	r := p.Compare(runs)
	s := r.Rows[0].Stability
	require.Equal(t, 1.0, s.Spread.Mean)
	require.Equal(t, 3, s.Spread.N, "a run that diverged counts")
	require.Equal(t, 0.5, s.Spikes.Mean)
	require.Equal(t, 3.0, s.Gain)
	require.Equal(t, 0.5, s.Attenuation)
	require.Contains(t, r.Markdown(), "| a | 1.0000 ± 2.4841 | 0.5000 ± 0.0000 | 3.0000 | 0.5000 |")
	runs[0].Stability, runs[1].Stability, runs[2].Stability = nil, nil, nil
	require.NotContains(t, p.Compare(runs).Markdown(), "Spikes")
}
