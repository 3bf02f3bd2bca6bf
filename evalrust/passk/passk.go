package passk

import (
	"errors"
	"fmt"
)

// ErrTooFewSamples says that a problem has fewer samples than k.
var ErrTooFewSamples = errors.New("fewer samples than k")

// Estimate is the unbiased pass@k of one problem with n samples of which c
// pass. It is an ErrTooFewSamples when n < k.
func Estimate(n, c, k int) (float64, error) {
	if k < 1 || c < 0 || c > n {
		return 0, fmt.Errorf("passk: want 0 <= c <= n and k >= 1, got n=%d c=%d k=%d", n, c, k)
	}
	if n < k {
		return 0, fmt.Errorf("passk: pass@%d of %d samples: %w", k, n, ErrTooFewSamples)
	}
	if n-c < k {
		return 1, nil
	}
	fail := 1.0
	for i := n - c + 1; i <= n; i++ {
		fail *= 1 - float64(k)/float64(i)
	}
	return 1 - fail, nil
}

// Problem is how many of a problem's samples pass.
type Problem struct {
	Samples int
	Passed  int
}

// Mean is the pass@k over problems, each with the same weight.
func Mean(problems []Problem, k int) (float64, error) {
	if len(problems) == 0 {
		return 0, errors.New("passk: no problems")
	}
	var sum float64
	for i, p := range problems {
		v, err := Estimate(p.Samples, p.Passed, k)
		if err != nil {
			return 0, fmt.Errorf("problem %d: %w", i, err)
		}
		sum += v
	}
	return sum / float64(len(problems)), nil
}
