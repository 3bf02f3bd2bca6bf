package generate

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
)

func engine(t testing.TB, c lm.Config, opts ...infer.Option) *infer.Engine {
	t.Helper()
	params := map[string]lm.Param{}
	for _, p := range c.Params() {
		params[p.Name] = p
	}
	e, err := infer.New(c, infer.FromGraph(c, func(name string) ([]float32, error) { return params[name].Init(1), nil }), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// quickStart is the model of the trainer's quick start.
func quickStart(ternary bool) lm.Config {
	return lm.Config{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, Context: 192, QKNorm: true, Ternary: ternary}
}

func TestQuickSpeed(t *testing.T) {
	for _, ternary := range []bool{true, false} {
		for _, threads := range []int{1, 2, 4} {
			e := engine(t, quickStart(ternary), infer.WithThreads(threads))
			prompts := make([][]int32, 64)
			for i := range prompts {
				prompts[i] = []int32{0}
			}
			begin := time.Now()
			_, err := Generate(context.Background(), e, prompts, Options{MaxTokens: 128, Temperature: 0.8, TopP: 0.95, Seed: 1}, nil)
			require.NoError(t, err)
			t.Logf("ternary %v threads %d/%d: %v", ternary, threads, runtime.GOMAXPROCS(0), time.Since(begin))
		}
	}
}
