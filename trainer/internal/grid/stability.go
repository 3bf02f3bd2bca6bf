package grid

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// Stability is how smoothly a run went. Its first steps, as many as Window, count as
// its beginning and are left out.
type Stability struct {
	// Spread is the standard deviation of the logarithms of the gradient norms about
	// those of their running medians.
	Spread float64 `json:"grad_norm_spread"`
	// Spikes is the share of the steps whose loss is more than a tenth above the median
	// of the Window steps before.
	Spikes float64 `json:"spike_rate"`
	// Gain is the largest gain of the product of all residual maps in the steps that
	// were measured, of the signal or of the gradient, and Attenuation the smallest of
	// the gradient; 0 without hyper-connections.
	Gain        float64 `json:"gain,omitempty"`
	Attenuation float64 `json:"attenuation,omitempty"`
}

// Window is the number of steps that a running median covers.
const Window = 32

// spikeRatio is how far above the median a loss is a spike.
const spikeRatio = 1.1

// Steps describes the steps of a run by their losses and gradient norms.
func Steps(losses, norms []float64) Stability {
	var s Stability
	var logs []float64
	n := 0
	for i := Window; i < len(losses); i++ {
		n++
		if !(losses[i] <= spikeRatio*median(losses[i-Window:i])) { // NaN is a spike
			s.Spikes++
		}
		if d := math.Log(norms[i] / median(norms[i-Window:i])); !math.IsNaN(d) && !math.IsInf(d, 0) {
			logs = append(logs, d)
		}
	}
	if n > 0 {
		s.Spikes /= float64(n)
	}
	if len(logs) > 1 {
		s.Spread = stat.StdDev(logs, nil)
	}
	return s
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// Smoothness is Stability over the seeds of a method, those that diverged among them.
type Smoothness struct {
	Spread      Interval `json:"grad_norm_spread"`
	Spikes      Interval `json:"spike_rate"`
	Gain        float64  `json:"gain,omitempty"`        // largest
	Attenuation float64  `json:"attenuation,omitempty"` // smallest
}

// smoothness sums runs up, nil if there are none that say.
func smoothness(runs []Outcome) *Smoothness {
	var s Smoothness
	var spreads, spikes []float64
	for _, o := range runs {
		if o.Stability == nil {
			continue
		}
		spreads, spikes = append(spreads, o.Stability.Spread), append(spikes, o.Stability.Spikes)
		s.Gain = max(s.Gain, o.Stability.Gain)
		if a := o.Stability.Attenuation; a > 0 && (s.Attenuation == 0 || a < s.Attenuation) {
			s.Attenuation = a
		}
	}
	if len(spreads) == 0 {
		return nil
	}
	s.Spread, s.Spikes = interval(spreads), interval(spikes)
	return &s
}

// stabilityMarkdown is a table of the rows that say how smoothly they went.
func (r *Result) stabilityMarkdown() string {
	var b strings.Builder
	for _, row := range r.Rows {
		s := row.Stability
		if s == nil {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\n| Method | Spread of ln gradient norm | Spikes, share of steps | Largest gain | Least gain |\n|---|---|---|---|---|\n")
		}
		gain, least := "", ""
		if s.Gain > 0 {
			gain, least = fmt.Sprintf("%.4f", s.Gain), fmt.Sprintf("%.4f", s.Attenuation)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.Method, s.Spread, s.Spikes, gain, least)
	}
	return b.String()
}
