package bench

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/recipe"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
)

// Mutation: not resetting the peak, or measuring one batch for an update of
// several, fails here.

func TestResident(t *testing.T) {
	const size = 64 << 20
	require.NoError(t, resetPeak())
	before, _, err := resident()
	require.NoError(t, err)
	block := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	now, peak, err := resident()
	require.NoError(t, err)
	require.Greater(t, now, before+size*3/4)
	require.GreaterOrEqual(t, peak, now)
	require.EqualValues(t, 1, block[4096])
	block = nil
	debug.FreeOSMemory()
	after, high, err := resident()
	require.NoError(t, err)
	require.Less(t, after, now-size/2)
	require.GreaterOrEqual(t, high, now, "the peak stays")
	require.NoError(t, resetPeak())
	_, high, err = resident()
	require.NoError(t, err)
	require.Less(t, high, now-size/2)
}

func TestMemory(t *testing.T) {
	b, _, err := backend.Open(context.Background(), "go", false, func(string) {})
	require.NoError(t, err)
	defer b.Finalize()
	_, builder, err := Optimizer("muon8", recipe.Settings{}, 0.01)
	require.NoError(t, err)
	opt, err := NewOptimizer(builder, small.Params())
	require.NoError(t, err)
	o := MemoryOptions{Model: small, Optimizer: opt, Batch: 2, Accumulate: 1, Steps: 2}
	r, err := Memory(context.Background(), b, o)
	require.NoError(t, err)
	require.Equal(t, opt.PlanStateBytes(), r.State)
	require.GreaterOrEqual(t, r.First, r.Start)
	require.GreaterOrEqual(t, r.Peak, r.After)
	o.Accumulate = 2
	r, err = Memory(context.Background(), b, o)
	require.NoError(t, err)
	size := int64(1) // the weight of the batches is accumulated too
	for _, p := range small.Params() {
		size += int64(p.Size())
	}
	require.Equal(t, opt.PlanStateBytes()+4*size, r.State, "and the accumulators")
	for _, spoil := range []func(o *MemoryOptions){
		func(o *MemoryOptions) { o.Batch = 0 }, func(o *MemoryOptions) { o.Steps = 0 }, func(o *MemoryOptions) { o.Accumulate = 0 },
	} {
		bad := o
		spoil(&bad)
		_, err = Memory(context.Background(), b, bad)
		require.ErrorContains(t, err, "want at least 1 of each")
	}
}
