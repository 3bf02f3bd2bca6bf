package galore

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: computing both the new basis and the old one and choosing between
// them fails here.

// stepper returns a function that makes one step of AdamW in a space, nil for
// none, on a matrix [m, n] and a gradient that is there already.
func stepper(t testing.TB, m, n int, space update.Space) (*model.Store, func()) {
	p := matrix("w", m, n)
	o, err := optim.New([]optim.Param{p}, config(adamw.New(), space))
	require.NoError(t, err)
	store, rng := model.NewStore(), rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{"/w", "/gradient"} {
		v, err := store.CreateVariable(name, optimtest.Tensor(p.Shape, gaussian(rng, p.Size())))
		require.NoError(t, err)
		v.SetTrainable(name == "/w")
	}
	exec, err := model.NewExec(optimtest.Backend, store, func(scope *model.Scope, loss *Node) *Node {
		return o.Apply(scope, []*Node{store.GetVariable("/gradient").NodeValue(loss)}, loss).Skipped
	})
	require.NoError(t, err)
	return store, func() { exec.MustCall1(float32(0)).MustFinalizeAll() }
}

// TestNothingDueCostsNothing: a refresh takes more than ten times the arithmetic
// of a step between two, so that a step without one that computes it all the same
// takes about as long as one with it. What is asked is half.
func TestNothingDueCostsNothing(t *testing.T) {
	fastest := func(every int) time.Duration {
		store, step := stepper(t, 256, 1024, New(64).WithEvery(every))
		step() // compiles, and finds the first basis
		best, first := time.Duration(math.MaxInt64), projector(store)
		for range 5 {
			start := time.Now()
			step()
			best = min(best, time.Since(start))
		}
		require.Equal(t, every == 0, projector(store) == first)
		return best
	}
	between, refresh := fastest(0), fastest(1)
	require.Less(t, 2*between, refresh)
}

func projector(store *model.Store) string {
	var s string
	_ = store.GetVariable("/optim/projector/w").MustValue().ConstBytes(func(b []byte) { s = string(b) })
	return s
}

// TestRepeat: the state is what the body makes of it, as often as it is asked to.
func TestRepeat(t *testing.T) {
	exec, err := NewExec(optimtest.Backend, func(count, a, b, c *Node) []*Node {
		x := repeat(count, []*Node{a, b}, []*Node{b, c}, func(left *Node, state, fixed []*Node) []*Node {
			return []*Node{Add(Mul(state[1], Mul(fixed[1], ConvertDType(left, a.DType()))), fixed[0]), state[0]}
		})
		due := Equal(count, ZerosLike(count))
		again := repeat(once(due), x, nil, func(_ *Node, state, _ []*Node) []*Node { return []*Node{state[1], state[0]} })
		return append(x, again...)
	})
	require.NoError(t, err)
	a, b := [][]float32{{1, 2}}, [][]float32{{3, 4}}
	for count, want := range map[int32][][][]float32{
		0: {a, b, b, a},
		1: {{{9, 12}}, a, {{9, 12}}, a},
		2: {{{5, 8}}, {{15, 20}}, {{5, 8}}, {{15, 20}}}, // 3·2·2 + 3 and 4·2·2 + 4 while two are left, then 1·2 + 3 and 2·2 + 4
	} {
		out, err := exec.Call(count, a, b, float32(2))
		require.NoError(t, err)
		for i, x := range out {
			require.Equal(t, want[i], x.Value(), "%d times", count)
		}
	}
}

// BenchmarkRefresh is a step with a refresh of a 1024 × 4096 layer at rank 256,
// BenchmarkBetween one between two refreshes, and one of its rule without a space.
func BenchmarkRefresh(b *testing.B) { benchmark(b, New(256).WithEvery(1)) }

func BenchmarkBetween(b *testing.B) {
	b.Run("galore", func(b *testing.B) { benchmark(b, New(256).WithEvery(0)) })
	b.Run("full", func(b *testing.B) { benchmark(b, nil) })
}

func benchmark(b *testing.B, space update.Space) {
	_, step := stepper(b, 1024, 4096, space)
	step()
	for b.Loop() {
		step()
	}
}

// BenchmarkSubspace finds the basis alone.
func BenchmarkSubspace(b *testing.B) {
	const m, n, rank = 1024, 4096, 256
	exec, err := NewExec(optimtest.Backend, func(g *Node) []*Node {
		old, yes := Zeros(g.Graph(), shapes.Make(dtypes.Float32, m, rank)), Const(g.Graph(), true)
		return New(rank).basis(matrix("w", m, n), g, yes, []*Node{old}, hashed(g.Graph()))
	})
	require.NoError(b, err)
	g := tensors.FromFlatDataAndDimensions(gaussian(rand.New(rand.NewPCG(1, 1)), m*n), m, n)
	for b.Loop() {
		out, err := exec.Call(g)
		require.NoError(b, err)
		out[0].MustFinalizeAll()
	}
}
