// Package ternary quantises weights to {-1, 0, +1} and activations to eight
// bits, the number formats of BitNet b1.58.
//
// # Method
//
// Weights W of one tensor (arXiv:2402.17764, equations 1 to 3), with the scale
// s the mean magnitude:
//
//	s  = max(mean|W|, 1e-5)
//	W̃ = clip(round(W/s), -1, +1)        W ≈ s·W̃
//
// Activations x of one token, with a the largest magnitude:
//
//	a  = max(max|x|, 1e-5)
//	x̃ = clip(round(127·x/a), -128, 127)  x ≈ x̃·a/127
//
// round is half to even in both. The products of a linear are then sums of
// eight-bit integers, exact in 32 bits up to 2¹⁷ terms.
//
// AbsMeanGroups has a scale for each group of values instead of each tensor: finer,
// and not what BitNet's files can hold.
//
// # Packing
//
// Pack writes the two bits W̃+1 of a code. With a stride S, a block of 4·S codes
// takes S bytes, and bits 2n of byte j are code j+n·S. The stride is 1 for codes in
// order, 32 for the order of GGML's TQ2_0, 64 for planes as wide as a register, and
// ⌈out/4⌉·in for the order of Hugging Face's weights [out, in]. Package ggml has the
// block types of GGUF files.
//
// # On the host and in graphs
//
// The quantisers come twice: on float32 slices for the host, and on graph
// nodes for training, where quantised values are carried in float32
// (emulation) and the gradient passes straight through, see package quant.
//
// # Differences from the paper
//
// The paper writes the activation range as [-Q+ε, Q-ε]; the released model and
// the code that runs it use the half-to-even rule above.
package ternary
