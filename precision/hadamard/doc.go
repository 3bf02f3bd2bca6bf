// Package hadamard spreads outliers over blocks of values before they are
// quantised.
//
// # Method
//
// For Sylvester's matrix H of n rows over √n, which is orthogonal and symmetric,
// and random signs s,
//
//	x' = x · diag(s) · H        along the last axis, n values at a time
//
// A product keeps its value if both operands are transformed along the axis that it
// contracts with the same signs: A·diag(s)·H·Hᵀ·diag(s)·Bᵀ = A·Bᵀ. A single large
// value v becomes n values of ±v/√n (arXiv:2502.20586, arXiv:2509.25149).
//
// # Defaults
//
// None.
//
// # State
//
// None: signs are the caller's.
//
// # Caveats
//
// Different signs on the two operands give a wrong product and no error.
package hadamard
