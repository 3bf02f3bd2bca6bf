package optim_test

import (
	"fmt"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
)

// Mutation: giving the rest the matrices' rate in Done, or decaying vectors
// there, fails here.

// weights trains the network of gomlx_test.go for two steps and returns its
// variables by name.
func weights(t *testing.T, o *optim.Optimizer) map[string]string {
	store := newStore(t)
	trainer := newTrainer(store, mlp, o)
	trainStep(t, trainer, batch(0, 8))
	trainStep(t, trainer, batch(1, 8))
	all := map[string]string{}
	for _, name := range []string{"hidden/dense/weights", "hidden/dense/biases", "readout/dense/weights", "readout/dense/biases"} {
		all[name] = fmt.Sprint(tensors.MustCopyFlatData[float32](store.GetVariable("/" + name).MustValue()))
	}
	return all
}

// changed lists which of the four variables differ: h, H, r, R for the hidden
// biases, hidden weights, readout biases, readout weights.
func changed(a, b map[string]string) (s string) {
	for _, c := range []struct{ letter, name string }{
		{"h", "hidden/dense/biases"}, {"H", "hidden/dense/weights"}, {"r", "readout/dense/biases"}, {"R", "readout/dense/weights"},
	} {
		if a[c.name] != b[c.name] {
			s += c.letter
		}
	}
	return s
}

// oneStep is like weights for a single step, after which a change of one
// variable has not yet reached the gradients of the others.
func oneStep(t *testing.T, o *optim.Optimizer) map[string]string {
	store := newStore(t)
	trainStep(t, newTrainer(store, mlp, o), batch(0, 8))
	all := map[string]string{}
	for _, name := range []string{"hidden/dense/weights", "hidden/dense/biases", "readout/dense/weights", "readout/dense/biases"} {
		all[name] = fmt.Sprint(tensors.MustCopyFlatData[float32](store.GetVariable("/" + name).MustValue()))
	}
	return all
}

func TestBuilderOptionsAct(t *testing.T) {
	base := oneStep(t, muon.New().Optimizer(0.02).Done())
	for name, c := range map[string]struct {
		o    *optim.Optimizer
		want string
	}{
		"the same":       {muon.New().Optimizer(0.02).Done(), ""},
		"rate":           {muon.New().Optimizer(0.03).Done(), "hHrR"},
		"rest's rate":    {muon.New().Optimizer(0.02).WithRestLearningRate(0.03).Done(), "hr"},
		"rest's matrix":  {muon.New().Optimizer(0.02).WithRest("readout/*").Done(), "R"},
		"decay":          {muon.New().Optimizer(0.02).WithWeightDecay(0.5).Done(), "HR"},
		"decay and rest": {muon.New().Optimizer(0.02).WithRest("*out*").WithWeightDecay(0.5).Done(), "HR"},
	} {
		require.Equal(t, c.want, changed(base, oneStep(t, c.o)), name)
	}
	// Biases start at zero, where decay does not show: the table says it.
	o := muon.New().Optimizer(0.02).WithWeightDecay(0.5).WithRest("readout/*weights").Done()
	oneStep(t, o)
	require.Regexp(t, `hidden/dense/weights +\[3 8\] +matrix +muon +0.02 +0.5 `, o.Table())
	require.Regexp(t, `hidden/dense/biases +\[8\] +vector +adamw +0.02 +0 `, o.Table())
	require.Regexp(t, `readout/dense/weights +\[8 1\] +matrix +adamw +0.02 +0.5 `, o.Table())
	// A first step does not see the size of gradients, a second one does.
	require.Equal(t, "hHrR", changed(weights(t, muon.New().Optimizer(0.02).Done()), weights(t, muon.New().Optimizer(0.02).WithClip(0.01).Done())))
}

// TestBuilderMatrixState: matrices that are large enough keep their state as
// the builder says, everything else in float32.
func TestBuilderMatrixState(t *testing.T) {
	store := newStore(t)
	network := func(scope *model.Scope, x *Node) *Node {
		x = layers.Dense(scope.In("wide"), x, true, 1366) // 4098 weights
		return layers.Dense(scope.In("readout"), Tanh(x), true, 1)
	}
	o := muon.New().Optimizer(0.02).WithMatrixState(storage.Linear8(storage.DefaultBlock)).Done()
	trainStep(t, newTrainer(store, network, o), batch(0, 8))
	require.Regexp(t, `wide/dense/weights .* linear8/256 +4166\n`, o.Table()) // 4098 codes, 17 scales
	require.Regexp(t, `wide/dense/biases .* float32 `, o.Table())
	require.Regexp(t, `readout/dense/weights .* float32 `, o.Table())
	require.Equal(t, o.PlanStateBytes(), optim.StateBytes(store))
}

func TestBuilderFromScope(t *testing.T) {
	set := func(key string, value any) *model.Scope {
		store := model.NewStore()
		store.SetParam("/"+key, value)
		return store.RootScope()
	}
	for name, c := range map[string]struct{ from, with *optim.Builder }{
		"learning_rate":             {muon.New().Optimizer(1).FromScope(set("learning_rate", 0.02)), muon.New().Optimizer(0.02)},
		optim.ParamRestLearningRate: {muon.New().Optimizer(0.02).FromScope(set(optim.ParamRestLearningRate, 0.5)), muon.New().Optimizer(0.02).WithRestLearningRate(0.5)},
		optim.ParamWeightDecay:      {muon.New().Optimizer(0.02).FromScope(set(optim.ParamWeightDecay, 0.5)), muon.New().Optimizer(0.02).WithWeightDecay(0.5)},
		optim.ParamClipNorm:         {muon.New().Optimizer(0.02).FromScope(set(optim.ParamClipNorm, 0.01)), muon.New().Optimizer(0.02).WithClip(0.01)},
	} {
		require.Empty(t, changed(weights(t, c.from.Done()), weights(t, c.with.Done())), name)
	}
	plain := muon.New().Optimizer(0.02).FromScope(model.NewStore().RootScope()).Done()
	require.Empty(t, changed(weights(t, plain), weights(t, muon.New().Optimizer(0.02).Done())), "nothing set, nothing changed")
}

func TestBuilderPanics(t *testing.T) {
	require.PanicsWithError(t, "optim: group 0: learning rate 0, want a number above 0\noptim: group 1: learning rate 0, want a number above 0\n"+
		"optim: group 2: learning rate 0, want a number above 0", func() { muon.New().Optimizer(0).Done() })
	trainer := newTrainer(newStore(t), mlp, muon.New().Optimizer(0.1).WithRest("output/*").Done())
	_, err := trainer.TrainStep(batch(0, 4))
	require.ErrorContains(t, err, `group 0 matches no parameter: match ["output/*"]`)
	trainer = newTrainer(newStore(t), mlp, muon.New().WithMomentum(2).Optimizer(0.1).Done())
	_, err = trainer.TrainStep(batch(0, 4))
	require.ErrorContains(t, err, "muon: momentum 2, want [0, 1)")
}
