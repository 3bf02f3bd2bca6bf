package galore

import (
	"fmt"
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

// TestRandomProjectors are orthonormal, know nothing of the gradient, are drawn
// again in turn and differ between parameters; with every 0 there is one draw.
// A square one, whose smallest singular value is tiny, is orthonormal too.
func TestRandomProjectors(t *testing.T) {
	const side, rank = 64, 16
	params := []optim.Param{matrix("a", side, 80), matrix("b", side, 80)}
	for every, changes := range map[int]bool{0: false, 2: true} {
		sim := optimtest.New(t, params, config(adamw.New(), Random(rank).WithEvery(every)), make([]float32, side*80), make([]float32, side*80))
		var seen [][]float32
		for i := range 3 {
			g := make([]float32, side*80) // of the first rank rows alone
			copy(g, gaussian(rand.New(rand.NewPCG(uint64(i), 1)), rank*80))
			sim.Step(t, 0, g, g)
			p := sim.Value("/optim/projector/a")
			seen = append(seen, p)
			requireOrthonormal(t, p, side, rank)
			inside := 0.0 // what the projector holds of the gradient's rows
			for _, x := range p[:rank*rank] {
				inside += float64(x) * float64(x)
			}
			// r²/n = 4 on average for random subspaces, with a variance of
			// 2·r²(n-r)²/(n²(n-1)(n+2)) = 0.26²; GaLore's own holds all 16.
			require.InDelta(t, rank*rank/float64(side), inside, 6*0.26)
			require.NotEqual(t, p, sim.Value("/optim/projector/b"))
		}
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, changes, fmt.Sprint(seen[1]) != fmt.Sprint(seen[2]), "every %d", every)
	}
	sim := optimtest.New(t, []optim.Param{matrix("w", 200, 220)}, config(adamw.New(), Random(200)), make([]float32, 200*220))
	sim.Step(t, 0, make([]float32, 200*220))
	requireOrthonormal(t, sim.Value("/optim/projector/w"), 200, 200)
}

// requireOrthonormal checks PᵀP = I to the roundings of sums of at most a few
// hundred float32 products, √200·2⁻²⁴ ≈ 1e-6 each way.
func requireOrthonormal(t *testing.T, p []float32, rows, cols int) {
	t.Helper()
	for i, x := range gram(p, rows, cols) {
		want := 0.0
		if i%(cols+1) == 0 {
			want = 1
		}
		require.InDelta(t, want, x, 1e-5)
	}
}

func TestNamesAndRefusals(t *testing.T) {
	require.ErrorContains(t, Random(4).WithSide(Both).Check(matrix("w", 5, 5)), "random compresses one side")
	require.Equal(t, "random-4", Random(4).Name())
	require.Equal(t, []string{"galore-4", "fira-4", "apollo-4", "apollo-mini"},
		[]string{New(4).Name(), Fira(4).Name(), Apollo(4).Name(), ApolloMini().Name()})
	require.ErrorContains(t, Fira(4).WithSide(Both).Check(matrix("w", 5, 5)), "fira has channels along one side")
	_, err := optim.New([]optim.Param{matrix("w", 5, 5)}, optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 1, GrowthLimit: 0.5}}})
	require.ErrorContains(t, err, "growth limit 0.5")
}
