package passk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Bootstrap is the percentile interval of the mean pass@k with the given level,
// 0 to 1, over problems drawn with replacement: the score of a set of problems
// like these. The same seed gives the same interval.
func Bootstrap(problems []Problem, k int, level float64, resamples int, seed uint64) (lo, hi float64, err error) {
	if level <= 0 || level >= 1 || resamples < 1 {
		return 0, 0, fmt.Errorf("passk: want a level between 0 and 1 and at least 1 resample, got %g and %d", level, resamples)
	}
	values, err := estimates(problems, k)
	if err != nil {
		return 0, 0, err
	}
	means := resampled(values, resamples, seed)
	return quantile(means, (1-level)/2), quantile(means, (1+level)/2), nil
}

// Paired compares two models on the same problems: the difference of their mean
// pass@k (b minus a), the percentile interval of it over problems drawn with
// replacement, and a two-sided p: twice the share of those draws in which the
// sign is another or there is no difference.
func Paired(a, b []Problem, k int, level float64, resamples int, seed uint64) (diff, lo, hi, p float64, err error) {
	if len(a) != len(b) {
		return 0, 0, 0, 0, fmt.Errorf("passk: %d problems against %d", len(a), len(b))
	}
	if level <= 0 || level >= 1 || resamples < 1 {
		return 0, 0, 0, 0, fmt.Errorf("passk: want a level between 0 and 1 and at least 1 resample, got %g and %d", level, resamples)
	}
	x, err := estimates(a, k)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	y, err := estimates(b, k)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	for i := range y {
		y[i] -= x[i]
		diff += y[i]
	}
	diff /= float64(len(y))
	means := resampled(y, resamples, seed)
	for _, m := range means {
		if m*diff <= 0 {
			p++
		}
	}
	return diff, quantile(means, (1-level)/2), quantile(means, (1+level)/2), min(1, 2*p/float64(resamples)), nil
}

func estimates(problems []Problem, k int) ([]float64, error) {
	if len(problems) == 0 {
		return nil, errors.New("passk: no problems")
	}
	values := make([]float64, len(problems))
	for i, p := range problems {
		v, err := Estimate(p.Samples, p.Passed, k)
		if err != nil {
			return nil, fmt.Errorf("problem %d: %w", i, err)
		}
		values[i] = v
	}
	return values, nil
}

// resampled are the sorted means of draws with replacement.
func resampled(values []float64, n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0x626f6f74))
	means := make([]float64, n)
	for i := range means {
		var sum float64
		for range values {
			sum += values[r.IntN(len(values))]
		}
		means[i] = sum / float64(len(values))
	}
	slices.Sort(means)
	return means
}

// quantile interpolates between sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
