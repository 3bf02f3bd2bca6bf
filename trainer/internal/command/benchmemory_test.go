package command

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: leaving the rank of the configuration out of the settings, or
// comparing with the second optimizer, fails here.

func memoryOptions(optimizers ...string) cli.BenchMemoryOptions {
	return cli.BenchMemoryOptions{Optimizers: optimizers, Updates: 1, ConfigOptions: cli.ConfigOptions{Set: []string{"train.backend=go",
		"model.layers=2", "model.dim=64", "tokenizer.vocab=300", "model.context=8", "train.batch=2", "optim.space.rank=16", "optim.state_block=128"}}}
}

// TestBenchMemory: what is saved is the state of the matrices, by formula.
func TestBenchMemory(t *testing.T) {
	o := memoryOptions("adamw", "muon_bf16", "galore2+muon8")
	c, out, _ := common("")
	o.Common = c
	got, err := BenchMemory(context.Background(), o)
	require.NoError(t, err)
	r := got.(BenchMemoryResult)
	require.Len(t, r.Optimizers, 3)
	const dim, hidden, rank = 64, 192, 16
	require.Equal(t, hidden, r.Model.HiddenDim)
	matrices := int64(2 * (4*dim*dim + 3*dim*hidden))
	// Per matrix: rank·larger side of codes, projector of rank·dim in bfloat16. A moment
	// of 16 × 64 values stays float32, since it is below the size that storage begins with.
	both := int64(2 * (4*(4*rank*dim+2*rank*dim) + 3*(4*rank*hidden+2*rank*dim)))
	require.Equal(t, "galore-muon8", r.Optimizers[2].Name)
	require.Zero(t, r.Optimizers[0].PlannedSaving)
	require.Equal(t, 8*matrices-2*matrices, r.Optimizers[1].PlannedSaving)
	require.Equal(t, 8*matrices-both, r.Optimizers[2].PlannedSaving)
	require.Nil(t, r.Optimizers[0].Measured)
	require.Contains(t, out.String(), "galore-muon8")
	require.NotContains(t, out.String(), "measured")

	o.Optimizers = []string{"galore"}
	o.Set = append(o.Set, "optim.space.rank=0")
	_, err = BenchMemory(context.Background(), o)
	require.ErrorContains(t, err, "rank 0")
	o = memoryOptions("adam")
	_, err = BenchMemory(context.Background(), o)
	require.ErrorContains(t, err, `no optimizer "adam": there are adamw, `)
	o = memoryOptions()
	_, err = BenchMemory(context.Background(), o)
	require.ErrorContains(t, err, "which optimizers?")
	o = memoryOptions("adamw", "muon")
	o.Here = true
	_, err = BenchMemory(context.Background(), o)
	require.ErrorContains(t, err, "one optimizer")
}

// TestBenchMemoryMeasures: each optimizer trains in a process of its own, here
// this test binary again.
func TestBenchMemoryMeasures(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("resident sizes are read from /proc")
	}
	o := memoryOptions("adamw", "muon8")
	c, out, notices := common("")
	o.Common, o.Measure = c, true
	got, err := BenchMemory(context.Background(), o)
	require.NoError(t, err)
	for _, of := range got.(BenchMemoryResult).Optimizers {
		require.NotNil(t, of.Measured)
		require.Equal(t, of.Planned.OptimizerState, of.Measured.State)
		require.Positive(t, of.Measured.Peak)
	}
	first, second := got.(BenchMemoryResult).Optimizers[0], got.(BenchMemoryResult).Optimizers[1]
	require.Equal(t, first.Measured.Peak-second.Measured.Peak, second.Saving)
	require.InDelta(t, float64(second.Saving)/float64(second.PlannedSaving), second.Reached, 1e-12)
	require.Contains(t, out.String(), "of the plan")
	require.Contains(t, notices.String(), "updates with muon8")
	o.Set = append(o.Set, "model.context=8", "train.batch=0")
	_, err = BenchMemory(context.Background(), o)
	require.Error(t, err)
}
