package sgd_test

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
	"github.com/nanochat-go/nanochat/optim/sgd"
)

// Mutation: scaling the gradient by 1-μ in Accumulate, or reading the moment
// from before the step in Direction, fails here.

func param(shape ...int) optim.Param {
	return optim.Param{Name: "w", Shape: shape, Class: "vector", FanIn: -1, FanOut: -1}
}

func normal(rng *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * scale)
	}
	return v
}

func largest(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		most = max(most, math.Abs(x))
	}
	return most
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := param(rapid.SampledFrom([][]int{{}, {1}, {7}, {5, 3}, {2, 3, 4}}).Draw(r, "shape")...)
		want := ref.SGD{
			LR:       math.Pow(10, rapid.Float64Range(-5, 0).Draw(r, "log lr")),
			Momentum: rapid.Float64Range(0, 0.999).Draw(r, "momentum"),
			Nesterov: rapid.Bool().Draw(r, "nesterov"),
			Decay:    rapid.Float64Range(0, 1).Draw(r, "decay"),
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		size := math.Pow(10, rapid.Float64Range(-12, 12).Draw(r, "log gradient"))
		w0 := normal(rng, p.Size(), 1)
		sim := optimtest.New(r, []optim.Param{p}, optim.Config{Groups: []optim.Group{{
			Rule: sgd.New().WithMomentum(want.Momentum).WithNesterov(want.Nesterov), LR: want.LR, WeightDecay: want.Decay,
		}}}, w0)
		w := optimtest.Widen(w0)
		gradients, heaviest := 0.0, largest(w) // Σ max|g| bounds |m|
		for step := 1; step <= 5; step++ {
			g := normal(rng, p.Size(), size)
			sim.Step(r, 0, g)
			want.Step(w, optimtest.Widen(g))
			gradients, heaviest = gradients+largest(optimtest.Widen(g)), max(heaviest, largest(w))
			// A moment is rounded by μ itself (twice), a product and a sum in every
			// step, and u once more. A weight gets η·u with three roundings more and
			// is rounded by 1-η·λ (three times), a product and a sum.
			n := float64(step)
			moment := (4*n + 4) * gradients / (1 << 24)
			require.InDeltaSlice(r, want.M, optimtest.Widen(sim.Value("/optim/momentum/w")), moment)
			require.InDeltaSlice(r, w, optimtest.Widen(sim.Value("/w")), n*(want.LR*2*(moment+3*gradients/(1<<24))+5*heaviest/(1<<24)))
		}
	})
}

// TestLinear: gradients times 2^k at 2^-k of the rate lead to the same weights,
// bit for bit.
func TestLinear(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		scale := math.Ldexp(1, rapid.IntRange(-20, 20).Draw(r, "log2 scale"))
		seed, nesterov := rapid.Uint64().Draw(r, "seed"), rapid.Bool().Draw(r, "nesterov")
		run := func(scale float64) []float32 {
			rng := rand.New(rand.NewPCG(seed, 1))
			cfg := optim.Config{Groups: []optim.Group{{Rule: sgd.New().WithNesterov(nesterov), LR: 0.01 / scale}}}
			sim := optimtest.New(r, []optim.Param{param(12)}, cfg, normal(rng, 12, 1))
			for range 4 {
				sim.Step(r, 0, normal(rng, 12, scale))
			}
			return sim.Value("/w")
		}
		require.Equal(r, run(1), run(scale))
	})
}

// TestWithoutMomentum: the zero rule is w - η·g.
func TestWithoutMomentum(t *testing.T) {
	sim := optimtest.New(t, []optim.Param{param(2)}, optim.Config{Groups: []optim.Group{{Rule: &sgd.Rule{}, LR: 0.5}}}, []float32{1, 2})
	sim.Step(t, 0, []float32{1, -1})
	sim.Step(t, 0, []float32{3, 0})
	require.Equal(t, []float32{-1, 2.5}, sim.Value("/w"))
}

// TestOptionsAct: no option may be ignored. Each run differs from the default.
func TestOptionsAct(t *testing.T) {
	half := 0.5
	run := func(rule *sgd.Rule, momentum *float64) string {
		sim := optimtest.New(t, []optim.Param{param(2)}, optim.Config{Groups: []optim.Group{{Rule: rule, LR: 0.1, Momentum: momentum}}}, []float32{1, 2})
		for _, g := range [][]float32{{1, -1}, {-0.5, 1}, {0, 0}} {
			sim.Step(t, 0, g)
		}
		return fmt.Sprint(sim.Value("/w"))
	}
	base := run(sgd.New(), nil)
	require.NotEqual(t, base, run(sgd.New().WithMomentum(half), nil), "momentum")
	require.NotEqual(t, base, run(sgd.New().WithNesterov(true), nil), "nesterov")
	require.Equal(t, base, run(sgd.New().WithNesterov(true).WithNesterov(false), nil))
	require.Equal(t, run(sgd.New().WithMomentum(half), nil), run(sgd.New(), &half), "a group's momentum")
	require.Equal(t, "sgd", sgd.New().Name())
}

func TestCheck(t *testing.T) {
	require.NoError(t, sgd.New().Check(optim.Param{}))
	for _, mu := range []float64{1, -0.1, math.NaN(), math.Inf(1)} {
		require.ErrorContains(t, sgd.New().WithMomentum(mu).Check(optim.Param{}), "sgd: momentum", "%g", mu)
	}
}
