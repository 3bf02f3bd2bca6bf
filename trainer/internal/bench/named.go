package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/recipe"
	"github.com/nanochat-go/nanochat/optim/storage"

	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// baselines are optimizers that package recipe has no name for.
var baselines = map[string]func(lr float64) *optim.Builder{
	"adamw":     func(lr float64) *optim.Builder { return adamw.New().Optimizer(lr) },
	"muon-bf16": func(lr float64) *optim.Builder { return muon.New().Optimizer(lr).WithMatrixState(storage.BFloat16()) },
}

// aliases are other names of recipes: a space and a rule joined by a plus sign,
// and names of published programs.
var aliases = map[string]string{
	"8bit-muon": "muon8", "quantized-muon": "muon8", "8bit-adamw": "adamw8", "8bit-lion": "lion8",
	"galore2": "galore", "galore+adamw": "galore", "galore2+adamw": "galore",
	"galore+muon8": "galore-muon8", "galore2+muon8": "galore-muon8", "galore2-quantized-muon": "galore-muon8",
	"foam+adamw": "foam", "fira+adamw": "fira", "apollo+adamw": "apollo",
}

// Optimizers lists the names that Optimizer knows besides aliases.
func Optimizers() []string {
	names := recipe.Names()
	for name := range baselines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Optimizer starts an optimizer by the name of a recipe, an alias of one, or a
// baseline: adamw and muon-bf16. It returns the name that it goes by.
func Optimizer(name string, s recipe.Settings, lr float64) (string, *optim.Builder, error) {
	known := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if other, ok := aliases[known]; ok {
		known = other
	}
	if base, ok := baselines[known]; ok {
		return known, base(lr), nil
	}
	if !slices.Contains(recipe.Names(), known) {
		return "", nil, fmt.Errorf("no optimizer %q: there are %s, and names like galore2+muon8 for some of them", name, strings.Join(Optimizers(), ", "))
	}
	b, err := recipe.New(known, s, lr)
	return known, b, err
}

// NewOptimizer finishes an optimizer for a model's parameters.
func NewOptimizer(b *optim.Builder, params []lm.Param) (*optim.Optimizer, error) {
	return optim.New(run.OptimParams(params), b.Config())
}
