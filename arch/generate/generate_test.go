package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// Mutation: drawing with the index of the row in flight instead of the
// prompt's, counting the stop token among the result's, or forking before the
// prompt is read to its end makes these tests fail.

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

func tiny(context int) lm.Config {
	return lm.Config{VocabSize: 40, NumLayers: 2, Dim: 16, NumHeads: 2, HiddenDim: 24, Context: context, Ternary: true}
}

// prompts are n prompts of which some are equal.
func prompts(n int) [][]int32 {
	var all [][]int32
	for i := range n {
		all = append(all, []int32{1, int32(i % 7), int32(i % 3)}[:1+i%3])
	}
	return all
}

// TestRowsAreIndependent: the same row comes out alone, in a batch, in more rows than
// are in flight at a time, and with any number of threads.
func TestRowsAreIndependent(t *testing.T) {
	o := Options{MaxTokens: 12, Temperature: 1, TopP: 0.95, Seed: 5, Stop: []int32{3}}
	e := engine(t, tiny(32), infer.WithThreads(1))
	all := prompts(MaxRows + 30)
	want, err := Generate(t.Context(), e, all, o, nil)
	require.NoError(t, err)
	again, err := Generate(t.Context(), engine(t, tiny(32), infer.WithThreads(4)), all, o, nil)
	require.NoError(t, err)
	require.Equal(t, want, again)
	some, err := Generate(t.Context(), e, all[:10], o, nil)
	require.NoError(t, err)
	require.Equal(t, want[:10], some)
	stopped, distinct := 0, map[string]bool{}
	for r, res := range want {
		ids, reason := oneByOne(t, e, all[r], o, r)
		require.Equal(t, ids, res.IDs, "row %d", r)
		require.Equal(t, reason, res.Stopped)
		require.NotContains(t, res.IDs, int32(3))
		if res.Stopped == StopToken {
			stopped++
		}
		distinct[fmt.Sprint(res.IDs)] = true
	}
	require.Greater(t, stopped, 5)
	require.Greater(t, len(distinct), len(all)*9/10, "equal prompts draw different tokens")
	o.Seed++
	other, err := Generate(t.Context(), e, all, o, nil)
	require.NoError(t, err)
	require.NotEqual(t, want, other)
}

// oneByOne is Generate for one row, written without batches.
func oneByOne(t *testing.T, e *infer.Engine, prompt []int32, o Options, row int) (ids []int32, reason string) {
	t.Helper()
	s := e.NewSession(1)
	sampler, err := NewSampler(o)
	require.NoError(t, err)
	logits, err := s.Extend(0, prompt)
	require.NoError(t, err)
	for {
		id, err := sampler.Sample(logits, row, len(ids))
		require.NoError(t, err)
		if slices.Contains(o.Stop, id) {
			return ids, StopToken
		}
		if ids = append(ids, id); len(ids) == o.MaxTokens {
			return ids, StopLength
		}
		logits, err = s.Extend(0, []int32{id})
		require.NoError(t, err)
	}
}

func TestGreedy(t *testing.T) {
	e := engine(t, tiny(32))
	run := func(seed uint64) []Result {
		res, err := Generate(t.Context(), e, prompts(5), Options{MaxTokens: 6, Seed: seed}, nil)
		require.NoError(t, err)
		return res
	}
	require.Equal(t, run(1), run(2))
	ids, _ := oneByOne(t, e, prompts(5)[2], Options{MaxTokens: 6}, 2)
	require.Equal(t, ids, run(3)[2].IDs)
}

func TestContextFills(t *testing.T) {
	e := engine(t, tiny(8))
	res, err := Generate(t.Context(), e, [][]int32{{1, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8}}, Options{Temperature: 1}, nil)
	require.NoError(t, err)
	require.Equal(t, StopContext, res[0].Stopped)
	require.Len(t, res[0].IDs, 6) // five that fit and one that is drawn after the last
	require.Equal(t, StopContext, res[1].Stopped)
	require.Len(t, res[1].IDs, 1)
	var full *infer.ContextError
	_, err = Generate(t.Context(), e, [][]int32{{1}, make([]int32, 9)}, Options{}, nil)
	require.ErrorAs(t, err, &full)
	require.ErrorContains(t, err, "prompt 1")
	_, err = Generate(t.Context(), e, [][]int32{{1}, {}}, Options{}, nil)
	require.ErrorContains(t, err, "prompt 1 is empty")
	_, err = Generate(t.Context(), e, [][]int32{{99}}, Options{}, nil)
	require.ErrorContains(t, err, "outside the vocabulary")
	_, err = Generate(t.Context(), e, nil, Options{TopK: -1}, nil)
	require.ErrorContains(t, err, "top-k")
	none, err := Generate(t.Context(), e, nil, Options{}, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestEmit(t *testing.T) {
	e := engine(t, tiny(32))
	seen := make([][]int32, 4)
	res, err := Generate(t.Context(), e, prompts(4), Options{MaxTokens: 9, Temperature: 1}, func(row int, id int32) bool {
		seen[row] = append(seen[row], id)
		return row != 2 || len(seen[row]) < 4
	})
	require.NoError(t, err)
	for r := range res {
		require.Equal(t, res[r].IDs, seen[r])
	}
	require.Equal(t, StopCaller, res[2].Stopped)
	require.Len(t, res[2].IDs, 4)
	require.Equal(t, StopLength, res[3].Stopped)
}

func TestCancel(t *testing.T) {
	e := engine(t, tiny(600))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	res, err := Generate(ctx, e, prompts(3), Options{Temperature: 1}, func(int, int32) bool {
		if n++; n == 30 {
			cancel()
		}
		return true
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, res[0].IDs, 10)
	require.Empty(t, res[0].Stopped)
	res, err = Generate(ctx, e, [][]int32{make([]int32, 500)}, Options{}, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, res[0].IDs)
}

func TestNotFinite(t *testing.T) {
	c := tiny(32)
	zero := infer.FromGraph(c, func(name string) ([]float32, error) {
		for _, p := range c.Params() {
			if p.Name == name {
				v := p.Init(1)
				if p.Name == "model.norm.weight" {
					for i := range v {
						v[i] = math.MaxFloat32
					}
				}
				return v, nil
			}
		}
		return nil, errors.New("none")
	})
	e, err := infer.New(c, zero)
	require.NoError(t, err)
	defer e.Close()
	_, err = Generate(t.Context(), e, prompts(2), Options{Temperature: 1}, nil)
	require.ErrorContains(t, err, "row 0, token 0: generate: logit of token")
}

// quickStart is the model of the trainer's quick start.
func quickStart(ternary bool) lm.Config {
	return lm.Config{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, Context: 192, QKNorm: true, Ternary: ternary}
}

// BenchmarkQuickStart draws rows of 128 tokens; one row is a chat, 64 are an
// evaluation.
func BenchmarkQuickStart(b *testing.B) {
	for _, ternary := range []bool{false, true} {
		for _, threads := range []int{1, 2, 4} {
			for _, rows := range []int{1, 64} {
				b.Run(fmt.Sprintf("ternary=%v/threads=%d/rows=%d", ternary, threads, rows), func(b *testing.B) {
					e := engine(b, quickStart(ternary), infer.WithThreads(threads))
					all := make([][]int32, rows)
					for i := range all {
						all[i] = []int32{0}
					}
					for b.Loop() {
						_, err := Generate(b.Context(), e, all, Options{MaxTokens: 128, Temperature: 0.8, Seed: 1}, nil)
						require.NoError(b, err)
					}
					b.ReportMetric(float64(b.N*rows*128)/b.Elapsed().Seconds(), "tokens/s")
				})
			}
		}
	}
}

// BenchmarkPrefill reads one prompt.
func BenchmarkPrefill(b *testing.B) {
	for _, ternary := range []bool{false, true} {
		b.Run(fmt.Sprintf("ternary=%v", ternary), func(b *testing.B) {
			e := engine(b, quickStart(ternary))
			ids := make([]int32, 192)
			for b.Loop() {
				_, err := e.NewSession(1).Extend(0, ids)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N*len(ids))/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
