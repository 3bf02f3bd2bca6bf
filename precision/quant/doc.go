// Package quant builds the linear layer through which every matrix product
// with a weight goes, in the precision that package policy has chosen for it.
//
// # Method
//
// A linear y = x·W with x [rows, in] and W [in, out] is three products, each operand
// of which has a quantiser of its own:
//
//	fprop   y  = Q(x) · Q(W)      contracts in
//	dgrad   x̄  = Q(ȳ) · Q(W)ᵀ     contracts out
//	wgrad   W̄  = Q(x)ᵀ · Q(ȳ)     contracts rows
//
// Quantisers with blocks or transforms see the contracted axis last. Gradients of
// the forward product's quantisers are straight through, unless the recipe has an
// estimator: the mask of Quartet, the inverse of a transform, or DGE,
//
//	x̄ ← H·(mask ⊙ x̄')        W̄ ← W̄' ⊙ f'(W)
//
// The zero recipe is plain float32. Operands of whole numbers, as those of BitNet
// b1.58 (arXiv:2402.17764), are multiplied without their scales, exactly, and scaled
// afterwards:
//
//	y = (x̃·W̃) · s_x · s_W
//
// Everything here is emulation: values of the low-precision format are carried in
// float32, and products add up in float32, which hardware may do less exactly.
//
// # Random numbers
//
// Stochastic rounding and fresh signs depend on Operands.Key, the path of the weight,
// the product and the operand, and on nothing else: rounding.NewKey of the key and the
// FNV-1a hash of "path/product.operand/time" gives a host the same numbers.
//
// # State
//
// None: master weights are the caller's variables.
//
// # Caveats
//
// Rows of a batch that are no multiple of a block are filled up with zeros.
//
// The three products are built as separate graph nodes without a transpose of
// the adjoint, which on the Go backend is faster than what automatic
// differentiation builds, and equal on XLA.
package quant
