package command

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Mutation: leaving the accumulators out of the total, or predicting time for
// one batch when an update takes several, makes these tests fail.

// plan runs the command for settings on the Go backend.
func plan(t *testing.T, settings ...string) (PlanResult, string) {
	t.Helper()
	c, out, _ := common("")
	got, err := Plan(context.Background(), cli.TrainOptions{Common: c, ConfigOptions: cli.ConfigOptions{
		Set: append([]string{"train.backend=go", "model.layers=3", "model.dim=32", "tokenizer.vocab=300", "model.context=16", "train.batch=2"}, settings...)}})
	require.NoError(t, err)
	return got.(PlanResult), out.String()
}

func TestPlan(t *testing.T) {
	r, text := plan(t, "train.steps=50")
	params := lm.Config{VocabSize: 300, NumLayers: 3, Dim: 32, NumHeads: 4, Context: 16}.Params()
	total, state := 0, 0
	for _, p := range params {
		total += p.Size()
		if state += 8 * p.Size(); p.Class == lm.Matrix { // Muon keeps one moment, AdamW two
			state -= 4 * p.Size()
		}
	}
	require.Equal(t, total, r.Parameters.Total)
	require.Equal(t, total-2*300*32, r.Parameters.NonEmbedding)
	require.EqualValues(t, 4*total, r.Bytes.Weights)
	require.InDelta(t, state, r.Bytes.OptimizerState, 200, "and a few counters")
	require.Equal(t, r.Bytes.Weights+r.Bytes.OptimizerState, r.Bytes.Checkpoint)
	b := r.Bytes
	require.Equal(t, b.Weights+b.Gradients+b.OptimizerState+b.Activations+b.Scores+b.Logits+b.Working, b.Total)
	require.EqualValues(t, 2*4*3*32*16, b.KVCache)

	require.Equal(t, 32, r.Run.TokensPerStep)
	require.Equal(t, 1600.0, r.Run.Tokens)
	require.Equal(t, "go", r.Run.Backend)
	require.InEpsilon(t, r.Run.PeakFLOPS*r.Run.AssumedMFU/r.FLOPs.Train, r.Run.TokensPerSecond, 1e-9)
	require.InEpsilon(t, r.Run.Tokens/r.Run.TokensPerSecond, r.Run.Seconds, 1e-9)
	require.Contains(t, text, "50 steps of 32 tokens, 1,600 tokens: about")
	require.Contains(t, text, "× 3 blocks")
	require.Equal(t, len(params)+1, strings.Count(r.Optimizer, "\n"), "a line for each parameter and a heading")
}

func TestPlanFollowsTheConfiguration(t *testing.T) {
	dense, _ := plan(t)
	r, text := plan(t, "train.tokens=10000", "optim.accumulate=4", "model.ternary=true", "optim.rule=adamw")
	require.Equal(t, r.Bytes.Gradients, r.Bytes.Accumulators)
	require.EqualValues(t, r.Bytes.Accumulators, r.Bytes.Total-r.Bytes.OptimizerState-(dense.Bytes.Total-dense.Bytes.OptimizerState))
	require.Greater(t, r.Bytes.OptimizerState, dense.Bytes.OptimizerState)
	require.Less(t, r.Bytes.Serving, dense.Bytes.Serving)
	require.Less(t, r.Run.AssumedMFU, dense.Run.AssumedMFU)
	require.Equal(t, 128, r.Run.TokensPerStep)
	require.InEpsilon(t, 10000.0/128, r.Run.Steps, 1e-9)
	require.Contains(t, text, "10,000 tokens in 79 steps of 128: about")
	require.Contains(t, text, "accumulators")
	require.Contains(t, text, "4 batches an update")

	r, text = plan(t, "train.time=1m30s")
	require.InEpsilon(t, 90.0, r.Run.Seconds, 1e-9)
	require.InEpsilon(t, 90*r.Run.TokensPerSecond, r.Run.Tokens, 1e-9)
	require.Contains(t, text, "time         1m30s: about")

	c, _, _ := common("")
	_, err := Plan(context.Background(), cli.TrainOptions{Common: c, ConfigOptions: cli.ConfigOptions{Set: []string{"tokenizer.path=gone.json"}}})
	require.ErrorContains(t, err, "gone.json")
}

// TestPlanShowsTheBlock: what a model has beyond a Llama is in the plan.
func TestPlanShowsTheBlock(t *testing.T) {
	plain, text := plan(t)
	require.NotContains(t, text, "  with ")
	r, text := plan(t, "model.sub_ln=true", "model.value_embed=true", "model.window_pattern=SL", "model.remat=3")
	require.Contains(t, text, "  with norms inside the sublayers (SubLN), value embeddings, a window pattern, 3 sublayers recomputed together\n")
	require.Equal(t, plain.Parameters.ByClass[lm.Embedding]+2*300*32, r.Parameters.ByClass[lm.Embedding])
	require.Less(t, r.Bytes.Activations, plain.Bytes.Activations)
}

// TestPlanCountsStreams: their maps are parameters, and the streams memory.
func TestPlanCountsStreams(t *testing.T) {
	plain, _ := plan(t)
	r, text := plan(t, "model.mhc.enabled=true", "model.mhc.streams=2")
	require.Contains(t, text, "  with hyper-connections\n")
	require.Greater(t, r.Parameters.ByClass[lm.Vector], plain.Parameters.ByClass[lm.Vector])
	require.Equal(t, plain.Parameters.ByClass[lm.Matrix], r.Parameters.ByClass[lm.Matrix])
	require.Greater(t, r.Bytes.Activations, plain.Bytes.Activations)
	require.Greater(t, r.FLOPs.Train, plain.FLOPs.Train)
}

// TestPlanNeedsNoData: the sources of a preset need not exist.
func TestPlanNeedsNoData(t *testing.T) {
	c, err := config.Load("crates", "", nil)
	require.NoError(t, err)
	require.NoDirExists(t, c.Data.Sources[0].Dir)
	r, _ := plan(t, "data.sources="+config.FormatSources(c.Data.Sources))
	require.Equal(t, 300, r.Model.VocabSize)
}

func TestCollapse(t *testing.T) {
	got := collapse("name          lr\nembed         1\nx.layers.0.q  1\nx.layers.1.q  1\nx.layers.0.k  1\nx.layers.1.k  2\n")
	require.Equal(t, "  name          lr\n  embed         1\n  x.layers.*.q  1  × 2 blocks\n  x.layers.0.k  1\n  x.layers.1.k  2\n", got)
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, grouped(n))
	}
}

func TestPlanPrecision(t *testing.T) {
	r, text := plan(t, "precision.recipe=mxfp8", "precision.keep_last_blocks=1")
	require.InDelta(t, (2*8.25+16)/3, r.LinearBits, 1e-9)
	require.Contains(t, text, "precision of the linears, 10.8 bits a weight\n")
	require.Regexp(t, `model\.layers\.\*\.mlp\.up_proj\.weight +32x128 +0-1 +mxfp8 +8\.25 +recipe`, text)
	require.Regexp(t, `2 +bf16 +16 +last 1 blocks`, text)
	r, _ = plan(t)
	require.Equal(t, 32.0, r.LinearBits)
}
