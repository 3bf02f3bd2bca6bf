package infer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/arch/internal/ref"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// Mutation: reading the cache of pass 0 in every pass, forgetting filled in
// truncate, or comparing with > instead of ≥ in output.ends makes these tests
// fail.

func looped(c *lm.Config) {
	c.Loop, c.SandwichNorm = lm.Loop{Loops: 4, Gate: true}, true
}

// undecided is values with a gate that is neither open nor shut.
func undecided(c lm.Config, seed uint64) map[string][]float32 {
	v := values(c, seed)
	for i := range v[gateWeight] {
		v[gateWeight][i] = (v[gateWeight][i] - 1) / 2
	}
	v["model.early_exit_gate.bias"][0] = -0.5
	return v
}

func newLooped(t testing.TB, c lm.Config, opts ...Option) *Engine {
	t.Helper()
	e, err := New(c, graphSource(c, undecided(c, 3)), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// atDepth are the logits [n, V] of the ids after a number of passes.
func atDepth(t testing.TB, e *Engine, ids []int32, depth int) []float32 {
	out, err := e.NewSession(1).Forward(Span{Tokens: ids, All: true, Depth: depth})
	require.NoError(t, err)
	return append([]float32(nil), out[0]...)
}

// TestDepth: fewer and more passes than in training equal those of the graph.
func TestDepth(t *testing.T) {
	c := small(looped)
	e := newLooped(t, c)
	ids := randomTokens(rand.New(rand.NewPCG(5, 6)), c.VocabSize, 12)
	for depth := 1; depth <= 6; depth++ {
		want := trainingGraph(t, c, undecided(c, 3), lm.WithDepth(depth))(ids)
		require.LessOrEqual(t, maxDiff(want, atDepth(t, e, ids, depth)), 1e-4, "depth %d", depth)
	}
}

// lambdas are the gate's probabilities [n][passes-1] from the engine's states.
func lambdas(t testing.TB, e *Engine, v map[string][]float32, ids []int32) [][]float64 {
	out := make([][]float64, len(ids))
	dim := e.cfg.Dim
	for depth := 1; depth < e.cfg.Passes(); depth++ {
		s := e.NewSession(1)
		_, err := s.Forward(Span{Tokens: ids, All: true, Depth: depth})
		require.NoError(t, err)
		for i := range ids {
			h := make([]float32, dim)
			rmsNorm(h, s.rows[0].state[i*dim:(i+1)*dim], v["model.norm.weight"], e.cfg.NormEps)
			z := float64(v["model.early_exit_gate.bias"][0])
			for k, x := range h {
				z += float64(x) * float64(v[gateWeight][k])
			}
			out[i] = append(out[i], 1/(1+math.Exp(-z)))
		}
	}
	return out
}

// TestExit: a token ends at the pass that the gate says, with the logits of that
// pass over complete caches, token by token and in batches of rows.
func TestExit(t *testing.T) {
	c := small(looped)
	e := newLooped(t, c, WithThreads(2))
	rng := rand.New(rand.NewPCG(7, 7))
	const rows, length = 5, 12
	for _, q := range []float64{0.3, 0.5, 0.8, 0.95, 1} {
		batch := e.NewSession(rows)
		alone := make([]*Session, rows)
		var ids [rows][]int32
		var want [rows][][]float32 // by row and depth
		var gates [rows][][]float64
		for r := range rows {
			ids[r] = randomTokens(rng, c.VocabSize, length)
			alone[r] = e.NewSession(1)
			gates[r] = lambdas(t, e, undecided(c, 3), ids[r])
			for depth := 1; depth <= 4; depth++ {
				want[r] = append(want[r], atDepth(t, e, ids[r], depth))
			}
		}
		taken := map[int]int{}
		for i := 0; i < length; i++ {
			var spans []Span
			for r := range rows {
				spans = append(spans, Span{Row: r, Tokens: ids[r][i : i+1], Exit: q})
			}
			got, err := batch.Forward(spans...)
			require.NoError(t, err)
			passes := batch.Passes()
			for r := range rows {
				m := ref.QExit(append(gates[r][i], 0), q)
				taken[m]++
				require.Equal(t, m, passes[r], "q %g, row %d, token %d: %v", q, r, i, gates[r][i])
				require.Equal(t, want[r][m-1][i*c.VocabSize:(i+1)*c.VocabSize], got[r])
				one, err := alone[r].Forward(Span{Tokens: ids[r][i : i+1], Exit: q})
				require.NoError(t, err)
				require.Equal(t, got[r], one[0])
			}
		}
		t.Logf("q %g: exits %v", q, taken)
		if q < 0.9 {
			require.Greater(t, len(taken), 1, "the gate decides")
		}
	}
}

// TestUnevenDepths: whatever depths tokens were computed at, whatever was taken
// back and copied, the logits at a depth are those of a fresh row.
func TestUnevenDepths(t *testing.T) {
	c := small(looped)
	e := newLooped(t, c, WithThreads(1))
	rapid.Check(t, func(rt *rapid.T) {
		s := e.NewSession(1)
		row := 0
		var ids []int32
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch op := rapid.IntRange(0, 5).Draw(rt, "op"); {
			case op == 0 && len(ids) > 0:
				n := rapid.IntRange(0, len(ids)).Draw(rt, "length")
				require.NoError(rt, s.Truncate(row, n))
				ids = ids[:n]
			case op == 1:
				to, err := s.Fork(row)
				require.NoError(rt, err)
				s.CloseRow(row)
				row = to
			default:
				n := rapid.IntRange(1, 4).Draw(rt, "tokens")
				if len(ids)+n > c.Context {
					continue
				}
				added := rapid.SliceOfN(rapid.Int32Range(0, int32(c.VocabSize-1)), n, n).Draw(rt, "ids")
				depth := rapid.IntRange(1, 5).Draw(rt, "depth")
				ids = append(ids, added...)
				got, err := s.Forward(Span{Row: row, Tokens: added, All: rapid.Bool().Draw(rt, "all"), Depth: depth})
				require.NoError(rt, err)
				want := atDepth(t, e, ids, depth)
				require.Equal(rt, want[len(want)-len(got[0]):], got[0])
			}
		}
	})
}

// TestBack: tokens that were computed to a shallow depth give the logits of a
// deeper one afterwards.
func TestBack(t *testing.T) {
	c := small(looped)
	e := newLooped(t, c, WithThreads(1))
	ids := randomTokens(rand.New(rand.NewPCG(1, 1)), c.VocabSize, 10)
	want := atDepth(t, e, ids, 4)
	for back := 1; back <= 4; back++ {
		for more := range 3 {
			t.Run(fmt.Sprint(back, more), func(t *testing.T) {
				s := e.NewSession(1)
				n := len(ids) - more
				_, err := s.Extend(0, ids[:n-back])
				require.NoError(t, err)
				_, err = s.Forward(Span{Tokens: ids[n-back : n], Depth: 2})
				require.NoError(t, err)
				got, err := s.Forward(Span{Tokens: ids[n:], Back: back})
				require.NoError(t, err)
				require.Equal(t, want[len(want)-(back+more)*c.VocabSize:], got[0])
			})
		}
	}
}

func TestLoopErrors(t *testing.T) {
	plain, loop := newEngine(t, small(nil), 1).NewSession(1), newLooped(t, small(looped)).NewSession(1)
	ungated := newEngine(t, small(func(c *lm.Config) { c.Loop.Loops = 2 }), 1).NewSession(1)
	one := []int32{1}
	for want, err := range map[string]func() error{
		"depth 2":       func() error { _, err := plain.Forward(Span{Tokens: one, Depth: 2}); return err },
		"depth -1":      func() error { _, err := loop.Forward(Span{Tokens: one, Depth: -1}); return err },
		"1.5":           func() error { _, err := loop.Forward(Span{Tokens: one, Exit: 1.5}); return err },
		"with a gate":   func() error { _, err := ungated.Forward(Span{Tokens: one, Exit: 0.5}); return err },
		"3 tokens back": func() error { _, err := loop.Forward(Span{Tokens: one, Back: 3}); return err },
		"4 passes already": func() error {
			_, err := loop.Extend(0, one)
			require.NoError(t, err)
			_, err = loop.Forward(Span{Tokens: one, Back: 1})
			return err
		},
	} {
		require.ErrorContains(t, err(), want)
	}
}
