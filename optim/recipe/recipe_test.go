package recipe_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/recipe"
)

// run makes steps on a network of one 64 × 80 matrix and returns the weights.
func run(t *testing.T, store *model.Store, opt optimizer.Interface, steps int) string {
	t.Helper()
	require.NoError(t, store.SetRNGStateFromSeed(1))
	trainer := train.NewTrainer(optimtest.Backend, store, func(scope *model.Scope, x *Node) *Node {
		return layers.Dense(scope.In("w"), x, false, 80)
	}, loss.MeanSquaredError, opt, nil, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	for range steps {
		x, y := make([]float32, 4*64), make([]float32, 4*80)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		for i := range y {
			y[i] = float32(rng.NormFloat64())
		}
		_, err := trainer.TrainStep(train.Batch{Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, 4, 64)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, 4, 80)}})
		require.NoError(t, err)
	}
	return fmt.Sprint(tensors.MustCopyFlatData[float32](store.GetVariable("/w/dense/weights").MustValue()))
}

// TestRegistered: every recipe is found by name and makes the steps of the one
// that New makes with the same settings.
func TestRegistered(t *testing.T) {
	if optimtest.OnXLA() {
		t.Skip("every recipe compiles for seconds on XLA; TestTables makes a step with each")
	}
	recipe.Register()
	require.IsType(t, optimizer.StochasticGradientDescent(), optimizer.ByName(model.NewStore().RootScope(), "sgd"), "a name that GoMLX has stays its own")
	for _, name := range recipe.Names() {
		if name == "sgd" {
			continue
		}
		store := model.NewStore()
		for key, value := range map[string]any{"optimizer": name, "learning_rate": 0.02, recipe.ParamRank: 4, recipe.ParamEvery: 2, recipe.ParamLevel: 1, recipe.ParamBlock: 64} {
			store.SetParam("/"+key, value)
		}
		got := run(t, store, optimizer.FromStore(store), 5)
		b, err := recipe.New(name, recipe.Settings{Rank: 4, Every: 2, Level: 1, Block: 64}, 0.02)
		require.NoError(t, err)
		require.Equal(t, run(t, model.NewStore(), b.Done(), 5), got, name)
	}
	_, err := recipe.New("adam", recipe.Settings{}, 1)
	require.ErrorContains(t, err, `no optimizer "adam", want one of ["adamw8" "apollo"`)
}

// TestTables: what each recipe does with a matrix, by the optimizer's table.
func TestTables(t *testing.T) {
	for name, want := range map[string]string{
		"muon": `muon .* float32 +20480\n`, "muon8": `muon .* linear8/256 +5200\n`, "normuon": `muon .* float32 +20800\n`,
		"adamw8": `adamw .* dynamic8/256 +10400\n`, "sgd": `sgd .* float32 +20480\n`, "lion": `lion .* float32 +20480\n`, "lion8": `lion .* linear8/256 +5200\n`,
		"galore": `adamw .* galore-128:float32 `, "galore-muon8": `muon .* galore-128:linear8/256 `, "fira": `adamw .* fira-128:float32 `,
		// rank 64 of 64: a projector of 4096 bytes and 16 scales, a timetable of 12,
		// and two moments of 5120 bytes and 20 scales
		"q-galore": `adamw .* galore-128-lazy:dynamic8/256 +14572\n`,
		"apollo":   `adamw .* apollo-128:float32 `, "apollo-mini": `adamw .* apollo-mini:float32 `, "foam": `adamw .* foam-2:float32 +10240\n`,
	} {
		b, err := recipe.New(name, recipe.Settings{}, 0.01)
		require.NoError(t, err)
		opt := b.Done()
		run(t, model.NewStore(), opt, 1)
		require.Regexp(t, want, opt.Table(), name)
	}
}

// TestSettingsAct: no setting may be ignored.
func TestSettingsAct(t *testing.T) {
	if optimtest.OnXLA() {
		t.Skip("every recipe compiles for seconds on XLA; TestTables makes a step with each")
	}
	for name, settings := range map[string]recipe.Settings{
		"muon8": {Block: 32}, "adamw8": {Block: 32}, "galore": {Rank: 3}, "galore-muon8": {Rank: 3}, "q-galore": {Block: 64}, "fira": {Every: 2}, "apollo": {Every: 2}, "apollo-mini": {Every: 2}, "foam": {Level: 1},
	} {
		var weights []string
		for _, s := range []recipe.Settings{{}, settings} {
			b, err := recipe.New(name, s, 0.01)
			require.NoError(t, err)
			weights = append(weights, run(t, model.NewStore(), b.Done(), 4))
		}
		require.NotEqual(t, weights[0], weights[1], name)
	}
}
