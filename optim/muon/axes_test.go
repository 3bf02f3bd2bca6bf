package muon_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/muon"
)

// Mutation: giving all parts the factor of the whole, or leaving the window out
// of the fan-in, fails here.

// steps trains a parameter from zero with the given gradients.
func steps(t *testing.T, rule *muon.Rule, p optim.Param, grads ...[]float32) []float32 {
	sim := optimtest.New(t, []optim.Param{p}, optim.Config{Groups: []optim.Group{{Rule: rule, LR: 0.5}}}, make([]float32, p.Size()))
	for _, g := range grads {
		sim.Step(t, 0, g)
	}
	return sim.Value("/w")
}

func draws(n int) [][]float32 {
	rng := rand.New(rand.NewPCG(6, 6))
	var all [][]float32
	for range 3 {
		g := make([]float32, n)
		for i := range g {
			g[i] = float32(rng.NormFloat64())
		}
		all = append(all, g)
	}
	return all
}

// rearranged applies to every gradient what picks values from it.
func rearranged(grads [][]float32, n int, from func(i int) int) [][]float32 {
	var all [][]float32
	for _, g := range grads {
		out := make([]float32, n)
		for i := range out {
			out[i] = g[from(i)]
		}
		all = append(all, out)
	}
	return all
}

var scales = []muon.Scale{muon.Original, muon.MatchRMS, muon.Spectral, muon.NoScale}

// TestStackedMatrices: each matrix of a stack is updated as by itself.
func TestStackedMatrices(t *testing.T) {
	grads := draws(3 * 4 * 6)
	for _, scale := range scales {
		rule := muon.New().WithScale(scale)
		stack := steps(t, rule, optim.Param{Name: "w", Shape: []int{3, 4, 6}, FanIn: 1, FanOut: 2}, grads...)
		for k := range 3 {
			alone := steps(t, rule, matrix(4, 6), rearranged(grads, 24, func(i int) int { return 24*k + i })...)
			require.InDeltaSlice(t, optimtest.Widen(alone), optimtest.Widen(stack[24*k:24*k+24]), 1e-5, scale)
		}
	}
}

// TestConvolutions: a kernel in either layout is the matrix of its flattened
// window and inputs to its outputs.
func TestConvolutions(t *testing.T) {
	const kernel, in, out = 4, 3, 5 // a window of 2 × 2
	grads := draws(kernel * in * out)
	for _, scale := range scales {
		rule := muon.New().WithScale(scale)
		want := steps(t, rule, matrix(kernel*in, out), grads...)
		last := steps(t, rule, optim.Param{Name: "w", Shape: []int{2, 2, in, out}, FanIn: 2, FanOut: 3, Window: []int{0, 1}}, grads...)
		require.InDeltaSlice(t, optimtest.Widen(want), optimtest.Widen(last), 1e-5, scale)

		// [out, in, window] holds at (o, i, k) what [window, in, out] holds at (k, i, o).
		place := func(i int) int { return i%kernel*in*out + i/kernel%in*out + i/(kernel*in) }
		first := steps(t, rule, optim.Param{Name: "w", Shape: []int{out, in, 2, 2}, FanIn: 1, FanOut: 0, Window: []int{2, 3}},
			rearranged(grads, kernel*in*out, place)...)
		require.InDeltaSlice(t, optimtest.Widen(rearranged([][]float32{want}, len(want), place)[0]), optimtest.Widen(first), 1e-5, scale)
	}
}

// TestParts: a fused projection is updated as its parts are, each with the
// factor of its own shape, whichever axis is the fan-out.
func TestParts(t *testing.T) {
	const in, total = 6, 8
	grads, sizes := draws(in*total), []int{4, 3, 1}
	for _, scale := range scales {
		rule := muon.New().WithScale(scale)
		fused := steps(t, rule, optim.Param{Name: "w", Shape: []int{in, total}, FanIn: 0, FanOut: 1, Parts: sizes}, grads...)
		at := 0
		for _, n := range sizes {
			from := func(i int) int { return i/n*total + at + i%n }
			alone := steps(t, rule, matrix(in, n), rearranged(grads, in*n, from)...)
			require.InDeltaSlice(t, optimtest.Widen(alone), optimtest.Widen(rearranged([][]float32{fused}, in*n, from)[0]), 1e-5, scale)
			at += n
		}
		turn := func(i int) int { return i%in*total + i/in }
		turned := steps(t, rule, optim.Param{Name: "w", Shape: []int{total, in}, FanIn: 1, FanOut: 0, Parts: sizes}, rearranged(grads, in*total, turn)...)
		require.InDeltaSlice(t, optimtest.Widen(rearranged([][]float32{fused}, in*total, turn)[0]), optimtest.Widen(turned), 1e-5, scale)
	}
}

func TestCheckAxes(t *testing.T) {
	check := func(p optim.Param) error { p.Name = "w"; return muon.New().Check(p) }
	require.NoError(t, check(optim.Param{Shape: []int{2, 3, 4}, FanIn: 2, FanOut: 0}))
	require.ErrorContains(t, muon.New().WithNeuronNorm(0.9).Check(optim.Param{Name: "w", Shape: []int{2, 3, 4}, FanIn: 2, FanOut: 0}), "no single matrix")
	require.ErrorContains(t, muon.New().WithNeuronNorm(1).Check(matrix(2, 2)), "neuron norm 1")
	require.NoError(t, check(optim.Param{Shape: []int{2, 6}, FanIn: 0, FanOut: 1, Parts: []int{2, 4}}))
	for want, p := range map[string]optim.Param{
		"fan-in 1, window [1] and fan-out 0":    {Shape: []int{2, 3}, FanIn: 1, FanOut: 0, Window: []int{1}},
		"fan-in 0, window [2] and fan-out 1":    {Shape: []int{2, 3}, FanIn: 0, FanOut: 1, Window: []int{2}},
		"parts [2 3] along a fan-out of 6":      {Shape: []int{2, 6}, FanIn: 0, FanOut: 1, Parts: []int{2, 3}},
		"parts [0 6], want sizes of at least 1": {Shape: []int{2, 6}, FanIn: 0, FanOut: 1, Parts: []int{0, 6}},
	} {
		require.ErrorContains(t, check(p), want)
	}
}
