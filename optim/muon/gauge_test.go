package muon_test

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: measuring ‖M - Q‖ instead of the orthogonalised ones in Deviation, or
// dividing by the size of orth(Q), fails here.

// back is what a storage gives back of m.
func back(t testing.TB, p update.Param, kept update.Storage, m []float32) []float32 {
	spec := muon.New().State(p)[0]
	return optimtest.Eval(t, func(in []*Node) *Node {
		noise := update.NewKey(Const(in[0].Graph(), float32(1)), 0).Bits
		return kept.Load(spec, kept.Store(spec, in[0], noise))
	}, optimtest.Tensor(p.Shape, m))
}

// deviation is the error of a storage in the direction of a momentum.
func deviation(t testing.TB, r *muon.Rule, p update.Param, m, kept []float32) float64 {
	out := optimtest.Eval(t, func(in []*Node) *Node {
		difference, size := r.Deviation(p, in[:1], in[1:])
		return Stack([]*Node{difference, size}, 0)
	}, optimtest.Tensor(p.Shape, m), optimtest.Tensor(p.Shape, kept))
	return math.Sqrt(float64(out[0]) / float64(out[1]))
}

func widened(rows, cols int, v []float32) ref.Matrix {
	return ref.Matrix{Rows: rows, Cols: cols, Data: optimtest.Widen(v)}
}

func TestDeviationAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rows, cols := rapid.IntRange(1, 24).Draw(r, "rows"), rapid.IntRange(1, 24).Draw(r, "cols")
		kept := rapid.SampledFrom([]update.Storage{storage.Float32(), storage.BFloat16(), storage.Linear8(16), storage.Linear8(256), storage.Dynamic8(64)}).Draw(r, "storage")
		size := math.Pow(10, rapid.Float64Range(-4, 4).Draw(r, "log size"))
		m := normal(rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1)), rows*cols, size)
		p := matrix(rows, cols)
		q := back(t, p, kept, m)
		want := ref.DirectionError(widened(rows, cols, m), widened(rows, cols, q), func(m ref.Matrix) ref.Matrix { return ref.NewtonSchulz(m, ref.Classic, ref.ClampNorm) })
		got := deviation(t, muon.New(), p, m, q)
		if kept == storage.Float32() {
			require.Zero(r, want)
			require.Less(r, got, 1e-6, "a compiler may round two equal directions differently")
		}
		// Both directions carry an error of 8 roundings, magnified by at most the
		// slope 485 of the polynomial at 0, in units of √rank; the size of a direction
		// is 0.68·√rank at least where no singular value is tiny.
		norm := ref.Norm(ref.NewtonSchulz(widened(rows, cols, m), ref.Classic, ref.ClampNorm).Data) / math.Sqrt(float64(min(rows, cols)))
		require.InDelta(r, want, got, 2*(1+want)*8*485/(1<<24)/norm)
	})
}

// TestDeviationOfAStack: the matrices of a stack, each by itself, together.
func TestDeviationOfAStack(t *testing.T) {
	p := optim.Param{Name: "w", Shape: []int{2, 6, 8}, FanIn: 1, FanOut: 2}
	rng := rand.New(rand.NewPCG(3, 3))
	m := normal(rng, 96, 1)
	for i := range 48 {
		m[i] *= 1000
	}
	q := back(t, p, storage.Linear8(48), m)
	difference, size := 0.0, 0.0
	for at := 0; at < 96; at += 48 {
		orth := func(v []float32) []float64 {
			return ref.NewtonSchulz(widened(6, 8, v[at:at+48]), ref.Classic, ref.ClampNorm).Data
		}
		for i, x := range orth(m) {
			difference, size = difference+math.Pow(x-orth(q)[i], 2), size+x*x
		}
	}
	require.InDelta(t, math.Sqrt(difference/size), deviation(t, muon.New(), p, m, q), 2*8*485.0/(1<<24)/0.68)
}

// TestDeviationOfStorages: blocks of int8 keep a Gaussian momentum's direction,
// and large blocks lose that of one with heavy tails.
func TestDeviationOfStorages(t *testing.T) {
	const rows, cols = 48, 192
	p := matrix(rows, cols)
	rule := muon.New().WithOrthogonalizer(orthogonal.PolarExpress8()) // the polar factor itself, for the bound
	rng := rand.New(rand.NewPCG(6, 6))
	gaussian := normal(rng, rows*cols, 1)
	heavy := make([]float32, rows*cols)
	for i := range heavy { // the log of the size has a spread of 2
		heavy[i] = float32(rng.NormFloat64() * math.Exp(2*rng.NormFloat64()))
	}
	measure := func(m []float32, block int) float64 {
		return deviation(t, rule, p, m, back(t, p, storage.Linear8(block), m))
	}
	small := measure(gaussian, 256)
	q := back(t, p, storage.Linear8(256), gaussian)
	// Li (1995), theorem 2: polar factors of A and B of full rank differ by at most
	// (2/(σ(A)+σ(B)) + 1/max(σ(A), σ(B)))·‖A-B‖ with the smallest singular values.
	var svd mat.SVD
	smallest := func(v []float32) float64 {
		require.True(t, svd.Factorize(mat.NewDense(rows, cols, optimtest.Widen(v)), mat.SVDNone))
		return svd.Values(nil)[rows-1]
	}
	a, b := smallest(gaussian), smallest(q)
	difference := make([]float64, len(q))
	for i := range q {
		difference[i] = float64(gaussian[i]) - float64(q[i])
	}
	bound := (2/(a+b) + 1/max(a, b)) * ref.Norm(difference) / math.Sqrt(rows)
	require.Less(t, bound, 0.05, "a bound that says something")
	require.Less(t, small, bound)
	require.Positive(t, small)
	large := measure(heavy, 2048)
	require.Greater(t, large, 4*small)
	require.Greater(t, large, measure(heavy, 256), "a large value costs all of its block")
	require.Zero(t, deviation(t, rule, p, heavy, back(t, p, storage.Float32(), heavy)))
}

// TestStorageErrors measures the live state of an optimizer.
func TestStorageErrors(t *testing.T) {
	params := []optim.Param{matrix(8, 12), {Name: "v", Shape: []int{8, 12}, Class: "other", FanIn: 1, FanOut: 0}, {Name: "b", Shape: []int{12}, Class: "vector", FanIn: -1, FanOut: -1}}
	groups := func(kept update.Storage) optim.Config {
		return optim.Config{Groups: []optim.Group{
			{Class: []string{"matrix"}, Rule: muon.New(), LR: 0.1, Storage: kept, StoreFrom: 1},
			{Class: []string{"other"}, Rule: muon.New().WithOrthogonalizer(orthogonal.PolarExpress5()), LR: 0.1, Storage: kept, StoreFrom: 1}, {Rule: adamw.New(), LR: 0.1}}}
	}
	run := func(kept update.Storage) *optimtest.Sim {
		rng := rand.New(rand.NewPCG(1, 1))
		sim := optimtest.New(t, params, groups(kept), normal(rng, 96, 1), normal(rng, 96, 1), normal(rng, 12, 1))
		for range 3 {
			sim.Step(t, 0, normal(rng, 96, 1), normal(rng, 96, 1), normal(rng, 12, 1))
		}
		return sim
	}
	sim := run(nil)
	before := sim.Snapshot()
	got, err := sim.Opt.StorageErrors(optimtest.Backend, sim.Store, storage.Linear8(32))
	require.NoError(t, err)
	require.Equal(t, before, sim.Snapshot(), "nothing changes")
	polar := func(m ref.Matrix) ref.Matrix {
		return ref.NewtonSchulz(m, ref.PolarExpress, func(n float64) float64 { return 1.02*n + 1e-6 })
	}
	classic := func(m ref.Matrix) ref.Matrix { return ref.NewtonSchulz(m, ref.Classic, ref.ClampNorm) }
	for name, c := range map[string]struct {
		orth  func(ref.Matrix) ref.Matrix
		slope float64
	}{"w": {classic, 485}, "v": {polar, 990}} {
		m := sim.Value("/optim/momentum/" + name)
		want := ref.DirectionError(widened(8, 12, m), widened(8, 12, back(t, matrix(8, 12), storage.Linear8(32), m)), c.orth)
		require.InDelta(t, want, got[name], 2*8*c.slope/(1<<24)/0.68, name)
		require.Greater(t, got[name], 1e-3)
	}
	require.Len(t, got, 2, "AdamW is no Gauge")

	none, err := sim.Opt.StorageErrors(optimtest.Backend, sim.Store, storage.Float32())
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"w": 0, "v": 0}, none)

	eight := run(storage.Linear8(32))
	same, err := eight.Opt.StorageErrors(optimtest.Backend, eight.Store, storage.Linear8(32))
	require.NoError(t, err)
	coarse, err := eight.Opt.StorageErrors(optimtest.Backend, eight.Store, storage.Linear8(96))
	require.NoError(t, err)
	for name := range same {
		// Scales move by a rounding when they are taken again; the slope as above.
		require.Less(t, same[name], 990.0*4/(1<<24), "its rounding is behind it")
		require.Greater(t, coarse[name], 1e-3, "the live state is read through its own storage")
	}
	_, err = sim.Opt.StorageErrors(optimtest.Backend, sim.Store, storage.Linear8(1))
	require.ErrorContains(t, err, "blocks of 1 values")
	unused, err := optim.New(nil, groups(nil))
	require.NoError(t, err)
	_, err = unused.StorageErrors(optimtest.Backend, sim.Store, storage.Linear8(32))
	require.ErrorContains(t, err, "no parameters are known")
}
