package galore

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes/bfloat16"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/sgd"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: picking the first matrix always, keeping one change where two are due,
// keeping that of a first basis, or refreshing in a step that is skipped fails here.

// TestOneLoop: matrices of one shape share the loop of their refresh, others do not.
func TestOneLoop(t *testing.T) {
	loops := func(space *Space, params ...optim.Param) (n int) {
		o, err := optim.New(params, config(sgd.New(), space))
		require.NoError(t, err)
		store := model.NewStore()
		for _, p := range params {
			_, err := store.CreateVariable("/"+p.Name, optimtest.Tensor(p.Shape, make([]float32, p.Size())))
			require.NoError(t, err)
		}
		exec, err := model.NewExec(optimtest.Backend, store, func(scope *model.Scope, loss *Node) *Node {
			var grads []*Node
			for _, p := range params {
				grads = append(grads, store.GetVariable("/"+p.Name).NodeValue(loss))
			}
			skipped := o.Apply(scope, grads, loss).Skipped
			for _, node := range loss.Graph().Nodes() {
				if node.Type() == NodeTypeWhile {
					n++
				}
			}
			return skipped
		})
		require.NoError(t, err)
		exec.MustCall1(float32(0)).MustFinalizeAll()
		return n
	}
	a, b, c := matrix("a", 6, 8), matrix("b", 6, 8), matrix("c", 8, 6)
	require.Equal(t, 1, loops(New(2).WithMoments(Keep), a, b))
	require.Equal(t, 2, loops(New(2).WithMoments(Keep), a, b, c))
	require.Equal(t, 1, loops(New(2).WithMoments(Keep).WithSide(Both), a, b))
	require.Equal(t, 3, loops(New(2), a, b), "and each the one that rotates its moments")
}

// TestEachItsOwn: matrices that share a loop, of which none, some or all are due in a
// step, have the subspaces of their own gradients and moments of their own.
func TestEachItsOwn(t *testing.T) {
	const m, n, rank, of = 8, 10, 2, 3
	for _, side := range []Side{Smaller, Both} {
		for every, refreshed := range map[int][]string{4: {"012", "1", "2", "", "0", "1", "2", ""}, 2: {"012", "2", "01", "2", "01"}} {
			var params []optim.Param
			var zeros [][]float32
			for i := range of {
				params, zeros = append(params, matrix(fmt.Sprint(i), m, n)), append(zeros, make([]float32, m*n))
			}
			space := New(rank).WithEvery(every).WithSide(side)
			sim := optimtest.New(t, params, config(adamw.New(), space), zeros...)
			rng := rand.New(rand.NewPCG(1, uint64(every)))
			basis := make([]string, of)
			for step, who := range refreshed {
				var grads [][]float32
				for range of {
					left, right := gaussian(rng, m*rank), gaussian(rng, rank*n)
					g := ref.Matrix{Rows: m, Cols: rank, Data: optimtest.Widen(left)}.Mul(ref.Matrix{Rows: rank, Cols: n, Data: optimtest.Widen(right)})
					grads = append(grads, narrow(g.Data))
				}
				sim.Step(t, 0, grads...)
				var changed []string
				for i, p := range params {
					name := "/optim/" + space.State(p)[0].Name + "/" + p.Name
					now := fmt.Sprint(sim.Value(name))
					if now == basis[i] {
						continue
					}
					changed, basis[i] = append(changed, p.Name), now
					// Two directions hold a gradient of rank 2: PPᵀG = G.
					pt := ref.Matrix{Rows: m, Cols: rank, Data: optimtest.Widen(sim.Value(name))}
					g := ref.Matrix{Rows: m, Cols: n, Data: optimtest.Widen(grads[i])}
					require.InDeltaSlice(t, g.Data, pt.Mul(pt.T().Mul(g)).Data, 1e-4, "step %d, matrix %d", step, i)
				}
				require.Equal(t, who, strings.Join(changed, ""), "every %d, step %d", every, step)
			}
		}
	}
}

// TestAloneOrTogether: a matrix makes the same steps whether it shares the loop or not,
// with every policy for the moments, when both are due at once and when they are not.
func TestAloneOrTogether(t *testing.T) {
	a, b, other := matrix("a", 8, 6), matrix("b", 8, 6), matrix("b", 6, 8)
	for _, moments := range []Moments{Keep, Reset, Rotate} {
		for _, every := range []int{1, 3} {
			run := func(b optim.Param) []float32 {
				cfg := config(adamw.New(), New(2).WithEvery(every).WithMoments(moments))
				sim := optimtest.New(t, []optim.Param{a, b}, cfg, make([]float32, 48), make([]float32, 48))
				for step := range 7 {
					rng := rand.New(rand.NewPCG(uint64(step), 1))
					sim.Step(t, 0, gaussian(rng, 48), gaussian(rng, 48))
				}
				return slices.Concat(sim.Value("/a"), sim.Value("/optim/momentum/a"), sim.Value("/optim/projector/a"))
			}
			require.Equal(t, run(other), run(b), "%s, every %d", moments, every)
		}
	}
}

// TestOneWithout: the first basis of a matrix leaves alone the moments of another, which
// is due in turn in the same step.
func TestOneWithout(t *testing.T) {
	params := []optim.Param{matrix("a", 8, 6), matrix("b", 8, 6)}
	run := func(lost bool) []float32 {
		sim := optimtest.New(t, params, config(adamw.New(), New(2).WithEvery(4)), make([]float32, 48), make([]float32, 48))
		for step := range 4 {
			if step == 2 && lost { // b is due
				require.NoError(t, sim.Store.GetVariable("/optim/projector/a").SetValue(optimtest.Tensor([]int{6, 2}, make([]float32, 12))))
			}
			rng := rand.New(rand.NewPCG(uint64(step), 1))
			sim.Step(t, 0, gaussian(rng, 48), gaussian(rng, 48))
		}
		return slices.Concat(sim.Value("/b"), sim.Value("/optim/momentum/b"), sim.Value("/optim/second/b"))
	}
	require.Equal(t, run(false), run(true))
}

// TestSkippedRefresh: a step that is skipped refreshes nothing, neither when it is the
// first nor when a refresh is due, and the next one does it instead.
func TestSkippedRefresh(t *testing.T) {
	p := matrix("w", 6, 8)
	for _, space := range []*Space{New(2).WithEvery(1), New(2).WithEvery(1).WithLazy(0.4, 2)} {
		sim := optimtest.New(t, []optim.Param{p}, config(adamw.New(), space), make([]float32, p.Size()))
		sim.Opt.InitState(sim.Store)
		rng := rand.New(rand.NewPCG(1, 1))
		for range 2 {
			before := sim.Snapshot()
			bad := gaussian(rng, p.Size())
			bad[7] = float32(math.NaN())
			_, skipped := sim.Step(t, 0, bad)
			require.True(t, skipped)
			after := sim.Snapshot()
			delete(before, "/optim/skipped")
			for path, bytes := range before {
				require.Equal(t, bytes, after[path], path)
			}
			sim.Step(t, 0, gaussian(rng, p.Size()))
			require.NotEqual(t, before["/optim/projector/w"], sim.Snapshot()["/optim/projector/w"])
			requireOrthonormal(t, sim.Value("/optim/projector/w"), 6, 2)
		}
	}
}

// TestNearest: a basis that is kept in bfloat16 is the nearest to the one in float32.
func TestNearest(t *testing.T) {
	p := matrix("w", 24, 40)
	bases := map[string][]float32{}
	for _, kept := range []update.Storage{storage.Float32(), storage.BFloat16()} {
		sim := optimtest.New(t, []optim.Param{p}, config(sgd.New(), New(4).WithProjectorStorage(kept)), make([]float32, p.Size()))
		sim.Step(t, 0, gaussian(rand.New(rand.NewPCG(1, 1)), p.Size()))
		v := sim.Store.GetVariable("/optim/projector/w").MustValue()
		if kept == storage.Float32() {
			bases["want"] = tensors.MustCopyFlatData[float32](v)
			continue
		}
		for _, x := range tensors.MustCopyFlatData[bfloat16.BFloat16](v) {
			bases["got"] = append(bases["got"], x.Float32())
		}
	}
	for i, want := range bases["want"] {
		bits := math.Float32bits(want) + 0x8000 // half of the lowest bit that is kept
		require.Equal(t, math.Float32frombits(bits&0xFFFF0000), bases["got"][i])
	}
}
