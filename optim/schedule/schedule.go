package schedule

import (
	"fmt"
	"math"
	"slices"
)

// Shape is how a multiplier falls from 1 to the floor as x goes from 0 to 1.
type Shape func(x, floor float64) float64

// Linear falls evenly.
func Linear(x, floor float64) float64 { return floor + (1-floor)*(1-x) }

// Cosine falls along half a cosine.
func Cosine(x, floor float64) float64 { return floor + (1-floor)*0.5*(1+math.Cos(math.Pi*x)) }

// Sqrt falls as 1-√x (arXiv:2405.18392).
func Sqrt(x, floor float64) float64 { return floor + (1-floor)*(1-math.Sqrt(x)) }

// Exponential falls by the same factor in equal times (as the decay of
// arXiv:2404.06395 does): floor^x. The floor is above 0.
func Exponential(x, floor float64) float64 { return math.Pow(floor, x) }

// Config describes a schedule. The zero value is constant.
type Config struct {
	Kind   string  // "constant" (default), "wsd", "cosine" or "linear"
	Decay  string  // shape of the decay of "wsd": "linear" (default), "cosine", "sqrt" or "exponential"
	Warmup int     // steps of linear warm-up
	Length float64 // fraction of the run that "wsd" decays over, in [0, 1]
	Floor  float64 // the multiplier at the end, in [0, 1]
}

// Kinds and Decays list the names that Config accepts.
var (
	Kinds  = []string{"constant", "wsd", "cosine", "linear"}
	Decays = []string{"linear", "cosine", "sqrt", "exponential"}
)

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if c.Kind != "" && !slices.Contains(Kinds, c.Kind) {
		return fmt.Errorf("schedule: kind %q, want one of %q", c.Kind, Kinds)
	}
	if c.Decay != "" && !slices.Contains(Decays, c.Decay) {
		return fmt.Errorf("schedule: decay %q, want one of %q", c.Decay, Decays)
	}
	if c.Warmup < 0 || !(c.Length >= 0 && c.Length <= 1) || !(c.Floor >= 0 && c.Floor <= 1) {
		return fmt.Errorf("schedule: warm-up %d, want 0 or more; length %g and floor %g, want [0, 1]", c.Warmup, c.Length, c.Floor)
	}
	if c.Kind == "wsd" && c.Decay == "exponential" && c.Floor == 0 {
		return fmt.Errorf("schedule: an exponential decay never reaches the floor 0: want a floor above it")
	}
	return nil
}

// shape is the form of the fall.
func (c Config) shape() Shape {
	name := c.Kind
	if name == "wsd" {
		name = c.Decay
	}
	switch name {
	case "cosine":
		return Cosine
	case "sqrt":
		return Sqrt
	case "exponential":
		return Exponential
	}
	return Linear
}

// Multiplier is the learning-rate multiplier at step, counted from 0, when the
// fraction progress of the run, in [0, 1], is behind. It is the product of the
// warm-up, a function of step, and the fall, a function of progress.
func (c Config) Multiplier(step int, progress float64) float64 {
	warm := 1.0
	if step < c.Warmup {
		warm = float64(step+1) / float64(c.Warmup)
	}
	progress = min(max(progress, 0), 1)
	switch c.Kind {
	case "cosine", "linear":
		return warm * c.shape()(progress, c.Floor)
	case "wsd":
		if start := 1 - c.Length; c.Length > 0 && progress > start {
			return warm * c.shape()(min((progress-start)/c.Length, 1), c.Floor)
		}
	}
	return warm
}

// Momentum is a linear warm-up of a momentum β, for Optimizer.SetMomentum.
type Momentum struct {
	Start, End float64 // in [0, 1)
	Steps      int     // over which β goes from Start to End
}

// Validate says what is wrong with the warm-up.
func (m Momentum) Validate() error {
	if m.Steps < 0 || !(m.Start >= 0 && m.Start < 1) || !(m.End >= 0 && m.End < 1) {
		return fmt.Errorf("schedule: momentum from %g to %g over %d steps, want [0, 1) and 0 steps or more", m.Start, m.End, m.Steps)
	}
	return nil
}

// At is β at step, counted from 0: Start there, End from Steps on.
func (m Momentum) At(step int) float64 {
	if step >= m.Steps {
		return m.End
	}
	x := float64(max(step, 0)) / float64(m.Steps)
	return (1-x)*m.Start + x*m.End
}

// WSD is the warm-up, stable, decay schedule in steps: warm-up t/warmup from
// first, then 1, then shape over decay steps, then the floor.
func WSD(t, warmup, stable, decay int, floor, first float64, shape Shape) float64 {
	switch {
	case t < warmup:
		return first + (1-first)*float64(t)/float64(warmup)
	case t < warmup+stable:
		return 1
	case t < warmup+stable+decay:
		return shape(float64(t-warmup-stable)/float64(decay), floor)
	}
	return floor
}

// FloorWarmup is WSD whose warm-up starts at the floor.
func FloorWarmup(t, warmup, stable, decay int, floor float64, shape Shape) float64 {
	return WSD(t, warmup, stable, decay, floor, floor, shape)
}

// WarmupCosine warms up as t/warmup and falls along a cosine until total.
func WarmupCosine(t, warmup, total int, floor float64) float64 {
	if t < warmup {
		return float64(t) / float64(warmup)
	}
	x := float64(t-warmup) / float64(max(total-warmup, 1))
	return Cosine(min(x, 1), floor)
}
