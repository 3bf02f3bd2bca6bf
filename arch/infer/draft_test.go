package infer

import (
	"errors"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/mtp"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// Mutation: keeping the trunk after the last block for parallel heads, leaving
// the keys of rejected drafts in place, or reading the token one place off in
// Draft makes these tests fail.

func withHeads(kind string, change func(c *lm.Config)) lm.Config {
	c := small(change)
	c.MTP = lm.MTP{Heads: 3, Kind: kind}
	return c
}

// graphHeads returns the logits [heads][n, V] of the training graph's heads.
func graphHeads(t *testing.T, c lm.Config, v map[string][]float32, ids []int32) [][]float32 {
	t.Helper()
	if raceDetector {
		t.Skip("the training graph runs on the Go backend, which the race detector's pointer checks do not accept")
	}
	m, err := lm.New(c)
	require.NoError(t, err)
	store := model.NewStore()
	for _, p := range m.Params() {
		_, err := store.CreateVariable("/"+p.Name, tensors.FromFlatDataAndDimensions(v[p.Name], p.Shape...))
		require.NoError(t, err)
	}
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, tokens *Node) []*Node {
		read := &headReader{m: m, scope: scope}
		l := m.Losses([]lm.Objective{read}, new(quant.Operands), scope, tokens, tokens, Iota(tokens.Graph(), tokens.Shape(), 1), OnesLike(tokens))
		return append(read.logits, l.NLL)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(ids, 1, len(ids)))
	require.NoError(t, err)
	var logits [][]float32
	for _, x := range out[:c.MTP.Heads] {
		logits = append(logits, tensors.MustCopyFlatData[float32](x))
	}
	return logits
}

type headReader struct {
	m      *lm.Model
	scope  *model.Scope
	logits []*Node
}

func (r *headReader) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	for _, h := range mtp.Heads(f) {
		r.logits = append(r.logits, r.m.Unembed(r.scope, h))
	}
	lm.NextToken{}.Terms(f, targets, l)
}

// TestDraftsEqualGraph: whatever drafts were made and given up before, and in
// whatever steps a row has grown, what a head says equals the training graph.
func TestDraftsEqualGraph(t *testing.T) {
	const heads = 3
	for _, kind := range []string{lm.Parallel, lm.Sequential} {
		for _, v := range variants {
			if v.name == "quick start" {
				continue
			}
			t.Run(kind+"/"+v.name, func(t *testing.T) {
				c := withHeads(kind, v.change)
				e := newEngine(t, c, 3, WithThreads(1))
				rng := rand.New(rand.NewPCG(5, 6))
				ids := randomTokens(rng, c.VocabSize, 14)
				want := graphHeads(t, c, values(c, 3), ids)
				s, err := e.NewDraftSession(1)
				require.NoError(t, err)
				check := func(n, asked int, truth bool) {
					require.NoError(t, s.Draft([]int{0}, ids[n:n+1], asked, func(_, head int, logits []float32) (int32, error) {
						if !truth {
							return rng.Int32N(int32(c.VocabSize)), nil
						}
						at := (n - 1) * c.VocabSize
						require.LessOrEqual(t, maxDiff(want[head-1][at:at+c.VocabSize], logits), 1e-4, "%d tokens, head %d", n, head)
						return ids[n+head], nil
					}))
				}
				for n := 0; n+heads < len(ids)-1; {
					step := 1 + rng.IntN(3)
					step = min(step, len(ids)-1-heads-n)
					_, err := s.Extend(0, ids[n:n+step])
					require.NoError(t, err)
					n += step
					check(n, heads, false) // drafts that nobody wanted
					check(n, 1+rng.IntN(heads), true)
					if rng.IntN(3) == 0 && n > 2 {
						n -= 2
						require.NoError(t, s.Truncate(0, n))
					}
				}
				check(s.Len(0), heads, true)
				to, err := s.Fork(0)
				require.NoError(t, err)
				require.NoError(t, s.Truncate(0, 0))
				s.CloseRow(0)
				n := s.Len(to)
				require.NoError(t, s.Draft([]int{to}, ids[n:n+1], heads, func(_, head int, logits []float32) (int32, error) {
					at := (n - 1) * c.VocabSize
					require.LessOrEqual(t, maxDiff(want[head-1][at:at+c.VocabSize], logits), 1e-4, "forked, head %d", head)
					return ids[n+head], nil
				}))
			})
		}
	}
}

// TestDraftRows: rows of different lengths draft together as they do alone, and
// a draft changes nothing of what the model says next.
func TestDraftRows(t *testing.T) {
	for _, kind := range []string{lm.Parallel, lm.Sequential} {
		c := withHeads(kind, busy)
		c.Ternary = true
		e := newEngine(t, c, 3, WithThreads(3))
		rng := rand.New(rand.NewPCG(1, 6))
		together, err := e.NewDraftSession(5)
		require.NoError(t, err)
		rows, next := []int{4, 0, 2, 1, 3}, randomTokens(rng, c.VocabSize, 5)
		want := map[[2]int][]float32{}
		for i, r := range rows {
			ids := randomTokens(rng, c.VocabSize, 3+5*r)
			_, err := together.Extend(r, ids)
			require.NoError(t, err)
			alone, err := e.NewDraftSession(1)
			require.NoError(t, err)
			_, err = alone.Extend(0, ids)
			require.NoError(t, err)
			require.NoError(t, alone.Draft([]int{0}, next[i:i+1], 3, func(_, head int, logits []float32) (int32, error) {
				want[[2]int{i, head}] = append([]float32(nil), logits...)
				return int32(7 * head), nil
			}))
			plain := e.NewSession(1)
			_, err = plain.Extend(0, ids)
			require.NoError(t, err)
			a, err := plain.Extend(0, next[i:i+1])
			require.NoError(t, err)
			b, err := alone.Extend(0, next[i:i+1])
			require.NoError(t, err)
			require.Equal(t, a, b)
		}
		require.NoError(t, together.Draft(rows, next, 3, func(i, head int, logits []float32) (int32, error) {
			require.Equal(t, want[[2]int{i, head}], logits, "row %d head %d", rows[i], head)
			return int32(7 * head), nil
		}))
	}
}

func TestDraftErrors(t *testing.T) {
	_, err := newEngine(t, small(nil), 1).NewDraftSession(1)
	require.ErrorContains(t, err, "no heads")
	e := newEngine(t, withHeads(lm.Parallel, nil), 1)
	s, err := e.NewDraftSession(2)
	require.NoError(t, err)
	_, err = s.Extend(0, []int32{1})
	require.NoError(t, err)
	one := func(int, int, []float32) (int32, error) { return 1, nil }
	require.ErrorContains(t, s.Draft([]int{0}, []int32{1}, 4, one), "1 to 3")
	require.ErrorContains(t, s.Draft([]int{0}, []int32{1, 2}, 1, one), "2 tokens for 1 rows")
	require.ErrorContains(t, s.Draft([]int{1}, []int32{1}, 1, one), "no tokens")
	require.ErrorContains(t, s.Draft([]int{0, 0}, []int32{1, 1}, 1, one), "twice")
	require.ErrorContains(t, s.Draft([]int{0}, []int32{-1}, 1, one), "outside the vocabulary")
	require.ErrorContains(t, s.Draft([]int{0}, []int32{1}, 1, func(int, int, []float32) (int32, error) { return 99, nil }), "outside the vocabulary")
	why := errors.New("enough")
	require.ErrorIs(t, s.Draft([]int{0}, []int32{1}, 1, func(int, int, []float32) (int32, error) { return 0, why }), why)
	require.ErrorContains(t, e.NewSession(1).Draft([]int{0}, []int32{1}, 1, one), "NewDraftSession")
}
