package advantage

import (
	"fmt"
	"math"
	"slices"
)

// Tolerance is how far apart rewards of a group may be and count as equal.
const Tolerance = 1e-9

// epsilon keeps a small deviation from blowing up a group, see GRPO.
const epsilon = 1e-6

// Deviation chooses the divisor of the variance.
type Deviation int

// The two standard deviations in use.
const (
	Population Deviation = 0 // divides by N
	Sample     Deviation = 1 // divides by N-1
)

// Signal reports whether the rewards tell the members of a group apart: there
// are two at least, and they are not all equal.
func Signal(rewards []float64) bool {
	return len(rewards) > 1 && slices.Max(rewards)-slices.Min(rewards) > Tolerance
}

// GRPO returns (r - mean)/(σ + 1e-6).
func GRPO(rewards []float64, d Deviation) ([]float64, error) {
	if d != Population && d != Sample {
		return nil, fmt.Errorf("advantage: deviation %d, want Population or Sample", d)
	}
	a, err := Centred(rewards)
	if err != nil || !Signal(rewards) {
		return a, err
	}
	squares := 0.0
	for _, x := range a {
		squares += x * x
	}
	return scale(a, 1/(math.Sqrt(squares/float64(len(a)-int(d)))+epsilon)), nil
}

// Centred returns r - mean.
func Centred(rewards []float64) ([]float64, error) {
	if err := check(rewards); err != nil {
		return nil, err
	}
	a := make([]float64, len(rewards))
	if !Signal(rewards) {
		return a, nil
	}
	mean := sum(rewards) / float64(len(rewards))
	for i, r := range rewards {
		a[i] = r - mean
	}
	return a, nil
}

// LeaveOneOut returns r minus the mean of the other rewards.
func LeaveOneOut(rewards []float64) ([]float64, error) {
	a, err := Centred(rewards)
	if err != nil || !Signal(rewards) {
		return a, err
	}
	n := float64(len(a))
	return scale(a, n/(n-1)), nil
}

// MaxRL returns r divided by the sum of the rewards, which may not be negative.
func MaxRL(rewards []float64) ([]float64, error) {
	if err := checkPositive(rewards); err != nil {
		return nil, err
	}
	k := sum(rewards)
	if k == 0 {
		return make([]float64, len(rewards)), nil
	}
	return scale(slices.Clone(rewards), 1/k), nil
}

// MaxRLCentred returns (r - mean) divided by the sum of the rewards, which may
// not be negative.
func MaxRLCentred(rewards []float64) ([]float64, error) {
	if err := checkPositive(rewards); err != nil {
		return nil, err
	}
	a, err := Centred(rewards)
	if err != nil || !Signal(rewards) {
		return a, err
	}
	return scale(a, 1/sum(rewards)), nil
}

func check(rewards []float64) error {
	for i, r := range rewards {
		if math.IsNaN(r) || math.IsInf(r, 0) {
			return fmt.Errorf("advantage: reward %d is %g: leave completions without a score out of their group", i, r)
		}
	}
	return nil
}

func checkPositive(rewards []float64) error {
	for i, r := range rewards {
		if r < 0 {
			return fmt.Errorf("advantage: reward %d is %g, MaxRL wants 0 or more", i, r)
		}
	}
	return check(rewards)
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}

func scale(v []float64, by float64) []float64 {
	for i := range v {
		v[i] *= by
	}
	return v
}
