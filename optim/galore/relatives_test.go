package galore

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
)

// Mutation: taking the norms along the other side, or leaving what the subspace
// holds in Fira's rest, fails here.

// TestAgainstReference compares every relative over random projectors, in both
// orientations, with and without a growth limit.
func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m, n := rapid.IntRange(2, 6).Draw(r, "m"), rapid.IntRange(7, 9).Draw(r, "n")
		want := ref.LowRank{LR: 0.05, Beta1: 0.9, Beta2: 0.95, Eps: 1e-6, Alpha: rapid.SampledFrom([]float64{0.25, 1}).Draw(r, "alpha"),
			Growth: rapid.SampledFrom([]float64{0, 1.01, 1.5}).Draw(r, "growth"), Method: rapid.SampledFrom([]string{"galore", "fira", "apollo", "apollo-mini"}).Draw(r, "method")}
		rank := rapid.IntRange(1, m).Draw(r, "rank")
		space := map[string]*Space{"galore": New(rank), "fira": Fira(rank), "apollo": Apollo(rank), "apollo-mini": ApolloMini()}[want.Method]
		space = space.WithScale(want.Alpha).WithEvery(0)
		if want.Method == "apollo-mini" {
			rank = 1
		}
		turned := rapid.Bool().Draw(r, "turned")
		p := matrix("w", m, n)
		if turned {
			p = matrix("w", n, m)
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		want.P = ref.Matrix{Rows: m, Cols: rank, Data: optimtest.Widen(gaussian(rng, m*rank))}
		sim := optimtest.New(r, []optim.Param{p}, optim.Config{Groups: []optim.Group{{
			Rule: adamw.New().WithEpsilon(want.Eps), LR: want.LR, Space: space, GrowthLimit: want.Growth}}}, make([]float32, m*n))
		sim.Opt.InitState(sim.Store)
		require.NoError(r, sim.Store.GetVariable("/optim/projector/w").SetValue(tensors.FromFlatDataAndDimensions(narrow(want.P.Data), m, rank)))
		w := ref.Matrix{Rows: m, Cols: n, Data: make([]float64, m*n)}
		for range 4 {
			g := ref.Matrix{Rows: m, Cols: n, Data: optimtest.Widen(gaussian(rng, m*n))}
			want.Step(w, g)
			expected := w
			if turned {
				g, expected = g.T(), w.T()
			}
			sim.Step(r, 0, narrow(g.Data))
			for i, got := range sim.Value("/w") {
				// A column of R may cancel to a small part of its terms, and its
				// norm is divided by: roundings of 2⁻²⁴ grow a thousandfold.
				require.InDelta(r, expected.Data[i], got, 1e-4*(1+math.Abs(expected.Data[i])), "%s", want.Method)
			}
		}
	})
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// TestApolloProjectors are random, renewed in turn, and of unit mean square.
func TestApolloProjectors(t *testing.T) {
	p := matrix("w", 64, 80)
	sim := optimtest.New(t, []optim.Param{p}, config(adamw.New(), Apollo(16).WithEvery(2)), make([]float32, p.Size()))
	var seen [][]float32
	for i := range 3 {
		sim.Step(t, 0, gaussian(rand.New(rand.NewPCG(uint64(i), 1)), p.Size()))
		seen = append(seen, sim.Value("/optim/projector/w"))
		squares := 0.0
		for _, x := range seen[i] {
			squares += float64(x) * float64(x)
		}
		require.InDelta(t, 64, squares, 8, "64 rows of squares that add up to 1 on average")
	}
	require.Equal(t, seen[0], seen[1])
	require.NotEqual(t, seen[1], seen[2])
}

func TestNamesAndRefusals(t *testing.T) {
	require.Equal(t, []string{"galore-4", "fira-4", "apollo-4", "apollo-mini"},
		[]string{New(4).Name(), Fira(4).Name(), Apollo(4).Name(), ApolloMini().Name()})
	require.ErrorContains(t, Fira(4).WithSide(Both).Check(matrix("w", 5, 5)), "fira has channels along one side")
	_, err := optim.New([]optim.Param{matrix("w", 5, 5)}, optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 1, GrowthLimit: 0.5}}})
	require.ErrorContains(t, err, "growth limit 0.5")
}
