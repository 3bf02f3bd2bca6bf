package rustc

import "context"

// Reward is 1 for a completion that compiles behind its prompt and 0 for one
// that does not. It satisfies package align's Reward interface.
type Reward struct{ Judge Judge }

// Score judges what a model wrote, as JudgeSamples does. A completion that holds
// no complete function with its prompt scores 0.
func (r Reward) Score(ctx context.Context, prompt, completion string) (float64, error) {
	samples, err := JudgeSamples(ctx, r.Judge, []string{prompt + completion}, 1)
	if err != nil {
		return 0, err
	}
	if samples[0].Compiled() {
		return 1, nil
	}
	return 0, nil
}
