package minato_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/systems/minato"
	"github.com/nanochat-go/nanochat/systems/shard"
)

// Mutation: sending c.place() before c.batch() in run, or resuming an epoch
// with the key of another, fails TestResumeAtEveryBatch; drawing the epoch's
// permutation from the seed alone fails TestEpochs.

const bos, eos, vocab = 0, 1, 60000

// writeSet writes documents whose tokens all differ, several shards of them.
func writeSet(t testing.TB, sizes []int) *shard.Set {
	t.Helper()
	dir := t.TempDir()
	w, err := shard.CreateSet(dir, "train", shard.Header{VocabSize: vocab, BOS: bos, EOS: eos}, 500)
	require.NoError(t, err)
	defer w.Abort()
	next := int32(2)
	for _, n := range sizes {
		ids := []int32{bos}
		for range n {
			ids = append(ids, next)
			next++
		}
		require.NoError(t, w.Add(append(ids, eos), 3*n))
	}
	require.Less(t, int(next), vocab)
	require.NoError(t, w.Close())
	set, err := shard.OpenSet(dir)
	require.NoError(t, err)
	t.Cleanup(func() { set.Close() })
	return set
}

func sizes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = (i*i*7 + i) % 97
	}
	return out
}

func open(t testing.TB, set *shard.Set, cfg minato.Config) *minato.Loader {
	t.Helper()
	l, err := minato.New(set, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func next(t testing.TB, l *minato.Loader) *minato.Batch {
	t.Helper()
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	return b
}

func TestResumeAtEveryBatch(t *testing.T) {
	set := writeSet(t, sizes(60))
	for _, cfg := range []minato.Config{
		{Batch: 3, Length: 32, Seed: 5},
		{Batch: 8, Length: 17, Seed: 6, BlockTokens: 100, Prefetch: 1},
		{Batch: 64, Length: 64, Seed: 7}, // more than an epoch in one batch
	} {
		t.Run(fmt.Sprintf("%+v", cfg), func(t *testing.T) {
			straight := open(t, set, cfg)
			const n = 70
			var states [][]byte
			var batches []*minato.Batch
			for range n {
				s, err := straight.State()
				require.NoError(t, err)
				require.Less(t, len(s), 400, "a state is small")
				states = append(states, s)
				batches = append(batches, next(t, straight))
			}
			require.Greater(t, batches[n-1].Epoch, uint64(0), "the test crosses an epoch")
			for i, s := range states {
				l := open(t, set, cfg)
				if i%2 == 1 { // also from a loader that is under way
					next(t, l)
				}
				require.NoError(t, l.Restore(s))
				got, err := l.State()
				require.NoError(t, err)
				require.JSONEq(t, string(s), string(got))
				for j := i; j < min(i+3, n); j++ {
					require.Equal(t, batches[j], next(t, l), "resumed at %d, batch %d", i, j)
				}
				require.NoError(t, l.Close())
			}
		})
	}
}

func TestResumeProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		set := writeSet(t, rapid.SliceOfN(rapid.IntRange(0, 200), 2, 30).Draw(rt, "sizes"))
		defer set.Close()
		cfg := minato.Config{
			Batch: rapid.IntRange(1, 5).Draw(rt, "batch"), Length: rapid.IntRange(2, 40).Draw(rt, "length"),
			Seed: rapid.Uint64().Draw(rt, "seed"), Prefetch: rapid.IntRange(0, 3).Draw(rt, "prefetch"),
			BlockTokens: rapid.SampledFrom([]int{0, 1, 50, 500}).Draw(rt, "block"),
		}
		a, err := minato.New(set, cfg)
		if err != nil {
			require.ErrorIs(rt, err, minato.ErrTooSmall)
			return
		}
		defer a.Close()
		for range rapid.IntRange(0, 40).Draw(rt, "before") {
			next(t, a)
		}
		s, err := a.State()
		require.NoError(rt, err)
		b, err := minato.New(set, cfg)
		require.NoError(rt, err)
		defer b.Close()
		require.NoError(rt, b.Restore(s))
		for range 10 {
			require.Equal(rt, next(t, a), next(t, b))
		}
	})
}

// The sequence of rows does not depend on how they are taken.
func TestOrderDoesNotDependOnBatchOrPrefetch(t *testing.T) {
	set := writeSet(t, sizes(50))
	rows := func(cfg minato.Config, n int) (out []string) {
		l := open(t, set, cfg)
		for len(out) < n {
			b := next(t, l)
			for i := 0; i < len(b.Tokens); i += b.T {
				out = append(out, fmt.Sprint(b.Tokens[i:i+b.T], b.Targets[i:i+b.T], b.Positions[i:i+b.T], b.Segments[i:i+b.T]))
			}
		}
		return out[:n]
	}
	want := rows(minato.Config{Batch: 1, Length: 24, Seed: 9}, 200)
	require.Equal(t, want, rows(minato.Config{Batch: 7, Length: 24, Seed: 9, Prefetch: 9}, 200))
	require.NotEqual(t, want, rows(minato.Config{Batch: 1, Length: 24, Seed: 10}, 200), "the seed acts")
}

// scored counts the targets of batches by id.
func scored(into map[int32]int, b *minato.Batch) {
	for _, id := range b.Targets {
		if id >= 0 {
			into[id]++
		}
	}
}

func TestEpochs(t *testing.T) {
	docs := sizes(40)
	set := writeSet(t, docs)
	targets := 0
	for _, n := range docs {
		targets += n + 1
	}
	l := open(t, set, minato.Config{Batch: 1, Length: 50, Seed: 3})
	var first, second []int32
	count := map[int32]int{}
	b := next(t, l)
	for ; b.Epoch == 0; b = next(t, l) {
		scored(count, b)
		first = append(first, b.Tokens...)
	}
	for ; b.Epoch == 1; b = next(t, l) {
		second = append(second, b.Tokens...)
	}
	require.Equal(t, len(docs), count[eos])
	delete(count, eos)
	require.Len(t, count, targets-len(docs))
	for id, n := range count {
		require.Equal(t, 1, n, "token %d", id)
	}
	require.NotEqual(t, first, second, "each epoch has its own order")
}

func TestEvalScoresEveryTargetOnce(t *testing.T) {
	docs := sizes(45)
	set := writeSet(t, docs)
	e, err := minato.NewEval(set, minato.EvalConfig{Batch: 4, Length: 32})
	require.NoError(t, err)
	for range 2 { // and again
		count, total := map[int32]int{}, 0
		for b, err := range e.Batches(t.Context()) {
			require.NoError(t, err)
			require.Len(t, b.Tokens, 4*32)
			for i, id := range b.Targets {
				require.False(t, id >= 0 && b.Segments[i] == 0, "padding is not scored")
			}
			scored(count, b)
			total += b.Scored
		}
		require.EqualValues(t, e.Targets(), total)
		require.Equal(t, len(docs), count[eos])
		delete(count, eos)
		bytes := 0
		for id, n := range count {
			require.Equal(t, 1, n, "token %d", id)
			bytes += 3
		}
		require.EqualValues(t, bytes, e.Bytes())
		require.Equal(t, set.NumBytes(), e.Bytes())
	}
	require.InDelta(t, 2.0, e.BitsPerByte(2*math.Ln2*float64(e.Bytes())), 1e-12)
}

func TestEvalPart(t *testing.T) {
	set := writeSet(t, sizes(45))
	e, err := minato.NewEval(set, minato.EvalConfig{Batch: 4, Length: 32, MaxTargets: 300})
	require.NoError(t, err)
	require.GreaterOrEqual(t, e.Targets(), int64(300))
	require.Less(t, e.Targets(), int64(300+98), "no more than the document that reaches the limit")
	require.Less(t, e.NumDocs(), 45)
	count, total := map[int32]int{}, 0
	for b, err := range e.Batches(t.Context()) {
		require.NoError(t, err)
		scored(count, b)
		total += b.Scored
	}
	require.EqualValues(t, e.Targets(), total)
	require.Equal(t, e.NumDocs(), count[eos])
	require.EqualValues(t, e.Bytes(), 3*(len(count)-1))
}

func TestRefuses(t *testing.T) {
	set := writeSet(t, []int{5, 5})
	_, err := minato.New(set, minato.Config{Batch: 0, Length: 1, Prefetch: -1, BlockTokens: -1})
	for _, want := range []string{"batch of 0", "rows of 1", "-1 batches", "blocks of -1"} {
		require.ErrorContains(t, err, want)
	}
	_, err = minato.New(set, minato.Config{Batch: 1, Length: 13})
	require.ErrorIs(t, err, minato.ErrTooSmall)
	require.ErrorContains(t, err, "it has 12 tokens to predict, a row 13")
	_, err = minato.NewEval(set, minato.EvalConfig{Batch: 1, Length: 4, MaxTargets: -1})
	require.Error(t, err)

	l := open(t, set, minato.Config{Batch: 1, Length: 4, Seed: 1})
	want := next(t, l)
	good, err := l.State()
	require.NoError(t, err)
	other := writeSet(t, []int{5, 6})
	foreign, err := open(t, other, minato.Config{Batch: 1, Length: 5, Seed: 2, BlockTokens: 9}).State()
	require.NoError(t, err)
	err = l.Restore(foreign)
	for _, what := range []string{"corpus", "seed 2", "row length 5", "block size 9"} {
		require.ErrorContains(t, err, what)
	}
	for _, bad := range []string{"", "{", `{"version":2}`, `{"unknown":1}`,
		strings.Replace(string(good), `"doc":0`, `"doc":99`, 1), strings.Replace(string(good), `"row":1`, `"row":99`, 1)} {
		require.Error(t, l.Restore([]byte(bad)), bad)
	}
	now, err := l.State()
	require.NoError(t, err)
	require.Equal(t, good, now, "a refused state changes nothing")
	require.NotEqual(t, want, next(t, l))
}

func TestCancelledNextLosesNothing(t *testing.T) {
	set := writeSet(t, sizes(30))
	cfg := minato.Config{Batch: 2, Length: 16, Seed: 1}
	a, b := open(t, set, cfg), open(t, set, cfg)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		_, err := a.Next(done)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, next(t, b), next(t, a))
	}
}

func TestErrorsAreKept(t *testing.T) {
	dir := t.TempDir()
	w, err := shard.Create(filepath.Join(dir, "a.tok"), shard.Header{VocabSize: 10, BOS: 0, EOS: 1})
	require.NoError(t, err)
	require.NoError(t, w.Add([]int32{5, 6, 7, 8, 9}, 5))
	require.NoError(t, w.Close())
	set, err := shard.OpenSet(dir)
	require.NoError(t, err)
	defer set.Close()
	l := open(t, set, minato.Config{Batch: 1, Length: 4})
	for range 2 {
		_, err := l.Next(t.Context())
		require.ErrorContains(t, err, "begins with id 5, not with BOS 0")
	}
	require.NoError(t, l.Close())
	_, err = l.Next(t.Context())
	require.ErrorIs(t, err, minato.ErrClosed)
}

func TestMetrics(t *testing.T) {
	set := writeSet(t, sizes(30))
	l := open(t, set, minato.Config{Batch: 2, Length: 16, Prefetch: 3})
	var targets, positions int64
	for range 50 {
		b := next(t, l)
		targets += int64(b.Scored)
		positions += int64(len(b.Tokens))
	}
	require.Eventually(t, func() bool { return l.Metrics().Ready == 3 }, 5*time.Second, time.Millisecond)
	m := l.Metrics()
	require.EqualValues(t, 50, m.Batches)
	require.Equal(t, targets, m.Scored)
	require.Positive(t, m.Wait)
	require.Positive(t, m.Fill)
	require.Less(t, m.Padding, positions/4)
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	set := writeSet(t, sizes(30))
	before := runtime.NumGoroutine()
	for i := range 20 {
		l, err := minato.New(set, minato.Config{Batch: 2, Length: 16, Prefetch: 2})
		require.NoError(t, err)
		for range i % 4 {
			next(t, l)
		}
		if i%2 == 0 {
			s, err := l.State()
			require.NoError(t, err)
			require.NoError(t, l.Restore(s))
		}
		require.NoError(t, l.Close())
		require.NoError(t, l.Close(), "twice is once")
	}
	// Close has waited, but a goroutine counts until it has unwound.
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}
