package galore

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: refreshing every parameter in the same step, squaring nothing when
// a second moment is rotated, or starting over at random directions at every
// refresh fails here.

func matrix(name string, in, out int) optim.Param {
	return optim.Param{Name: name, Shape: []int{in, out}, Class: "matrix", FanIn: 0, FanOut: 1}
}

func gaussian(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func config(rule update.Rule, space update.Space) optim.Config {
	return optim.Config{Groups: []optim.Group{{Rule: rule, LR: 0.1, Space: space}}}
}

// train makes steps with normal gradients and returns the weights.
func train(t *testing.T, p optim.Param, cfg optim.Config, steps int) []float32 {
	rng := rand.New(rand.NewPCG(5, 5))
	sim := optimtest.New(t, []optim.Param{p}, cfg, gaussian(rng, p.Size()))
	for range steps {
		sim.Step(t, 0, gaussian(rng, p.Size()))
	}
	return sim.Value("/w")
}

// TestFullRankMuon: with the whole smaller side as the rank nothing is lost, and
// Muon, which does not depend on the basis, makes the same steps, also across
// refreshes that rotate its moment.
func TestFullRankMuon(t *testing.T) {
	rule := muon.New().WithScale(muon.NoScale)
	for _, p := range []optim.Param{matrix("w", 6, 9), matrix("w", 9, 6), matrix("w", 7, 7)} {
		want := train(t, p, config(rule, nil), 7)
		got := train(t, p, config(rule, New(100).WithScale(1).WithEvery(3)), 7)
		require.InDeltaSlice(t, optimtest.Widen(want), optimtest.Widen(got), 2e-3, "%v", p.Shape)
	}
}

// TestRankOfTheUpdate: without refreshes the weights move within r directions,
// with one refresh within 2r.
func TestRankOfTheUpdate(t *testing.T) {
	p := matrix("w", 12, 10)
	for every, rank := range map[int]int{0: 3, 4: 6} {
		rng := rand.New(rand.NewPCG(1, 1))
		start := make([]float32, p.Size())
		sim := optimtest.New(t, []optim.Param{p}, config(muon.New(), New(3).WithEvery(every)), start)
		for range 8 {
			sim.Step(t, 0, gaussian(rng, p.Size()))
		}
		var svd mat.SVD
		require.True(t, svd.Factorize(mat.NewDense(12, 10, optimtest.Widen(sim.Value("/w"))), mat.SVDNone))
		sigma := svd.Values(nil)
		require.Greater(t, sigma[rank-1], 1e-3*sigma[0])
		require.Less(t, sigma[rank], 1e-5*sigma[0], "every %d", every)
	}
}

// TestRefreshes: every parameter renews its projector at the first step, and
// then each at its own turn of the period; projectors are orthonormal.
func TestRefreshes(t *testing.T) {
	params := []optim.Param{matrix("a", 8, 6), matrix("b", 6, 8), matrix("c", 8, 6)}
	cfg := config(adamw.New(), New(2).WithEvery(6))
	rng := rand.New(rand.NewPCG(1, 1))
	zero := make([]float32, 48)
	sim := optimtest.New(t, params, cfg, zero, zero, zero)
	projector := func(name string) []float32 { return sim.Value("/optim/projector/" + name) }
	changed := map[string][]int{}
	last := map[string][]float32{}
	for step := 1; step <= 14; step++ {
		sim.Step(t, 0, gaussian(rng, 48), gaussian(rng, 48), gaussian(rng, 48))
		for _, p := range params {
			now := projector(p.Name)
			if fmt.Sprint(now) != fmt.Sprint(last[p.Name]) {
				changed[p.Name] = append(changed[p.Name], step)
			}
			last[p.Name] = now
			require.InDeltaSlice(t, []float64{1, 0, 0, 1}, gram(now, 6, 2), 1e-5)
		}
	}
	require.Equal(t, map[string][]int{"a": {1, 7, 13}, "b": {1, 3, 9}, "c": {1, 5, 11}}, changed)
}

// gram is PᵀP of P [rows, cols].
func gram(p []float32, rows, cols int) []float64 {
	m := mat.NewDense(rows, cols, optimtest.Widen(p))
	var out mat.Dense
	out.Mul(m.T(), m)
	return out.RawMatrix().Data
}

// TestMomentsAtARefresh does the three policies by hand: a basis is exchanged
// for a known one.
func TestMomentsAtARefresh(t *testing.T) {
	p := matrix("w", 2, 3) // the fan-in is compressed to one direction
	specs := []update.Spec{{Name: "momentum"}, {Name: "second", NonNegative: true}}
	for policy, want := range map[Moments][]float64{
		Keep:   {1, 2, 3, 4, 5, 6},
		Reset:  {0, 0, 0, 0, 0, 0},
		Rotate: {0.6, 1.2, 1.8, 1.44, 1.8, 2.16},
	} {
		s := New(1).WithMoments(policy)
		exec, err := NewExec(optimtest.Backend, func(old, fresh, m, v *Node) []*Node {
			change := Dot(old, fresh).General([]int{0}, nil, []int{0}, nil)
			r := update.Renewed{Basis: []*Node{fresh}, Change: []*Node{Const(old.Graph(), true), change}}
			return []*Node{Concatenate(s.Carry(p, r, specs, []*Node{m, v}), 0)}
		})
		require.NoError(t, err)
		out, err := exec.Call([][]float32{{1}, {0}}, [][]float32{{0.6}, {0.8}}, [][]float32{{1, 2, 3}}, [][]float32{{4, 5, 6}})
		require.NoError(t, err)
		require.InDeltaSlice(t, want, optimtest.Widen(tensors.MustCopyFlatData[float32](out[0])), 1e-6, policy)
	}
}

// TestCapturedEnergy: q rounds capture as much of the best subspace's energy as
// q rounds with a true QR decomposition from the same start.
func TestCapturedEnergy(t *testing.T) {
	const m, n, rank = 96, 160, 24
	rng := rand.New(rand.NewPCG(3, 3))
	g := mat.NewDense(m, n, nil)
	left, right := orthonormal(rng, m, m), orthonormal(rng, n, m)
	best := 0.0
	for i := range m {
		sigma := math.Pow(float64(i+1), -0.5)
		if i < rank {
			best += sigma * sigma
		}
		var outer mat.Dense
		outer.Outer(sigma, left.ColView(i), right.ColView(i))
		g.Add(g, &outer)
	}
	flat := make([]float32, m*n)
	for i, x := range g.RawMatrix().Data {
		flat[i] = float32(x)
	}
	energy := func(rounds int) (share, wanted float64) {
		s := New(rank).WithRounds(rounds)
		exec, err := NewExec(optimtest.Backend, func(g *Node) []*Node {
			p := polish(polishSubspace, s.subspace(g, 0, normal(hashed(g.Graph()), shapes.Make(dtypes.Float32, m, rank))))
			return []*Node{ReduceAllSum(Square(along(g, 0, p, true))), normal(hashed(g.Graph()), shapes.Make(dtypes.Float32, m, rank))}
		})
		require.NoError(t, err)
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(flat, m, n))
		require.NoError(t, err)
		p := thinQ(mat.NewDense(m, rank, optimtest.Widen(tensors.MustCopyFlatData[float32](out[1]))))
		var z, y, low mat.Dense
		for range rounds {
			z.Mul(g.T(), p)
			y.Mul(g, thinQ(&z))
			p = thinQ(&y)
			z.Reset()
		}
		low.Mul(p.T(), g)
		return float64(tensors.ToScalar[float32](out[0])) / best, math.Pow(mat.Norm(&low, 2), 2) / best
	}
	last := 0.0
	for _, rounds := range []int{1, 2, 12} {
		share, wanted := energy(rounds)
		require.InDelta(t, wanted, share, 1e-3)
		require.Greater(t, share, last)
		last = share
	}
	require.InDelta(t, 1, last, 2e-3)
}

func orthonormal(rng *rand.Rand, rows, cols int) *mat.Dense {
	return thinQ(mat.NewDense(rows, cols, optimtest.Widen(gaussian(rng, rows*cols))))
}

// thinQ is the orthonormal factor of a tall matrix.
func thinQ(m *mat.Dense) *mat.Dense {
	rows, cols := m.Dims()
	var qr mat.QR
	qr.Factorize(m)
	var q mat.Dense
	qr.QTo(&q)
	return mat.DenseCopyOf(q.Slice(0, rows, 0, cols))
}

// TestZeroGradients neither make a number that is none nor lose the basis.
func TestZeroGradients(t *testing.T) {
	p := matrix("w", 6, 4)
	sim := optimtest.New(t, []optim.Param{p}, config(muon.New(), New(2).WithEvery(1)), make([]float32, 24))
	sim.Step(t, 0, make([]float32, 24))
	require.Equal(t, make([]float32, 24), sim.Value("/w"))
	first := sim.Value("/optim/projector/w")
	require.InDeltaSlice(t, []float64{1, 0, 0, 1}, gram(first, 4, 2), 1e-5, "random directions")
	sim.Step(t, 0, make([]float32, 24))
	require.Equal(t, first, sim.Value("/optim/projector/w"))
}

var recipes = map[string]struct {
	rule            update.Rule
	space           *Space
	kept            update.Storage
	state, compared int64
}{ // of a 24 × 40 matrix at rank 8
	"adamw":             {adamw.New(), New(8), nil, 4 * (24*8 + 2*40*8), 8 * 960},
	"muon":              {muon.New(), New(8), nil, 4 * (24*8 + 40*8), 4 * 960},
	"8-bit muon, bf16":  {muon.New(), New(8).WithProjectorStorage(storage.BFloat16()), storage.Linear8(64), 2*24*8 + 40*8 + 4*5, 4 * 960},
	"8-bit lion":        {lion.New(), New(8).WithMoments(Keep), storage.Linear8(64), 4*24*8 + 40*8 + 4*5, 4 * 960},
	"int8 projector":    {muon.New(), New(8).WithProjectorStorage(storage.Linear8(32)), nil, 24*8 + 4*6 + 4*40*8, 4 * 960},
	"q-galore":          {adamw.New(), Q(8).WithProjectorStorage(storage.Linear8(64)).WithLazy(0.01, 1), storage.Dynamic8(64), 24*8 + 4*3 + 4*3 + 2*(40*8+4*5), 8 * 960},
	"both sides":        {adamw.New(), New(8).WithSide(Both), nil, 4*(24*8+40*8) + 8*64, 8 * 960},
	"larger side":       {adamw.New(), New(8).WithSide(Larger), nil, 4*40*8 + 8*24*8, 8 * 960},
	"rank above a side": {muon.New(), New(99).WithMoments(Reset), nil, 4 * (24*24 + 24*40), 4 * 960},
}

// TestRecipes: state is what was planned, a bad gradient leaves no trace, and a
// resumed run goes on with the same bits across refreshes.
func TestRecipes(t *testing.T) {
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			p := matrix("w", 24, 40)
			cfg := config(recipe.rule, recipe.space.WithEvery(3))
			cfg.Groups[0].Storage, cfg.Groups[0].StoreFrom = recipe.kept, 1
			start := gaussian(rand.New(rand.NewPCG(9, 9)), p.Size())
			step := func(sim *optimtest.Sim, from, to int) {
				for i := from; i < to; i++ {
					sim.Step(t, 0, gaussian(rand.New(rand.NewPCG(uint64(i), 2)), p.Size()))
				}
			}
			sim := optimtest.New(t, []optim.Param{p}, cfg, start)
			step(sim, 0, 6) // the next one has a refresh
			require.Equal(t, recipe.state+24, sim.Opt.PlanStateBytes())
			require.Equal(t, sim.Opt.PlanStateBytes(), optim.StateBytes(sim.Store))
			if name != "rank above a side" {
				require.Less(t, recipe.state, recipe.compared)
			}

			before := sim.Snapshot()
			bad := gaussian(rand.New(rand.NewPCG(1, 1)), p.Size())
			bad[3] = float32(math.Inf(1))
			_, skipped := sim.Step(t, 0, bad)
			require.True(t, skipped)
			after := sim.Snapshot()
			delete(before, "/optim/skipped")
			for path, bytes := range before {
				require.Equal(t, bytes, after[path], path)
			}

			resumed := optimtest.New(t, []optim.Param{p}, cfg, start)
			resumed.Opt.InitState(resumed.Store)
			optimtest.Restore(resumed.Store, after)
			step(sim, 6, 12)
			step(resumed, 6, 12)
			require.Equal(t, sim.Snapshot(), resumed.Snapshot())
		})
	}
}

// TestOptionsAct: no option may be ignored.
func TestOptionsAct(t *testing.T) {
	if optimtest.OnXLA() {
		t.Skip("every option compiles for seconds on XLA")
	}
	run := func(s *Space) string { return fmt.Sprint(train(t, matrix("w", 6, 9), config(adamw.New(), s), 5)) }
	base := run(New(2).WithEvery(2))
	for name, s := range map[string]*Space{
		"rank": New(3).WithEvery(2), "every": New(2).WithEvery(3), "rounds": New(2).WithEvery(2).WithRounds(1),
		"scale": New(2).WithEvery(2).WithScale(1), "keep": New(2).WithEvery(2).WithMoments(Keep), "reset": New(2).WithEvery(2).WithMoments(Reset),
		"side": New(2).WithEvery(2).WithSide(Larger), "storage": New(2).WithEvery(2).WithProjectorStorage(storage.Linear8(4)),
	} {
		require.NotEqual(t, base, run(s), name)
	}
	require.Equal(t, base, run(New(2).WithEvery(2).WithSide(FanIn)), "the fan-in is the smaller side")
}

func TestCheck(t *testing.T) {
	p := matrix("w", 3, 4)
	require.NoError(t, New(2).Check(p))
	for want, err := range map[string]error{
		"galore: rank 0":     New(0).Check(p),
		"every -1":           New(1).WithEvery(-1).Check(p),
		"rounds 0":           New(1).WithRounds(0).Check(p),
		"galore: scale 0":    New(1).WithScale(0).Check(p),
		`moments "forget"`:   New(1).WithMoments("forget").Check(p),
		`side "left"`:        New(1).WithSide("left").Check(p),
		"w has parts [2 2]":  New(1).Check(optim.Param{Name: "w", Shape: []int{3, 4}, FanIn: 0, FanOut: 1, Parts: []int{2, 2}}),
		"b has shape [4]":    New(1).Check(optim.Param{Name: "b", Shape: []int{4}, FanIn: -1, FanOut: -1}),
		"galore: storage: b": New(1).WithProjectorStorage(storage.Linear8(1)).Check(p),
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestOverlap(t *testing.T) {
	exec, err := NewExec(optimtest.Backend, func(a, b *Node) *Node { return Overlap(a, b) })
	require.NoError(t, err)
	for want, b := range map[float32][][]float32{1: {{0, 1}, {1, 0}, {0, 0}}, 0.5: {{0, 0}, {1, 0}, {0, 1}}} {
		got, err := exec.Call1([][]float32{{1, 0}, {0, 1}, {0, 0}}, b)
		require.NoError(t, err)
		require.Equal(t, want, tensors.ToScalar[float32](got))
	}
}
