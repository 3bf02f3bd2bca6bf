// Package absmax keeps float32 values as eight-bit integers with a scale for each
// row or block.
//
// # Method
//
// Values are cut into blocks of B, in order; the last may be shorter. A row is a
// block of its length. With s = max|x|/127 of a block, all in float32:
//
//	q = clip(round(x/s), -127, 127)    x ≈ q·s
//
// and q = 0 where s = 0. round is to nearest, ties to even, or with a uniform u
// in [0, 1) ⌊x/s + u⌋, of which the expectation is x/s. Division and not a
// multiplication with the reciprocal: the codes are those of optim's Linear8.
//
// # Caveats
//
// One large value in a block costs the others their digits. A block with an
// infinity or NaN is an error. Of a block whose largest value is below 127 of the
// smallest float32, the scale is rounded, and with it the values.
//
// # Differences
//
// GGML's Q8_0 rounds the scale to binary16, multiplies by a reciprocal and sends
// ties away from zero, see package ggml. BitNet's activations have codes from -128
// and a scale of at least 1e-5, see package ternary.
package absmax
