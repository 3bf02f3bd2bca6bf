package command

import (
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/looplm"
	"github.com/nanochat-go/nanochat/arch/mtp"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// Mutation: ignoring a key of model.loop or model.mtp in objective or in
// config.LM makes this test fail.

// TestObjective: every key of model.loop and model.mtp acts, on the model or on
// what is trained.
func TestObjective(t *testing.T) {
	device, err := compute.NewWithConfig("go:ops_sequential")
	require.NoError(t, err)
	defer device.Finalize()
	load := func(set ...string) config.Config {
		c, err := config.Load("", "", set)
		require.NoError(t, err)
		return c
	}
	terms := func(c config.Config) (of []lm.Objective) {
		g := NewGraph(device, "objective")
		defer g.Finalize()
		return objective(c).Build(Const(g, objective(c).Values(0)))
	}
	loop, heads := "model.loop.enabled=true", "model.mtp.enabled=true"
	require.Nil(t, objective(load()))
	require.Equal(t, lm.Config{}.Loop, load().LM(300).Loop)
	require.Equal(t, lm.Config{}.MTP, load().LM(300).MTP)
	require.True(t, load("model.sandwich_norm=true").LM(300).SandwichNorm)

	c := load(loop, "model.loop.loops=3", "model.loop.beta=0.2", "model.loop.beta_end=0.1")
	require.Equal(t, lm.Loop{Loops: 3, Gate: true}, c.LM(300).Loop)
	require.InDeltaSlice(t, []float32{0.2}, objective(c).Values(0), 1e-6)
	require.InDeltaSlice(t, []float32{0.15}, objective(c).Values(0.5), 1e-6)
	require.IsType(t, looplm.Objective{}, terms(c)[0])
	c = load(loop, "model.loop.gate=uniform")
	require.Equal(t, lm.Loop{Loops: 4}, c.LM(300).Loop)
	require.IsType(t, looplm.Uniform{}, terms(c)[0])
	require.IsType(t, lm.NextToken{}, terms(load(loop, "model.loop.gate=last"))[0])

	c = load(heads, "model.mtp.heads=3", "model.mtp.weights=[1,0.5,0.25]", "model.mtp.kind=sequential", "model.mtp.curriculum=forward")
	require.Equal(t, lm.MTP{Heads: 3, Kind: lm.Sequential}, c.LM(300).MTP)
	require.InDeltaSlice(t, []float32{1, 0.5, 0}, objective(c).Values(0.6)[1:], 1e-6)
	require.IsType(t, lm.NextToken{}, terms(c)[0])
	require.IsType(t, mtp.Objective{}, terms(c)[1])
	c = load(heads, "model.mtp.kind=shared")
	require.Equal(t, lm.MTP{}, c.LM(300).MTP)
	require.IsType(t, mtp.Shared{}, terms(c)[0])
	require.Len(t, terms(load(heads, loop)), 2)

	require.Equal(t, []string{looplm.PassLoss, looplm.PassExit, mtp.Loss}, []string{track.PassLoss, track.PassExit, track.LaterLoss})
}
