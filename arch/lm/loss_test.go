package lm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/arch/internal/graphtest"
)

// Mutation: chunk = n in crossEntropy, or h = forward(h) in place of
// c.recompute, makes the tests of memory fail.

// lossGraph is the graph of a loss and its gradients, without running it.
func lossGraph(t *testing.T, c Config, batch int) []*Node {
	t.Helper()
	m, err := New(c)
	require.NoError(t, err)
	store := model.NewStore()
	require.NoError(t, m.InitStore(store, 1))
	var nodes []*Node
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
		nll, count := m.Loss(scope, in[0], in[1], in[2], in[3])
		out := append([]*Node{nll, count}, scope.BuildTrainableVariablesGradientsGraph(nll)...)
		nodes = graphtest.Needed(nll.Graph(), out)
		return out
	})
	require.NoError(t, err)
	ids := shapes.Make(dtypes.Int32, batch, c.Context)
	_, err = exec.Compile(ids, ids, ids, ids)
	require.NoError(t, err)
	return nodes
}

// TestChunkedLossNeverHoldsAllLogits looks at the shapes of the graph: with
// chunks nothing has the size of all logits, without them something has.
func TestChunkedLossNeverHoldsAllLogits(t *testing.T) {
	c := Config{VocabSize: 600, NumLayers: 1, Dim: 16, NumHeads: 2, Context: 32}
	const batch = 4
	largest := func(nodes []*Node) int {
		size := 0
		for _, n := range nodes {
			if n.NumOutputs() == 1 {
				size = max(size, n.Shape().Size())
			}
		}
		return size
	}
	require.Equal(t, batch*c.Context*c.VocabSize, largest(lossGraph(t, c, batch)))
	for _, capped := range []float64{0, 3} {
		c.SoftCap, c.LossChunk = capped, 16
		require.Equal(t, max(16*c.VocabSize, c.VocabSize*c.Dim), largest(lossGraph(t, c, batch)))
	}
}

// TestRematKeepsBlockInputsOnly: with more layers, what is alive at a time grows
// by the stream of each layer instead of by everything inside it.
func TestRematKeepsBlockInputsOnly(t *testing.T) {
	c := Config{VocabSize: 8, NumLayers: 2, Dim: 16, NumHeads: 2, Context: 64, HiddenDim: 64}
	const batch = 16 // so that streams are larger than the gradients of a layer
	perLayer := func(remat int) int {
		c.Remat = remat
		c.NumLayers = 4
		four := graphtest.Peak(lossGraph(t, c, batch))
		c.NumLayers = 8
		return (graphtest.Peak(lossGraph(t, c, batch)) - four) / 4
	}
	stream := batch * c.Context * c.Dim
	kept, recomputed := perLayer(0), perLayer(2)
	require.Greater(t, kept, 15*stream, "scores and hidden values of every layer")
	require.Less(t, recomputed, 4*stream)
	require.Greater(t, perLayer(1), recomputed+stream/2, "two groups a layer keep one stream more")
	require.Less(t, perLayer(4), recomputed-stream/4, "groups of two layers keep one for both")
}

// TestUniformLogits: a head of zeros gives every target ln V nats; targets that
// are negative, and only those, do not count.
func TestUniformLogits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, vocab := rapid.IntRange(1, 12).Draw(rt, "n"), rapid.IntRange(1, 40).Draw(rt, "V")
		chunk := rapid.IntRange(0, 13).Draw(rt, "chunk")
		targets := rapid.SliceOfN(rapid.Int32Range(-3, int32(vocab-1)), n, n).Draw(rt, "targets")
		scored := 0
		for _, y := range targets {
			if y >= 0 {
				scored++
			}
		}
		c := Config{VocabSize: vocab, NumLayers: 1, Dim: 4, NumHeads: 1, Context: n, LossChunk: chunk}
		m, err := New(c)
		require.NoError(rt, err)
		store := model.NewStore()
		_, err = store.CreateVariable("/lm_head.weight", tensors.FromShape(shapes.Make(dtypes.Float32, 4, vocab)))
		require.NoError(rt, err)
		exec, err := model.NewExec(backend, store, func(scope *model.Scope, y *Node) (*Node, *Node) {
			hidden := OnesLike(BroadcastToDims(InsertAxes(ConvertDType(y, dtypes.Float32), -1), 1, n, 4))
			return m.LossOfHidden(scope, hidden, y)
		})
		require.NoError(rt, err)
		defer exec.Finalize()
		nll, count, err := exec.Call2(tensorOf(targets, []int{1, n}))
		require.NoError(rt, err)
		require.Equal(rt, float32(scored), tensors.ToScalar[float32](count))
		require.InDelta(rt, float64(scored)*math.Log(float64(vocab)), float64(tensors.ToScalar[float32](nll)), 1e-4)
	})
}

// TestInitialLoss: the first loss of a fresh model is near ln V.
func TestInitialLoss(t *testing.T) {
	c := Config{VocabSize: 512, NumLayers: 2, Dim: 64, NumHeads: 4, Context: 64}
	step := newTrainer(t, c, 1e-3)
	loss := step.run(t, randomIDs(rand.New(rand.NewPCG(1, 1)), c.VocabSize, 4, c.Context+1))
	// logits of an untied head of norm-one columns have variance one: ln V + 1/2
	require.InDelta(t, math.Log(512)+0.5, loss, 0.15)
}

// TestGraphErrors: what cannot be built is refused with the shapes.
func TestGraphErrors(t *testing.T) {
	m, err := New(referenceConfig())
	require.NoError(t, err)
	build := func(store *model.Store, length int) error {
		exec, err := model.NewExec(backend, store, func(scope *model.Scope, in *Node) *Node { return m.Hidden(scope, in, in, in) })
		require.NoError(t, err)
		_, err = exec.Compile(shapes.Make(dtypes.Int32, 1, length))
		return err
	}
	store := model.NewStore()
	require.ErrorContains(t, build(store, 4), "call InitStore or load it first")
	require.NoError(t, m.InitStore(store, 1))
	require.NoError(t, build(store, 9))
	require.ErrorContains(t, build(store, 10), "longer than the context of 9")
	wrong := model.NewStore()
	_, err = wrong.CreateVariable("/model.embed_tokens.weight", tensors.FromShape(shapes.Make(dtypes.Float32, 3, 3)))
	require.NoError(t, err)
	require.ErrorContains(t, build(wrong, 4), "the model wants")
}
