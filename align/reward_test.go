package align_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/align"
)

// Mutation: scoring a failed completion 0 instead of leaving it out, or not
// waiting for a free worker, fails here.

var errSandbox = errors.New("sandbox gone")

// lengths is a reward that counts letters, fails on "!" and returns NaN on "?".
var lengths = align.RewardFunc(func(_ context.Context, _, completion string) (float64, error) {
	switch completion {
	case "!":
		return 0, errSandbox
	case "?":
		return math.NaN(), nil
	}
	return float64(len(completion)), nil
})

func TestScore(t *testing.T) {
	for _, workers := range []int{1, 2, 100} {
		g, err := align.Score(t.Context(), lengths, "p", []string{"a", "!", "abc", "?", ""}, workers)
		require.Equal(t, align.Group{Prompt: "p", Index: []int{0, 2, 4}, Rewards: []float64{1, 3, 0}}, g)
		require.ErrorIs(t, err, errSandbox)
		require.EqualError(t, err, "align: completion 1: sandbox gone\nalign: completion 3: reward is NaN, want a finite number")
		var first *align.ScoreError
		require.ErrorAs(t, err, &first)
		require.Equal(t, 1, first.Index)
	}
	g, err := align.Score(t.Context(), lengths, "p", nil, 1)
	require.NoError(t, err)
	require.Empty(t, g.Rewards)
	_, err = align.Score(t.Context(), lengths, "p", []string{"a"}, 0)
	require.EqualError(t, err, "align: 0 workers, want at least 1")
}

// TestWorkers: as many at a time as asked for, and no more.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		slow := align.RewardFunc(func(context.Context, string, string) (float64, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return 1, nil
		})
		start := time.Now()
		g, err := align.Score(t.Context(), slow, "", strings.Split("abcdefghij", ""), 4)
		require.NoError(t, err)
		require.Len(t, g.Rewards, 10)
		require.Equal(t, int32(4), most.Load())
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	scored := 0
	r := align.RewardFunc(func(context.Context, string, string) (float64, error) {
		scored++
		cancel()
		return 1, nil
	})
	g, err := align.Score(ctx, r, "", []string{"a", "b", "c"}, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, g.Rewards)
	require.Equal(t, 1, scored, "nothing starts once the context has ended")
}

// verifier is a type of another module: it satisfies Reward without importing it.
type verifier struct{}

func (verifier) Score(_ context.Context, prompt, completion string) (float64, error) {
	if strings.Contains(prompt+completion, "fn main") {
		return 1, nil
	}
	return 0, nil
}

var _ align.Reward = verifier{}

func ExampleScore() {
	g, err := align.Score(context.Background(), verifier{}, "fn ", []string{"main() {}", "other() {}"}, 2)
	fmt.Println(g.Rewards, err)
	// Output: [1 0] <nil>
}
