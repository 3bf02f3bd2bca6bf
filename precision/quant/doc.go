// Package quant builds the linear layer through which every matrix product
// with a weight goes, and decides in which precision its three products run.
//
// # Method
//
// A linear y = x·W with x [rows, in] and W [in, out] is three products:
//
//	fprop   y  = Q(x) · Q(W)
//	dgrad   x̄ = ȳ · Q(W)ᵀ
//	wgrad   W̄ = Q(x)ᵀ · ȳ
//
// A Spec names the quantiser of each operand. Gradients of the quantisers are
// straight through. The zero Spec is plain float32; Ternary is BitNet b1.58
// (arXiv:2402.17764), whose forward product runs on whole numbers, exact in
// float32, and is scaled afterwards:
//
//	y = (x̃·W̃) · s_x · s_W
//
// A Policy chooses the Spec of a linear by the path of its weight. Everything
// here is emulation: values of the low-precision format are carried in float32.
//
// # State
//
// None: master weights are the caller's variables.
//
// # Caveats
//
// The three products are built as separate graph nodes without a transpose of
// the adjoint, which on the Go backend is faster than what automatic
// differentiation builds, and equal on XLA.
package quant
