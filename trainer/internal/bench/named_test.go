package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim/recipe"
)

// Mutation: taking an alias for a name of its own, or dropping the settings,
// fails here.

var small = lm.Config{VocabSize: 64, NumLayers: 1, Dim: 64, NumHeads: 2, Context: 8}.WithDefaults()

// state is what the table of an optimizer says of a matrix of 64 × 64.
func state(t *testing.T, name string, s recipe.Settings) (known, table string) {
	t.Helper()
	known, b, err := Optimizer(name, s, 0.01)
	require.NoError(t, err, name)
	o, err := NewOptimizer(b, small.Params())
	require.NoError(t, err, name)
	return known, o.Table()
}

func TestOptimizerByName(t *testing.T) {
	for name, want := range map[string][2]string{
		"adamw": {"adamw", `q_proj.weight .* adamw .* float32 +32768\n`}, "muon-bf16": {"muon-bf16", `q_proj.weight .* muon .* bfloat16 +8192\n`},
		"galore2+muon8":          {"galore-muon8", `q_proj.weight .* muon .* galore-128:linear8/256 `},
		"galore2_quantized_muon": {"galore-muon8", `q_proj.weight .* muon .* galore-128:linear8/256 `},
		"Quantized_Muon":         {"muon8", `q_proj.weight .* muon .* linear8/256 +4160\n`},
		"galore2":                {"galore", `q_proj.weight .* adamw .* galore-128:float32 `},
		"foam+adamw":             {"foam", `q_proj.weight .* adamw .* foam-2:float32 `},
	} {
		known, table := state(t, name, recipe.Settings{})
		require.Equal(t, want[0], known, name)
		require.Regexp(t, want[1], table, name)
	}
	_, table := state(t, "galore+muon8", recipe.Settings{Rank: 16, Block: 128})
	require.Regexp(t, `q_proj.weight .* galore-16:float32 `, table, "too small for eight bits")
	_, table = state(t, "quantized_muon", recipe.Settings{Block: 128})
	require.Regexp(t, `q_proj.weight .* linear8/128 `, table)
	_, _, err := Optimizer("galore3", recipe.Settings{}, 0.01)
	require.ErrorContains(t, err, `no optimizer "galore3": there are adamw, adamw8, `)
	require.ErrorContains(t, err, "muon-bf16")
}

// TestEveryName: whatever is listed, or an alias, serves a transformer.
func TestEveryName(t *testing.T) {
	for _, name := range Optimizers() {
		known, _ := state(t, name, recipe.Settings{Rank: 8})
		require.Equal(t, name, known)
	}
	for name, want := range aliases {
		require.NotContains(t, Optimizers(), name, "an alias that hides nothing")
		known, _ := state(t, name, recipe.Settings{Rank: 8})
		require.Equal(t, want, known)
	}
}
