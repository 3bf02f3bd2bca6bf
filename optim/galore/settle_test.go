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
	"github.com/nanochat-go/nanochat/optim/storage"
)

// Mutation: comparing the overlap with the threshold itself, starting the streak
// again nowhere, or doubling the distance to the last refresh fails here.

// table is the timetable of a parameter.
func table(sim *optimtest.Sim, name string) []int32 {
	return tensors.MustCopyFlatData[int32](sim.Store.GetVariable("/optim/refresh/" + name).MustValue())
}

// TestLazyAgainstReference: the timetables of two matrices, whose gradients stay
// in a subspace for a while, are the reference's for the bases that they had.
func TestLazyAgainstReference(t *testing.T) {
	const m, n = 6, 8
	rapid.Check(t, func(r *rapid.T) {
		every, times, rank := rapid.IntRange(1, 4).Draw(r, "every"), rapid.IntRange(1, 3).Draw(r, "times"), rapid.SampledFrom([]int{1, 2, 3, m}).Draw(r, "rank")
		threshold := rapid.SampledFrom([]float64{0.1, 0.4, 0.8}).Draw(r, "threshold")
		space := New(rank).WithEvery(every).WithLazy(threshold, times)
		names := []string{"projector"}
		if rapid.Bool().Draw(r, "both sides") {
			space, names = space.WithSide(Both), []string{"projector.0", "projector.1"}
		}
		params := []optim.Param{matrix("a", m, n), matrix("b", m, n)}
		sim := optimtest.New(r, params, config(adamw.New(), space), make([]float32, m*n), make([]float32, m*n))
		sim.Opt.InitState(sim.Store)
		bases := func(p string) (all []ref.Matrix) {
			for i, name := range names {
				all = append(all, ref.Matrix{Rows: []int{m, n}[i], Cols: rank, Data: optimtest.Widen(sim.Value("/optim/" + name + "/" + p))})
			}
			return all
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		want := map[string]*ref.Lazy{}
		gradients := map[string][]float32{}
		for i, p := range params {
			want[p.Name] = &ref.Lazy{Every: every, Times: times, Phase: i * every / 2, Threshold: threshold}
		}
		for count := 1; count <= 25; count++ {
			old, before, grads := map[string][]ref.Matrix{}, map[string]int32{}, [][]float32{}
			for _, p := range params {
				if count == 1 || rng.IntN(8) == 0 {
					gradients[p.Name] = gaussian(rng, m*n)
				}
				g := gaussian(rng, m*n)
				for i := range g {
					g[i] = gradients[p.Name][i] + 0.1*g[i]
				}
				old[p.Name], before[p.Name], grads = bases(p.Name), table(sim, p.Name)[nextRefresh], append(grads, g)
			}
			sim.Step(r, 0, grads...)
			for _, p := range params {
				l, fresh := want[p.Name], bases(p.Name)
				require.Equal(r, l.Due(count), table(sim, p.Name)[nextRefresh] != before[p.Name], "%s, update %d", p.Name, count)
				if !l.Due(count) {
					continue
				}
				for i := range fresh {
					// a dozen roundings of float32 may fall on either side of the threshold
					if count > 1 && math.Abs(ref.Excess(old[p.Name][i], fresh[i])-threshold) < 1e-5 {
						return
					}
				}
				l.Refreshed(count, old[p.Name], fresh)
				require.Equal(r, []int32{int32(l.Next), int32(l.Doublings), int32(l.Streak)}, table(sim, p.Name), "%s, update %d", p.Name, count)
			}
		}
	})
}

// TestLazyPeriods: a gradient that keeps its four directions doubles the period after
// every two refreshes, one that does not never does; the period is bounded.
func TestLazyPeriods(t *testing.T) {
	p := matrix("w", 24, 40)
	rng := rand.New(rand.NewPCG(1, 1))
	left, right := ref.Matrix{Rows: 24, Cols: 4, Data: optimtest.Widen(gaussian(rng, 24*4))}, ref.Matrix{Rows: 4, Cols: 40, Data: optimtest.Widen(gaussian(rng, 4*40))}
	same := narrow(left.Mul(right).Data)
	for changing, want := range map[bool][]int{false: {1, 3, 5, 9, 13, 21}, true: {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21}} {
		sim := optimtest.New(t, []optim.Param{p}, config(adamw.New(), New(4).WithEvery(2).WithLazy(0.9, 2)), make([]float32, p.Size()))
		var at []int
		last := int32(0)
		for count := 1; count <= 22; count++ {
			g := same
			if changing {
				g = gaussian(rand.New(rand.NewPCG(uint64(count), 2)), p.Size())
			}
			sim.Step(t, 0, g)
			if next := table(sim, "w")[nextRefresh]; next != last {
				at, last = append(at, count), next
			}
		}
		require.Equal(t, want, at, "changing %v", changing)
	}
	for every, doublings := range map[int]int{1: 23, 200: 16, 1 << 23: 0, 1 << 25: 0} {
		require.Equal(t, doublings, New(1).WithEvery(every).maxDoublings())
	}
}

func TestLazyRefusals(t *testing.T) {
	p := matrix("w", 24, 40)
	require.NoError(t, Q(4).Check(p))
	require.Equal(t, New(4).WithProjectorStorage(storage.Linear8(storage.DefaultBlock)).WithLazy(0.4, 5), Q(4))
	require.Equal(t, "galore-4-lazy", Q(4).Name())
	for want, s := range map[string]*Space{
		"threshold 0 and 5 times":              New(4).WithLazy(0, 5),
		"threshold 1.5 and 5 times":            New(4).WithLazy(1.5, 5),
		"threshold 0.4 and -1 times":           New(4).WithLazy(0.4, -1),
		"is renewed, not galore with every 0":  Q(4).WithEvery(0),
		"is renewed, not random with every":    Random(4).WithLazy(0.4, 5),
		"is renewed, not apollo with every 20": Apollo(4).WithLazy(0.4, 5),
	} {
		require.ErrorContains(t, s.Check(p), want)
	}
}
