package ternary

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/rowwise"
)

// QuantActivations returns the codes of x [..., features] as whole numbers in
// x's dtype, and the scales [..., 1] with x ≈ codes·scale.
func QuantActivations(x *Node) (codes, scale *Node) {
	x = StopGradient(x)
	a := MaxScalar(ReduceAndKeep(Abs(x), ReduceMax, -1), MinScale)
	// |x| ≤ a: what rounds to a whole number is at most 127, so nothing is clipped.
	codes = Round(rowwise.Scale(x, Div(ConstAs(a, float32(127)), a)))
	return codes, MulScalar(a, 1.0/127)
}

// QuantWeights returns the codes of w as whole numbers in w's dtype and the
// scalar scale with w ≈ codes·scale.
func QuantWeights(w *Node) (codes, scale *Node) {
	w = StopGradient(w)
	// Rows first: one long float32 sum would lose digits that decide codes.
	scale = MaxScalar(ReduceAllMean(ReduceMean(Abs(w), -1)), MinScale)
	return ClipScalar(Round(Mul(w, Reciprocal(scale))), -1, 1), scale
}
