package align

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
)

// Reward scores completions. Implementations are safe for concurrent use.
type Reward interface {
	// Score returns the reward of one completion of a prompt, a finite number;
	// more is better. An error means that no score could be had and says nothing
	// about the completion.
	Score(ctx context.Context, prompt, completion string) (float64, error)
}

// RewardFunc makes a Reward of a function.
type RewardFunc func(ctx context.Context, prompt, completion string) (float64, error)

// Score implements Reward.
func (f RewardFunc) Score(ctx context.Context, prompt, completion string) (float64, error) {
	return f(ctx, prompt, completion)
}

// Group is the completions of one prompt that have a reward, in the order in
// which they were given.
type Group struct {
	Prompt  string
	Index   []int // of each completion among those given to Score
	Rewards []float64
}

// ScoreError says why one completion has no reward.
type ScoreError struct {
	Index int // of the completion
	Err   error
}

func (e *ScoreError) Error() string { return fmt.Sprintf("align: completion %d: %v", e.Index, e.Err) }

// Unwrap returns the cause.
func (e *ScoreError) Unwrap() error { return e.Err }

// Score scores the completions of a prompt, at most workers of them at a time.
// Those without a reward are left out of the group and reported in the error, a
// join of *ScoreError; the group is valid all the same. When ctx ends, the
// error is ctx's and the group is empty.
func Score(ctx context.Context, r Reward, prompt string, completions []string, workers int) (Group, error) {
	if workers < 1 {
		return Group{}, fmt.Errorf("align: %d workers, want at least 1", workers)
	}
	rewards, errs := make([]float64, len(completions)), make([]error, len(completions))
	var wg sync.WaitGroup
	free := make(chan struct{}, workers)
	for i, c := range completions {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				rewards[i], errs[i] = r.Score(ctx, prompt, c)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return Group{}, fmt.Errorf("align: scoring: %w", err)
	}
	g := Group{Prompt: prompt}
	var failed []error
	for i, err := range errs {
		if err == nil && (math.IsNaN(rewards[i]) || math.IsInf(rewards[i], 0)) {
			err = fmt.Errorf("reward is %g, want a finite number", rewards[i])
		}
		if err != nil {
			failed = append(failed, &ScoreError{Index: i, Err: err})
			continue
		}
		g.Index, g.Rewards = append(g.Index, i), append(g.Rewards, rewards[i])
	}
	return g, errors.Join(failed...)
}
