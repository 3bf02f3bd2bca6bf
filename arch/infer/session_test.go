package infer

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/arch/estimate"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// Mutation: choosing the number of lanes in dot2 by the number of rows, leaving
// r.len unchanged in Truncate, or sharing the cache slices in Fork makes these
// tests fail.

// busy uses every kind of layer.
func busy(c *lm.Config) {
	nanochat(c)
	c.Window, c.VocabSize = 9, 210
}

// logitsAlone are the logits after every token of ids, computed at once.
func logitsAlone(t testing.TB, e *Engine, ids []int32) []float32 {
	t.Helper()
	s := e.NewSession(1)
	out, err := s.Forward(Span{Row: 0, Tokens: ids, All: true})
	require.NoError(t, err)
	return slices.Clone(out[0])
}

// TestAnySchedule feeds several rows in random portions, alone or together,
// rolls rows back and forks them. Every logit must have the very bits that the
// row has alone, for every number of threads.
func TestAnySchedule(t *testing.T) {
	for _, quantised := range []bool{false, true} {
		t.Run(fmt.Sprintf("ternary=%v", quantised), func(t *testing.T) {
			c := small(busy)
			c.Ternary = quantised
			reference := newEngine(t, c, 1, WithThreads(1))
			engines := []*Engine{reference, newEngine(t, c, 1, WithThreads(2)), newEngine(t, c, 1, WithThreads(7))}
			const most = 24
			source := rand.New(rand.NewPCG(9, 9))
			texts, want := make([][]int32, most), make([][]float32, most)
			for r := range texts {
				texts[r] = randomTokens(source, c.VocabSize, c.Context)
				want[r] = logitsAlone(t, reference, texts[r])
			}
			rapid.Check(t, func(rt *rapid.T) {
				e := engines[rapid.IntRange(0, 2).Draw(rt, "engine")]
				rows := rapid.IntRange(1, most).Draw(rt, "rows")
				rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
				s := e.NewSession(rows)
				for range 6 {
					var spans []Span
					for r := range rows {
						if s.Len(r) == c.Context || rng.IntN(4) == 0 {
							continue
						}
						n := 1 + rng.IntN(1+rng.IntN(c.Context-s.Len(r)))
						spans = append(spans, Span{Row: r, Tokens: texts[r][s.Len(r) : s.Len(r)+n], All: rng.IntN(2) == 0})
					}
					rng.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
					got, err := s.Forward(spans...)
					require.NoError(rt, err)
					for i, sp := range spans {
						end := s.Len(sp.Row) * c.VocabSize
						require.Equal(rt, want[sp.Row][end-len(got[i]):end], got[i], "row %d", sp.Row)
					}
					r := rng.IntN(rows)
					require.NoError(rt, s.Truncate(r, rng.IntN(s.Len(r)+1)))
				}
			})
		})
	}
}

func TestFork(t *testing.T) {
	c := small(busy)
	e := newEngine(t, c, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	a := randomTokens(rng, c.VocabSize, 12)
	b := append(slices.Clone(a[:6]), randomTokens(rng, c.VocabSize, 6)...)
	s := e.NewSession(1)
	_, err := s.Extend(0, a[:6])
	require.NoError(t, err)
	fork, err := s.Fork(0)
	require.NoError(t, err)
	require.Equal(t, 6, s.Len(fork))
	out, err := s.Forward(Span{Row: 0, Tokens: a[6:]}, Span{Row: fork, Tokens: b[6:]})
	require.NoError(t, err)
	tail := func(ids []int32) []float32 { all := logitsAlone(t, e, ids); return all[len(all)-c.VocabSize:] }
	require.Equal(t, tail(a), out[0])
	require.Equal(t, tail(b), out[1])
	s.CloseRow(0)
	_, err = s.Fork(0)
	require.ErrorContains(t, err, "row 0 is not open")
	empty := s.Open()
	again, err := s.Fork(empty)
	require.NoError(t, err)
	require.Equal(t, 0, s.Len(again))
}

// A row that is closed and opened again starts empty, whatever its memory held.
func TestRowsComeAndGo(t *testing.T) {
	c := small(busy)
	e := newEngine(t, c, 1)
	rng := rand.New(rand.NewPCG(2, 1))
	s := e.NewSession(3)
	old, fresh := randomTokens(rng, c.VocabSize, 20), randomTokens(rng, c.VocabSize, 5)
	for r := range 3 {
		_, err := s.Extend(r, old)
		require.NoError(t, err)
	}
	s.CloseRow(1)
	s.CloseRow(1)
	require.False(t, s.IsOpen(1))
	require.Equal(t, 0, s.Len(1))
	out, err := s.Step([]int32{1, -5, 2})
	require.NoError(t, err)
	require.Nil(t, out[1])
	require.Len(t, out[2], c.VocabSize)
	require.Equal(t, []int{21, 0, 21}, []int{s.Len(0), s.Len(1), s.Len(2)})
	require.Equal(t, 1, s.Open())
	require.Equal(t, 3, s.Open())
	require.Equal(t, 4, s.Rows())
	got, err := s.Extend(1, fresh)
	require.NoError(t, err)
	want := logitsAlone(t, e, fresh)
	require.Equal(t, want[len(want)-c.VocabSize:], got)
}

func TestErrorsChangeNothing(t *testing.T) {
	c := small(nil)
	e := newEngine(t, c, 1)
	s := e.NewSession(2)
	s.CloseRow(s.Open())
	ids := randomTokens(rand.New(rand.NewPCG(1, 1)), c.VocabSize, c.Context)
	_, err := s.Extend(0, ids[:c.Context-2])
	require.NoError(t, err)
	good := Span{Row: 1, Tokens: ids[:3]}
	for _, bad := range []struct {
		span Span
		want string
	}{
		{Span{Row: 0, Tokens: ids[:3]}, "row 0 has 38 tokens, 3 more exceed the context of 40"},
		{Span{Row: 2, Tokens: ids[:1]}, "row 2 is not open"},
		{Span{Row: -1, Tokens: ids[:1]}, "row -1 is not open"},
		{Span{Row: 9, Tokens: ids[:1]}, "row 9 is not open"},
		{Span{Row: 0}, "no tokens for row 0"},
		{Span{Row: 0, Tokens: []int32{83}}, "token 83 for row 0 is outside the vocabulary of 83"},
		{Span{Row: 0, Tokens: []int32{-1}}, "token -1 for row 0"},
		{Span{Row: 1, Tokens: ids[:1]}, "two spans for row 1"},
	} {
		_, err := s.Forward(good, bad.span)
		require.ErrorContains(t, err, bad.want)
		require.Equal(t, []int{38, 0}, []int{s.Len(0), s.Len(1)})
	}
	var full *ContextError
	_, err = s.Step(ids[:3])
	require.NoError(t, err)
	_, err = s.Step(ids[:3])
	require.NoError(t, err)
	_, err = s.Step(ids[:3])
	require.ErrorAs(t, err, &full)
	require.Equal(t, ContextError{Row: 0, Len: 40, Adding: 1, Context: 40}, *full)
	_, err = s.Step(ids[:2])
	require.ErrorContains(t, err, "2 tokens for 3 rows")
	require.ErrorContains(t, s.Truncate(0, 41), "cannot be truncated to 41")
	require.ErrorContains(t, s.Truncate(0, -1), "cannot be truncated to -1")
	require.ErrorContains(t, s.Truncate(2, 0), "not open")
	none, err := s.Forward()
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestLoadingErrors(t *testing.T) {
	c := small(nil)
	v := values(c, 1)
	name := "model.layers.1.mlp.up_proj.weight"
	good := graphSource(c, v)
	with := func(change func(data []float32, shape []int) ([]float32, []int, error)) error {
		_, err := New(c, SourceFunc(func(n string) ([]float32, []int, error) {
			data, shape, err := good.Tensor(n)
			if n == name {
				return change(slices.Clone(data), shape)
			}
			return data, shape, err
		}))
		return err
	}
	require.ErrorContains(t, with(func([]float32, []int) ([]float32, []int, error) { return nil, nil, fmt.Errorf("gone") }),
		"loading "+name+": gone")
	require.ErrorContains(t, with(func(d []float32, s []int) ([]float32, []int, error) { return d, []int{s[1], s[0]}, nil }),
		name+" is [32 52] with 1664 values, the configuration wants [52 32]")
	require.ErrorContains(t, with(func(d []float32, s []int) ([]float32, []int, error) { return d[1:], s, nil }), "1663 values")
	require.ErrorContains(t, with(func(d []float32, s []int) ([]float32, []int, error) { d[7] /= 0 * d[7]; return d, s, nil }),
		"at index 7")
	_, err := New(lm.Config{}, good)
	require.ErrorContains(t, err, "vocabulary size 0")
	_, _, err = good.Tensor("nothing")
	require.ErrorContains(t, err, `no parameter "nothing"`)
	v[name] = v[name][1:]
	_, _, err = good.Tensor(name)
	require.ErrorContains(t, err, "1663 values")
}

func TestClose(t *testing.T) {
	// Goroutines of other tests may end at any time, so those of pools are counted.
	workers := func() int {
		all := make([]byte, 1<<20)
		return strings.Count(string(all[:runtime.Stack(all, true)]), "infer.newPool.func1(")
	}
	before := workers()
	c := small(nil)
	e, err := New(c, graphSource(c, values(c, 1)), WithThreads(5))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return workers() == before+4 }, 5*time.Second, time.Millisecond)
	s := e.NewSession(1)
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	require.Equal(t, before, workers(), "goroutines are left after Close")
	_, err = s.Extend(0, []int32{1})
	require.ErrorIs(t, err, ErrClosed)
}

// What the engine holds is what package estimate predicts.
func TestBytes(t *testing.T) {
	for _, v := range variants {
		for _, quantised := range []bool{false, true} {
			c := small(v.change)
			c.Ternary = quantised
			e := newEngine(t, c, 1)
			require.Equal(t, estimate.Serving(c), e.WeightBytes(), v.name)
			s := e.NewSession(1)
			_, err := s.Extend(0, make([]int32, c.Context))
			require.NoError(t, err)
			held := 4 * len(s.rows[0].state)
			for l := range s.rows[0].k {
				held += 4 * (len(s.rows[0].k[l]) + len(s.rows[0].v[l]))
			}
			require.Equal(t, estimate.KVCache(c, c.Context), int64(held), v.name)
		}
	}
}

// Sessions of one engine run side by side; Close waits for them.
func TestSessionsConcurrent(t *testing.T) {
	c := small(busy)
	c.Ternary = true
	e := newEngine(t, c, 1, WithThreads(3))
	ids := randomTokens(rand.New(rand.NewPCG(3, 3)), c.VocabSize, 30)
	want := logitsAlone(t, e, ids)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s := e.NewSession(4)
			for r := range 4 {
				for i := range ids {
					got, err := s.Extend(r, ids[i:i+1])
					if err != nil || !slices.Equal(want[i*c.VocabSize:(i+1)*c.VocabSize], got) {
						t.Errorf("row %d token %d differs (error %v)", r, i, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
