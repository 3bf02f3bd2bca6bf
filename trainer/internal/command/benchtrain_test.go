package command

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: not passing a flag on to the model makes TestBenchTrain fail at the
// number of parameters.

func TestBenchTrain(t *testing.T) {
	c, out, notices := common("")
	o := cli.BenchTrainOptions{Common: c, Layers: 1, Dim: 16, Heads: 2, KVHeads: 1, Vocab: 50, Seq: 8, Batch: 2, Steps: 3, MLP: "swiglu", Backend: "go"}
	got, err := BenchTrain(context.Background(), o)
	require.NoError(t, err)
	r := got.(BenchTrainResult)
	// embedding and head 2·50·16, q and o 2·16·16, k and v 2·16·8, MLP 3·16·64, norms 3·16
	require.Equal(t, 1600+512+256+3*16*64+48, r.Parameters)
	require.Equal(t, 3, r.Steps)
	require.InDelta(t, r.BestTokensPerSecond, max(r.BestTokensPerSecond, r.TokensPerSecond), 0, "the best is no slower than the median")
	require.Positive(t, r.TokensPerSecond)
	require.Positive(t, r.MFU)
	require.Less(t, r.MFU, 1.0)
	require.Positive(t, r.FirstStepSeconds)
	require.Contains(t, out.String(), "tokens/s, MFU")
	require.Contains(t, notices.String(), "step 3 of 3")
	text, err := json.Marshal(got)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(text, &object))
	for _, key := range []string{"tokens_per_second", "best_tokens_per_second", "mfu", "first_step_seconds"} {
		require.Contains(t, object, key)
	}
	o.Ternary = true
	got, err = BenchTrain(context.Background(), o)
	require.NoError(t, err)
	require.NotEqual(t, r.Loss, got.(BenchTrainResult).Loss, "other linears")
}

func TestBenchTrainOptimizers(t *testing.T) {
	c, out, _ := common("")
	o := cli.BenchTrainOptions{Common: c, Layers: 1, Dim: 16, Heads: 2, Vocab: 50, Seq: 8, Batch: 2, Steps: 2, MLP: "silu", Backend: "go",
		Rank: 4, Optimizers: []string{"adamw", "galore2+muon8"}}
	got, err := BenchTrain(context.Background(), o)
	require.NoError(t, err)
	r := got.(BenchTrainResult).Optimizers
	require.Len(t, r, 2)
	require.Equal(t, []string{"adamw", "galore-muon8"}, []string{r[0].Name, r[1].Name})
	require.Equal(t, 1.0, r[0].Ratio)
	require.Positive(t, r[1].Ratio)
	require.Less(t, r[1].StateBytes, r[0].StateBytes)
	require.Contains(t, out.String(), "galore-muon8")
	rank4 := r[1].StateBytes
	o.Rank = 8
	got, err = BenchTrain(context.Background(), o)
	require.NoError(t, err)
	require.Greater(t, got.(BenchTrainResult).Optimizers[1].StateBytes, rank4)
}

func TestBenchTrainRefuses(t *testing.T) {
	good := cli.BenchTrainOptions{Layers: 1, Dim: 16, Heads: 2, Vocab: 50, Seq: 8, Batch: 2, Steps: 1, MLP: "silu", Backend: "go"}
	for want, spoil := range map[string]func(o *cli.BenchTrainOptions){
		"0 layers":     func(o *cli.BenchTrainOptions) { o.Layers = 0 },
		"MLP \"gelu\"": func(o *cli.BenchTrainOptions) { o.MLP = "gelu" },
		"--batch 0":    func(o *cli.BenchTrainOptions) { o.Batch = 0 },
		"--steps 0":    func(o *cli.BenchTrainOptions) { o.Steps = 0 },
		"no optimizer": func(o *cli.BenchTrainOptions) { o.Optimizers = []string{"adam2"} },
		"no backend ":  func(o *cli.BenchTrainOptions) { o.Backend = "tpu" },
	} {
		o := good
		o.Common, _, _ = common("")
		spoil(&o)
		_, err := BenchTrain(context.Background(), o)
		require.ErrorContains(t, err, want)
	}
}
