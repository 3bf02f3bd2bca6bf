package optim_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/muon"
)

// Mutation: calling IncrementGlobalStep twice in updateFrom, or dropping the
// claim in variable, fails here.

var (
	_ optimizer.Interface         = (*optim.Optimizer)(nil)
	_ train.OptimizeWithGradients = (*optim.Optimizer)(nil)
)

// mlp is a network of a plain GoMLX program.
func mlp(scope *model.Scope, x *Node) *Node {
	x = Tanh(layers.Dense(scope.In("hidden"), x, true, 8))
	return layers.Dense(scope.In("readout"), x, true, 1)
}

// batch is n rows of a fixed function of three inputs.
func batch(seed uint64, n int) train.Batch {
	rng := rand.New(rand.NewPCG(seed, 3))
	x, y := make([]float32, 3*n), make([]float32, n)
	for i := range n {
		for j := range 3 {
			x[3*i+j] = float32(rng.NormFloat64())
		}
		y[i] = x[3*i]*0.5 - x[3*i+1] + float32(math.Sin(float64(x[3*i+2])))
	}
	return train.Batch{Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, n, 3)}, Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, n, 1)}}
}

// newStore is a store whose random initial values are always the same.
func newStore(t testing.TB) *model.Store {
	store := model.NewStore()
	require.NoError(t, store.SetRNGStateFromSeed(1))
	return store
}

func newTrainer(store *model.Store, f func(*model.Scope, *Node) *Node, o optimizer.Interface) *train.Trainer {
	return train.NewTrainer(optimtest.Backend, store, f, loss.MeanSquaredError, o, nil, nil)
}

func trainStep(t testing.TB, trainer *train.Trainer, b train.Batch) float32 {
	t.Helper()
	metrics, err := trainer.TrainStep(b)
	require.NoError(t, err)
	return tensors.ToScalar[float32](metrics[0])
}

// modelBytes are the bytes of a store outside the trainer's metrics.
func modelBytes(store *model.Store) map[string][]byte {
	all := optimtest.Snapshot(store)
	for path := range all {
		if len(path) > 8 && path[:8] == "/metrics" {
			delete(all, path)
		}
	}
	return all
}

func TestTrainer(t *testing.T) {
	store := newStore(t)
	o := muon.New().Optimizer(0.05).WithClip(1).Done()
	trainer := newTrainer(store, mlp, o)
	first := trainStep(t, trainer, batch(0, 64))
	var last float32
	for i := range 200 {
		require.NoError(t, o.SetMultiplier(store, 1-float64(i)/200))
		last = trainStep(t, trainer, batch(uint64(i), 64))
	}
	require.Less(t, last, first/20)
	require.Equal(t, int64(201), optimizer.GetGlobalStep(store), "once for each step")
	made, skipped := o.Counters(store)
	require.Equal(t, []int{201, 0}, []int{made, skipped})
	require.Equal(t, o.PlanStateBytes(), optim.StateBytes(store))
	require.Equal(t, ""+
		"parameter              shape  class   rule   lr    decay  state    bytes\n"+
		"hidden/dense/weights   [3 8]  matrix  muon   0.05  0      float32  96\n"+
		"hidden/dense/biases    [8]    vector  adamw  0.05  0      float32  64\n"+
		"readout/dense/weights  [8 1]  matrix  muon   0.05  0      float32  32\n"+
		"readout/dense/biases   [1]    vector  adamw  0.05  0      float32  8\n", o.Table())

	trainStep(t, trainer, batch(1, 32)) // another batch size is another graph
	made, _ = o.Counters(store)
	require.Equal(t, 202, made)
	require.NoError(t, o.Clear(store.RootScope()))
	require.Zero(t, optim.StateBytes(store))
	trainStep(t, trainer, batch(1, 48))
	made, _ = o.Counters(store)
	require.Equal(t, 1, made)
}

// TestTrainerSkipsBadBatch: nothing moves, and GoMLX's own step goes on.
func TestTrainerSkipsBadBatch(t *testing.T) {
	store := newStore(t)
	o := muon.New().Optimizer(0.05).Done()
	trainer := newTrainer(store, mlp, o)
	trainStep(t, trainer, batch(0, 4))
	before := modelBytes(store)
	bad := batch(1, 4)
	bad.Labels = []*tensors.Tensor{tensors.FromValue([][]float32{{float32(math.NaN())}, {1}, {1}, {1}})}
	trainStep(t, trainer, bad)
	after := modelBytes(store)
	for path, was := range before {
		counter := path == "/optim/skipped" || path == "/global_step"
		require.Equal(t, !counter, bytes.Equal(was, after[path]), path)
	}
}

// TestTrainerAccumulates: four micro-batches of equal size through GoMLX's own
// accumulation are one big batch.
func TestTrainerAccumulates(t *testing.T) {
	const n = 4
	stores := []*model.Store{newStore(t), newStore(t)}
	for i, store := range stores {
		o := muon.New().Optimizer(0.05).WithClip(0.5).Done()
		trainer := newTrainer(store, mlp, o)
		if i == 1 {
			require.NoError(t, trainer.AccumulateGradients(n))
		}
		for step := range 3 {
			big := batch(uint64(step), 8*n)
			if i == 0 {
				trainStep(t, trainer, big)
				continue
			}
			x, y := tensors.MustCopyFlatData[float32](big.Inputs[0]), tensors.MustCopyFlatData[float32](big.Labels[0])
			for k := range n {
				trainStep(t, trainer, train.Batch{
					Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x[24*k:24*(k+1)], 8, 3)},
					Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y[8*k:8*(k+1)], 8, 1)},
				})
			}
		}
		made, _ := o.Counters(store)
		require.Equal(t, 3, made)
		require.Equal(t, int64(3), optimizer.GetGlobalStep(store))
	}
	for _, name := range []string{"/hidden/dense/weights", "/hidden/dense/biases", "/readout/dense/weights"} {
		value := func(i int) []float32 {
			return tensors.MustCopyFlatData[float32](stores[i].GetVariable(name).MustValue())
		}
		require.InDeltaSlice(t, value(0), value(1), 1e-4, name)
	}
}

// dropoutMLP uses random numbers in every step.
func dropoutMLP(scope *model.Scope, x *Node) *Node {
	x = layers.Dropout(scope, x, Scalar(x.Graph(), x.DType(), 0.2))
	return mlp(scope, x)
}

// TestTrainerResumes through a GoMLX checkpoint: the weights of the straight
// run to the last bit, although what is loaded comes back as trainable, the
// state of the random numbers included; and the new run's rate counts.
func TestTrainerResumes(t *testing.T) {
	const total = 6
	run := func(store *model.Store, from, to int, lr float64) *optim.Optimizer {
		o := muon.New().Optimizer(lr).WithWeightDecay(0.1).Done()
		trainer := newTrainer(store, dropoutMLP, o)
		for i := from; i < to; i++ {
			trainStep(t, trainer, batch(uint64(i), 8))
		}
		return o
	}
	straight := newStore(t)
	run(straight, 0, total, 0.05)

	dir := t.TempDir()
	first := newStore(t)
	saver, err := checkpoint.Build(first).Dir(dir).Done()
	require.NoError(t, err)
	run(first, 0, 3, 0.7)
	// Up to here at another rate; make it the same state as the straight run's.
	first2 := newStore(t)
	run(first2, 0, 3, 0.05)
	for path, b := range modelBytes(first2) {
		if path != "/optim/group.0.lr" && path != "/optim/group.1.lr" && path != "/optim/group.2.lr" {
			require.NoError(t, first.GetVariable(path).MustValue().MutableBytes(func(to []byte) { copy(to, b) }))
		}
	}
	require.NoError(t, saver.Save())

	second := model.NewStore()
	_, err = checkpoint.Build(second).Dir(dir).Done()
	require.NoError(t, err)
	o := run(second, 3, total, 0.05)
	want, got := modelBytes(straight), modelBytes(second)
	require.Equal(t, want, got)
	require.Equal(t, o.PlanStateBytes(), optim.StateBytes(second))
	for v := range second.IterVariables() {
		if v.Path() == "/#rngState" || len(v.Path()) > 6 && v.Path()[:7] == "/optim/" {
			require.False(t, v.Trainable, v.Path())
		}
	}
}

// TestTrainerPanics: what cannot work says so when the graph is built.
func TestTrainerPanics(t *testing.T) {
	wide := func(scope *model.Scope, x *Node) *Node { return mlp(scope, ConvertDType(x, dtypes.Float64)) }
	_, err := newTrainer(newStore(t), func(scope *model.Scope, x *Node) *Node { return ConvertDType(wide(scope, x), dtypes.Float32) }, muon.New().Optimizer(0.1).Done()).TrainStep(batch(0, 4))
	require.ErrorContains(t, err, `gradient of "hidden/dense/weights" is (Float64)[3, 8], want (Float32)[3, 8]`)

	scheduled := func(scope *model.Scope, x *Node) *Node {
		cosineschedule.New(scope, x.Graph(), dtypes.Float32).PeriodInSteps(10).LearningRate(0.1).Done()
		return mlp(scope, x)
	}
	_, err = newTrainer(newStore(t), scheduled, muon.New().Optimizer(0.1).Done()).TrainStep(batch(0, 4))
	require.ErrorContains(t, err, "sets /optimizers/learning_rate, which this optimizer does not read; use SetMultiplier")

	listed, err := optim.New([]optim.Param{{Name: "hidden/dense/weights", Shape: []int{3, 8}, Class: "matrix", FanIn: 0, FanOut: 1}},
		optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 1}}})
	require.NoError(t, err)
	_, err = newTrainer(newStore(t), mlp, listed).TrainStep(batch(0, 4))
	require.ErrorContains(t, err, `trainable variable "/hidden/dense/biases" is not in the list of parameters`)

	frozen := func(scope *model.Scope, x *Node) *Node {
		y := mlp(scope, x)
		for v := range scope.IterVariables() {
			v.SetTrainable(false)
		}
		return y
	}
	_, err = newTrainer(newStore(t), frozen, muon.New().Optimizer(0.1).Done()).TrainStep(batch(0, 4))
	require.ErrorContains(t, err, "0 gradients")
}

// TestDiscoveryFollowsTheGraphs: a variable that no graph uses stays as it is
// and has no state; one that a later graph uses is taken in then.
func TestDiscoveryFollowsTheGraphs(t *testing.T) {
	store := newStore(t)
	_, err := store.CreateVariable("/idle/weights", tensors.FromValue([][]float32{{1, 2}, {3, 4}}))
	require.NoError(t, err)
	grow := false
	f := func(scope *model.Scope, x *Node) *Node {
		y := mlp(scope, x)
		if grow {
			y = Add(y, layers.Dense(scope.In("skip"), x, false, 1))
		}
		return y
	}
	o := adamw.New().Optimizer(0.01).Done()
	trainer := newTrainer(store, f, o)
	trainStep(t, trainer, batch(0, 4))
	require.Empty(t, o.RuleOf("idle/weights"))
	require.Nil(t, store.GetVariable("/optim/momentum/idle/weights"))
	require.Empty(t, o.RuleOf("skip/dense/weights"))
	grow = true
	trainStep(t, trainer, batch(0, 5))
	require.Equal(t, "adamw", o.RuleOf("skip/dense/weights"))
	require.NotNil(t, store.GetVariable("/optim/second/skip/dense/weights"))
	before := modelBytes(store)["/skip/dense/weights"]
	trainStep(t, trainer, batch(0, 4)) // the first graph again: it has no gradient for the new one
	require.Equal(t, before, modelBytes(store)["/skip/dense/weights"])
}

func TestDescribe(t *testing.T) {
	store := model.NewStore()
	for path, want := range map[string]optim.Param{
		"/a/weights":                      {Shape: []int{2, 3}, Class: "matrix", FanIn: 0, FanOut: 1},
		"/MultiHeadAttention/out/weights": {Shape: []int{2, 3}, Class: "matrix", FanIn: 0, FanOut: 1},
		"/tokens/embeddings":              {Shape: []int{2, 3}, Class: "embedding", FanIn: 0, FanOut: 1},
		"/lm_head/weights":                {Shape: []int{2, 3}, Class: "head", FanIn: 0, FanOut: 1},
		"/Logits/dense/weights":           {Shape: []int{2, 3}, Class: "head", FanIn: 0, FanOut: 1},
		"/a/biases":                       {Shape: []int{3}, Class: "vector", FanIn: -1, FanOut: -1},
		"/scale":                          {Shape: nil, Class: "vector", FanIn: -1, FanOut: -1},
		"/conv/weights":                   {Shape: []int{3, 3, 2, 4}, Class: "tensor", FanIn: -1, FanOut: -1},
	} {
		size := 1
		for _, d := range want.Shape {
			size *= d
		}
		v, err := store.CreateVariable(path, optimtest.Tensor(want.Shape, make([]float32, size)))
		require.NoError(t, err)
		want.Name = path[1:]
		require.Equal(t, want, optim.Describe(v))
	}
}
