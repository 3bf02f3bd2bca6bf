package fire_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/fire"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
)

// Mutation: dropping the scale, swapping fan-in and fan-out in it, or stopping
// Converged after its first preset fails here.

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

func storeOf(t require.TestingT, params []optim.Param, values ...[]float32) *model.Store {
	store := model.NewStore()
	for i, p := range params {
		_, err := store.CreateVariable("/"+p.Name, optimtest.Tensor(p.Shape, values[i]))
		require.NoError(t, err)
	}
	return store
}

func valuesOf(store *model.Store, name string) []float32 {
	return tensors.MustCopyFlatData[float32](store.GetVariable("/" + name).MustValue())
}

func dense(p optim.Param, v []float32) *mat.Dense {
	return mat.NewDense(p.Shape[0], p.Shape[1], optimtest.Widen(v))
}

// polar is the exact polar factor U·Vᵀ, times the layer's scale.
func polar(t require.TestingT, p optim.Param, v []float32) *mat.Dense {
	var svd mat.SVD
	require.True(t, svd.Factorize(dense(p, v), mat.SVDThin))
	var left, right, out mat.Dense
	svd.UTo(&left)
	svd.VTo(&right)
	out.Mul(&left, right.T())
	out.Scale(math.Sqrt(float64(p.Shape[p.FanOut])/float64(p.Shape[p.FanIn])), &out)
	return &out
}

func distance(a, b mat.Matrix) float64 {
	var d mat.Dense
	d.Sub(a, b)
	return mat.Norm(&d, 2)
}

// TestConvergedIsThePolarFactor compares with the singular value decomposition
// for every orientation, and with the nearest of other orthonormal matrices.
func TestConvergedIsThePolarFactor(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := matrix("w", rapid.IntRange(1, 12).Draw(r, "in"), rapid.IntRange(1, 12).Draw(r, "out"))
		if rapid.Bool().Draw(r, "turned") {
			p.FanIn, p.FanOut = 1, 0
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		w := gaussian(rng, p.Size())
		var svd mat.SVD
		require.True(r, svd.Factorize(dense(p, w), mat.SVDNone))
		sigma := svd.Values(nil)
		if sigma[len(sigma)-1] < 1e-2*sigma[0] {
			r.Skip("nearly singular")
		}
		store := storeOf(r, []optim.Param{p}, w)
		report, err := fire.New().WithMode(fire.Converged(1e-9)).Apply(optimtest.Backend, store, []optim.Param{p})
		require.NoError(r, err)
		want, got := polar(r, p, w), dense(p, valuesOf(store, "w"))
		require.Less(r, distance(want, got)/mat.Norm(want, 2), 1e-4)
		require.Less(r, report[0].After.DfI, 1e-8)
		require.InDelta(r, math.Pow(distance(dense(p, w), got)/mat.Norm(dense(p, w), 2), 2), report[0].SFE, 1e-4)

		other := polar(r, p, gaussian(rng, p.Size()))
		require.LessOrEqual(r, distance(dense(p, w), got), distance(dense(p, w), other)+1e-5)

		again, err := fire.New().Apply(optimtest.Backend, store, []optim.Param{p})
		require.NoError(r, err)
		require.Less(r, again[0].SFE, 1e-6, "a fixed point")
	})
}

// TestPaperSteps: how far the published iteration is from isometry on a
// Gaussian matrix, to figures that were computed elsewhere.
func TestPaperSteps(t *testing.T) {
	p := matrix("w", 256, 256)
	w := gaussian(rand.New(rand.NewPCG(1, 1)), p.Size())
	for n, want := range map[int]float64{5: 0.697, 10: 0.112, 15: 0.016} {
		store := storeOf(t, []optim.Param{p}, w)
		report, err := fire.New().WithMode(fire.Paper(n)).Apply(optimtest.Backend, store, []optim.Param{p})
		require.NoError(t, err)
		require.InDelta(t, want, report[0].After.DfI, 0.012, "%d steps", n)
	}
	store := storeOf(t, []optim.Param{p}, w)
	report, err := fire.New().Apply(optimtest.Backend, store, []optim.Param{p})
	require.NoError(t, err)
	require.Less(t, report[0].After.DfI, 1e-4)
	require.InDelta(t, 256, report[0].After.StableRank, 2)
	require.Greater(t, report[0].After.EffectiveRank, report[0].Before.EffectiveRank)
}

// TestClassesAndState: only the chosen classes move, the optimizer's state of
// what moved is zero, that of others stays, and embeddings move when asked for.
func TestClassesAndState(t *testing.T) {
	params := []optim.Param{matrix("w", 6, 4), {Name: "b", Shape: []int{4}, Class: "vector", FanIn: -1, FanOut: -1}, matrix("e", 8, 4)}
	params[2].Class = "embedding"
	rng := rand.New(rand.NewPCG(1, 1))
	cfg := optim.Config{Groups: []optim.Group{{Class: []string{"matrix"}, Rule: muon.New(), LR: 0.1}, {Rule: adamw.New(), LR: 0.1}}}
	sim := optimtest.New(t, params, cfg, gaussian(rng, 24), gaussian(rng, 4), gaussian(rng, 32))
	sim.Step(t, 0, gaussian(rng, 24), gaussian(rng, 4), gaussian(rng, 32))
	before := sim.Snapshot()
	report, err := fire.New().WithOptimizer(sim.Opt).Apply(optimtest.Backend, sim.Store, params)
	require.NoError(t, err)
	require.Len(t, report, 1)
	after := sim.Snapshot()
	for path := range before {
		switch path {
		case "/w":
			require.NotEqual(t, before[path], after[path])
		case "/optim/momentum/w":
			require.Equal(t, make([]byte, 4*24), after[path])
		default:
			require.Equal(t, before[path], after[path], path)
		}
	}
	report, err = fire.New().WithClasses("matrix", "embedding").Apply(optimtest.Backend, sim.Store, params)
	require.NoError(t, err)
	require.Len(t, report, 2)
	require.Equal(t, "e", report[1].Name)
}

func TestZeroAndRankDeficient(t *testing.T) {
	params := []optim.Param{matrix("zero", 3, 3), matrix("thin", 4, 4)}
	thin := make([]float32, 16)
	for i := range thin {
		thin[i] = float32(i/4+1) * float32(i%4-2) // rank one
	}
	store := storeOf(t, params, make([]float32, 9), thin)
	report, err := fire.New().Apply(optimtest.Backend, store, params)
	require.NoError(t, err)
	require.Equal(t, make([]float32, 9), valuesOf(store, "zero"))
	require.Contains(t, report[0].Unchanged, "all zeros")
	require.InDelta(t, 1, report[1].After.StableRank, 1e-3, "null directions stay null")
	require.InDelta(t, 0.75, report[1].After.DfI, 1e-3)
}

func TestErrors(t *testing.T) {
	w := matrix("w", 2, 2)
	store := storeOf(t, []optim.Param{w}, []float32{1, 2, 3, float32(math.NaN())})
	apply := func(params ...optim.Param) error {
		_, err := fire.New().Apply(optimtest.Backend, store, params)
		return err
	}
	require.ErrorContains(t, apply(optim.Param{Name: "b", Class: "vector"}), `none of 1 parameters has one of the classes ["matrix"]`)
	require.ErrorContains(t, apply(matrix("x", 2, 2)), "parameter x is not in the store")
	require.ErrorContains(t, apply(optim.Param{Name: "w", Class: "matrix", Shape: []int{4}, FanIn: -1, FanOut: -1}), "want one matrix with 0 and 1")
	require.ErrorContains(t, apply(w), "fire: w has the value NaN")
	require.Equal(t, []float32{1, 2, 3}, valuesOf(store, "w")[:3], "nothing is lost")
}

func TestMeasure(t *testing.T) {
	m, err := fire.Measure([]float32{3, 0, 0, 0, 4, 0}, matrix("w", 2, 3)) // singular values 4 and 3, scale² 1.5
	require.NoError(t, err)
	require.InDelta(t, (math.Pow(16/1.5-1, 2)+math.Pow(9/1.5-1, 2))/2, m.DfI, 1e-6)
	require.InDelta(t, 25.0/16, m.StableRank, 1e-9)
	require.InDelta(t, math.Exp(-(4.0/7)*math.Log(4.0/7)-(3.0/7)*math.Log(3.0/7)), m.EffectiveRank, 1e-9)
	_, err = fire.Measure([]float32{1}, matrix("w", 2, 3))
	require.ErrorContains(t, err, "1 values for w")
}

func TestSFE(t *testing.T) {
	require.InDelta(t, (1.0+4+9)/(4+9+16), fire.SFE([]float32{2, 3, 4}, []float32{3, 1, 7}), 1e-12)
	require.Zero(t, fire.SFE([]float32{2, 3}, []float32{2, 3}))
	require.Panics(t, func() { fire.SFE([]float32{2, 3}, []float32{2}) })
}

func TestDormant(t *testing.T) {
	share := func(tau float64, a ...float32) float64 {
		dormant, err := fire.Dormant(a, 4, tau)
		require.NoError(t, err)
		return fire.Share(dormant)
	}
	batch := []float32{1, 0, -2, 0.1, 1, 0, 2, -0.1} // means 1, 0, 2, 0.1; of all 0.775
	require.Equal(t, 0.25, share(0, batch...))
	require.Equal(t, 0.5, share(0.15, batch...))
	require.Equal(t, 0.75, share(1.3, batch...))
	require.Equal(t, 1.0, share(0.1, 0, 0, 0, 0))
	_, err := fire.Dormant(batch[:7], 4, 0.1)
	require.ErrorContains(t, err, "7 activations of 4 units")
}

func TestBaselines(t *testing.T) {
	params := []optim.Param{matrix("w", 2, 2), {Name: "s", Class: "vector"}}
	store := storeOf(t, params, []float32{1, 2, 3, 4}, []float32{8})
	initial, err := fire.Take(store, params)
	require.NoError(t, err)
	require.NoError(t, store.GetVariable("/w").SetValue(optimtest.Tensor([]int{2, 2}, []float32{5, 6, 7, 8})))
	require.NoError(t, fire.ShrinkAndPerturb(store, params, initial, 0.25))
	require.Equal(t, []float32{4, 5, 6, 7}, valuesOf(store, "w"))
	require.Equal(t, []float32{8}, valuesOf(store, "s"))
	require.NoError(t, fire.Reset(store, params, initial))
	require.Equal(t, []float32{1, 2, 3, 4}, valuesOf(store, "w"))
	require.ErrorContains(t, fire.ShrinkAndPerturb(store, params, initial, 1.5), "share 1.5")
	require.ErrorContains(t, fire.ShrinkAndPerturb(store, params, fire.Snapshot{}, 0.5), "0 initial values of w")
	_, err = fire.Take(store, []optim.Param{matrix("x", 1, 1)})
	require.ErrorContains(t, err, "x is not in the store")
}

func TestReDo(t *testing.T) {
	in, out := matrix("in", 2, 3), matrix("out", 3, 2)
	bias := optim.Param{Name: "bias", Shape: []int{3}, Class: "vector", FanIn: -1, FanOut: -1}
	layer, params := fire.Layer{In: in, Out: out}, []optim.Param{in, out}
	initial := fire.Snapshot{"in": {-1, -2, -3, -4, -5, -6}, "bias": {0.1, 0.2, 0.3}}
	cfg := optim.Config{Groups: []optim.Group{{Rule: muon.New(), LR: 0.1}}}
	rng := rand.New(rand.NewPCG(1, 1))
	sim := optimtest.New(t, params, cfg, make([]float32, 6), make([]float32, 6))
	sim.Step(t, 0, gaussian(rng, 6), gaussian(rng, 6))
	for _, p := range params {
		require.NoError(t, sim.Store.GetVariable("/"+p.Name).SetValue(optimtest.Tensor(p.Shape, []float32{1, 2, 3, 4, 5, 6})))
	}
	momentum := sim.Value("/optim/momentum/out")
	require.NoError(t, fire.ReDo(sim.Store, layer, []bool{false, true, false}, initial, sim.Opt))
	require.Equal(t, []float32{1, -2, 3, 4, -5, 6}, valuesOf(sim.Store, "in"), "the second unit's inputs begin anew")
	require.Equal(t, []float32{1, 2, 0, 0, 5, 6}, valuesOf(sim.Store, "out"), "and nothing hears it")
	require.NotEqual(t, momentum, sim.Value("/optim/momentum/out"))
	require.Equal(t, momentum[:2], sim.Value("/optim/momentum/out")[:2])
	require.Equal(t, []float32{0, 0}, sim.Value("/optim/momentum/out")[2:4])

	cfg.Groups[0].Storage, cfg.Groups[0].StoreFrom = storage.Linear8(2), 1
	packed := optimtest.New(t, params, cfg, make([]float32, 6), make([]float32, 6))
	packed.Step(t, 0, gaussian(rng, 6), gaussian(rng, 6))
	require.NoError(t, fire.ReDo(packed.Store, layer, []bool{false, true, false}, initial, packed.Opt))
	require.Equal(t, make([]byte, 6), packed.Snapshot()["/optim/momentum.codes/in"])

	require.ErrorContains(t, fire.ReDo(sim.Store, layer, []bool{true}, initial, nil), "1 units, in has 3 and out 3")
	require.ErrorContains(t, fire.ReDo(sim.Store, layer, []bool{true, false, false}, fire.Snapshot{}, nil), "0 initial values of in")

	layer.Bias = bias
	biased := optimtest.New(t, append(params, bias), optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 0.1}}}, make([]float32, 6), make([]float32, 6), make([]float32, 3))
	biased.Step(t, 0, gaussian(rng, 6), gaussian(rng, 6), []float32{1, -2, 3})
	require.NoError(t, fire.ReDo(biased.Store, layer, []bool{false, true, false}, initial, biased.Opt))
	require.Equal(t, float32(0.2), valuesOf(biased.Store, "bias")[1], "the bias begins anew")
	require.Less(t, valuesOf(biased.Store, "bias")[0], float32(0), "the others stay")
	require.Zero(t, biased.Value("/optim/second/bias")[1])
	require.NotZero(t, biased.Value("/optim/second/bias")[0])
	layer.Bias.Shape = []int{2}
	require.ErrorContains(t, fire.ReDo(biased.Store, layer, []bool{true, false, false}, initial, nil), "3 units, bias has shape [2]")
}

func TestL2Init(t *testing.T) {
	params := []optim.Param{matrix("w", 1, 2)}
	store := storeOf(t, params, []float32{3, 5})
	initial := fire.Snapshot{"w": {1, 1}}
	exec, err := model.NewExec(optimtest.Backend, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
		loss, err := fire.L2Init(x.Graph(), store, params, initial, 0.5)
		require.NoError(t, err)
		return append(graph.Gradient(loss, store.GetVariable("/w").NodeValue(x)), loss)
	})
	require.NoError(t, err)
	out, err := exec.Call(float32(0))
	require.NoError(t, err)
	require.Equal(t, [][]float32{{1, 2}}, out[0].Value(), "λ·(w - w₀)")
	require.Equal(t, float32(5), out[1].Value(), "λ/2·(4 + 16)")
}
