package lion_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/lion"
)

// Mutation: reading the moment from after the step in Direction, or β2 there,
// fails here.

func param(shape ...int) optim.Param {
	return optim.Param{Name: "w", Shape: shape, Class: "vector", FanIn: -1, FanOut: -1}
}

// whole draws n whole numbers, so that float32 and float64 compute the same
// moments for the betas below and no sign is in doubt.
func whole(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.IntN(17) - 8)
	}
	return v
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := param(rapid.SampledFrom([][]int{{}, {1}, {7}, {5, 3}, {2, 3, 4}}).Draw(r, "shape")...)
		want := ref.Lion{
			LR:    math.Pow(10, rapid.Float64Range(-5, 0).Draw(r, "log lr")),
			Beta1: rapid.SampledFrom([]float64{0, 0.25, 0.5, 0.75}).Draw(r, "beta1"),
			Beta2: rapid.SampledFrom([]float64{0, 0.5, 0.75}).Draw(r, "beta2"),
			Decay: rapid.Float64Range(0, 1).Draw(r, "decay"),
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		w0 := whole(rng, p.Size())
		sim := optimtest.New(r, []optim.Param{p}, optim.Config{Groups: []optim.Group{{
			Rule: lion.New().WithBetas(want.Beta1, want.Beta2), LR: want.LR, WeightDecay: want.Decay,
		}}}, w0)
		w := optimtest.Widen(w0)
		for range 5 {
			g := whole(rng, p.Size())
			sim.Step(r, 0, g)
			want.Step(w, optimtest.Widen(g))
			for i, got := range sim.Value("/w") {
				require.InDelta(r, w[i], got, 1e-5)
			}
			require.Equal(r, want.M, optimtest.Widen(sim.Value("/optim/momentum/w")))
		}
	})
}

// TestScaleInvariant: gradients that are all 2^k times as large lead to the
// same weights, bit for bit.
func TestScaleInvariant(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		scale := float32(math.Ldexp(1, rapid.IntRange(-20, 20).Draw(r, "log2 scale")))
		seed := rapid.Uint64().Draw(r, "seed")
		run := func(scale float32) []float32 {
			rng := rand.New(rand.NewPCG(seed, 1))
			sim := optimtest.New(r, []optim.Param{param(12)}, optim.Config{Groups: []optim.Group{{Rule: lion.New(), LR: 0.01}}}, whole(rng, 12))
			for range 4 {
				g := whole(rng, 12)
				for i := range g {
					g[i] *= scale
				}
				sim.Step(r, 0, g)
			}
			return sim.Value("/w")
		}
		require.Equal(r, run(1), run(scale))
	})
}

// TestOptionsAct: no option may be ignored. Each run differs from the default.
func TestOptionsAct(t *testing.T) {
	half := 0.5
	run := func(rule *lion.Rule, momentum *float64) string {
		sim := optimtest.New(t, []optim.Param{param(3)}, optim.Config{Groups: []optim.Group{{Rule: rule, LR: 0.1, Momentum: momentum}}}, []float32{1, 2, 3})
		for _, g := range [][]float32{{1, -1, 0.5}, {-0.12, 1, -0.001}, {-0.1, 0, 0}} {
			sim.Step(t, 0, g)
		}
		return fmt.Sprint(sim.Value("/w"))
	}
	base := run(lion.New(), nil)
	require.NotEqual(t, base, run(lion.New().WithBetas(0.1, 0.99), nil), "beta1")
	require.NotEqual(t, base, run(lion.New().WithBetas(0.9, 0.5), nil), "beta2")
	require.Equal(t, run(lion.New().WithBetas(0.9, 0.5), nil), run(lion.New(), &half), "a group's momentum is beta2")
	require.Equal(t, "lion", lion.New().Name())
}

func TestCheck(t *testing.T) {
	require.NoError(t, lion.New().Check(optim.Param{}))
	for _, r := range []*lion.Rule{
		lion.New().WithBetas(1, 0.9), lion.New().WithBetas(-0.1, 0.9), lion.New().WithBetas(0.9, 1), lion.New().WithBetas(math.NaN(), 0.9),
	} {
		require.ErrorContains(t, r.Check(optim.Param{}), "lion: betas", "%+v", r)
	}
}
