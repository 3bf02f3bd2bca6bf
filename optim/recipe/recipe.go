package recipe

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/foam"
	"github.com/nanochat-go/nanochat/optim/galore"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/sgd"
	"github.com/nanochat-go/nanochat/optim/storage"
)

// Settings are what recipes differ in besides their parts; the zero value of a
// field is its default.
type Settings struct {
	Rank  int // of GaLore and its relatives: 128
	Every int // updates between refreshes of a subspace: 200
	Level int // of FOAM: 2
	Block int // of 8-bit state: 256
}

func (s Settings) withDefaults() Settings {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	or(&s.Rank, 128)
	or(&s.Every, 200)
	or(&s.Level, 2)
	or(&s.Block, storage.DefaultBlock)
	return s
}

const growthLimit = 1.01 // arXiv:2410.01623, also APOLLO's

// recipes makes each recipe from settings and a learning rate.
var recipes = map[string]func(s Settings, lr float64) *optim.Builder{
	"muon": func(_ Settings, lr float64) *optim.Builder { return muon.New().Optimizer(lr) },
	"muon8": func(s Settings, lr float64) *optim.Builder {
		return muon.New().Optimizer(lr).WithMatrixState(storage.Linear8(s.Block))
	},
	"normuon": func(_ Settings, lr float64) *optim.Builder { return muon.New().WithNeuronNorm(0.95).Optimizer(lr) },
	"adamw8": func(s Settings, lr float64) *optim.Builder {
		return adamw.New().Optimizer(lr).WithMatrixState(storage.Dynamic8(s.Block))
	},
	"sgd":  func(_ Settings, lr float64) *optim.Builder { return sgd.New().Optimizer(lr) },
	"lion": func(_ Settings, lr float64) *optim.Builder { return lion.New().Optimizer(lr) },
	"lion8": func(s Settings, lr float64) *optim.Builder {
		return lion.New().Optimizer(lr).WithMatrixState(storage.Linear8(s.Block))
	},
	"galore": func(s Settings, lr float64) *optim.Builder {
		return adamw.New().Optimizer(lr).WithMatrixSpace(galore.New(s.Rank).WithEvery(s.Every))
	},
	"galore-muon8": func(s Settings, lr float64) *optim.Builder {
		space := galore.New(s.Rank).WithEvery(s.Every).WithProjectorStorage(storage.BFloat16())
		small := orthogonal.Classic(5) // products in a subspace are small, and a loop of them makes a shorter program
		small.Rolled = true
		return muon.New().WithOrthogonalizer(small).Optimizer(lr).WithMatrixSpace(space).WithMatrixState(storage.Linear8(s.Block))
	},
	"q-galore": func(s Settings, lr float64) *optim.Builder {
		space := galore.Q(s.Rank).WithEvery(s.Every).WithProjectorStorage(storage.Linear8(s.Block))
		return adamw.New().Optimizer(lr).WithMatrixSpace(space).WithMatrixState(storage.Dynamic8(s.Block))
	},
	"fira": func(s Settings, lr float64) *optim.Builder {
		return adamw.New().Optimizer(lr).WithMatrixSpace(galore.Fira(s.Rank).WithEvery(s.Every)).WithGrowthLimit(growthLimit)
	},
	"apollo": func(s Settings, lr float64) *optim.Builder {
		return adamw.New().Optimizer(lr).WithMatrixSpace(galore.Apollo(s.Rank).WithEvery(s.Every)).WithGrowthLimit(growthLimit)
	},
	"apollo-mini": func(s Settings, lr float64) *optim.Builder {
		return adamw.New().Optimizer(lr).WithMatrixSpace(galore.ApolloMini().WithEvery(s.Every)).WithGrowthLimit(growthLimit)
	},
	"foam": func(s Settings, lr float64) *optim.Builder {
		return adamw.New().Optimizer(lr).WithMatrixSpace(foam.New(s.Level))
	},
}

// Names lists the recipes.
func Names() []string { return slices.Sorted(maps.Keys(recipes)) }

// New starts the optimizer of a plain GoMLX program from a recipe.
func New(name string, s Settings, lr float64) (*optim.Builder, error) {
	make, ok := recipes[name]
	if !ok {
		return nil, fmt.Errorf("recipe: no optimizer %q, want one of %q", name, Names())
	}
	return make(s.withDefaults(), lr), nil
}

// Hyperparameters that registered recipes read.
const (
	ParamRank  = "galore_rank"
	ParamEvery = "galore_every"
	ParamLevel = "foam_level"
	ParamBlock = "state_block"
)

// Register makes every recipe known to GoMLX by its name, so that
// optimizer.ByName and optimizer.FromStore find it. A name that is taken stays
// as it is.
func Register() {
	for _, name := range Names() {
		if _, taken := optimizer.KnownOptimizers[name]; taken {
			continue
		}
		optimizer.KnownOptimizers[name] = func(scope *model.Scope) optimizer.Interface {
			s := Settings{
				Rank: model.GetParamOr(scope, ParamRank, 0), Every: model.GetParamOr(scope, ParamEvery, 0),
				Level: model.GetParamOr(scope, ParamLevel, 0), Block: model.GetParamOr(scope, ParamBlock, 0),
			}
			return recipes[name](s.withDefaults(), optimizer.AdamDefaultLearningRate).FromScope(scope).Done()
		}
	}
}
