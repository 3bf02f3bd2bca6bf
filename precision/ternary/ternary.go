package ternary

import (
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
)

// MinScale is the smallest scale: a tensor of zeros quantises to zeros instead of
// dividing by zero.
const MinScale = 1e-5

// AbsMean returns the ternary codes of w and their scale, w ≈ scale·code. The
// mean is accumulated in float64 over values rounded to float32.
func AbsMean(w []float32) (codes []int8, scale float32) {
	codes = make([]int8, len(w))
	return codes, absMean(codes, w)
}

func absMean(codes []int8, w []float32) (scale float32) {
	sum := 0.0
	for _, v := range w {
		sum += math.Abs(float64(v))
	}
	scale = max(float32(sum/float64(max(len(w), 1))), MinScale)
	inv := 1 / scale
	for i, v := range w {
		q := math.RoundToEven(float64(v * inv))
		codes[i] = int8(min(max(q, -1), 1))
	}
	return scale
}

// QuantizeActivations writes the eight-bit codes of one token's activations x
// to q, which must be as long, and returns the scale, x ≈ scale·code.
func QuantizeActivations(x []float32, q []int8) (scale float32) {
	a := max(MinScale, math.Float32frombits(lanes.AbsMax(x)))
	inv := 127 / a
	q = q[:len(x)]
	for i, v := range x {
		c := math.RoundToEven(float64(v * inv))
		q[i] = int8(min(max(c, -128), 127))
	}
	return a / 127
}
