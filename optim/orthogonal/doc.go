// Package orthogonal replaces a matrix by an approximation of its polar factor
// with matrix products only.
//
// # Method
//
// For X = U·S·Vᵀ the polar factor is U·Vᵀ. An odd polynomial applied to X acts
// on its singular values; with A = X·Xᵀ one step is
//
//	X ← a·X + (b·A + c·A²)·X        s ← a·s + b·s³ + c·s⁵
//
// after X has been divided by a bound of its largest singular value, its
// Frobenius norm. A tall X is transposed before and after, so that A is the
// smaller of the two Gram matrices.
//
// For X of n × m, n ≤ m, one step costs 4n²m + 2n³ operations.
//
// A Preset is a list of coefficients with that normalisation:
//
//	Classic        (3.4445, -4.7750, 2.0315) five times, X/max(‖X‖, 1e-7)
//	               singular values above 0.003 end in [0.68, 1.20]
//	PolarExpress5  five tuples from the generator below, X/(1.02·‖X‖ + 1e-6)
//	               singular values above 0.001 end in [0.86, 1.14]
//	PolarExpress8  eight tuples, X/(1.01·‖X‖ + 1e-7)
//
// # Polar Express
//
// Coefficients generates the tuples (arXiv:2505.16932): step by step the
// quintic that minimises the largest error |1 - p(s)| over the interval [l, u]
// that the singular values occupy by then, found by the Remez algorithm, and
// re-centred when the interval's lower end was raised by the cushion.
//
// # Sixteen bits
//
// With Preset.DType BFloat16 the products are in bfloat16, which accelerators
// multiply fast; the norm before them and the sums between them stay in float32,
// where the original Muon rounds these too. Singular values below 2⁻⁸ of the norm
// drown in the rounding of X. The Go backend refuses, see DTypeError.
//
// # Caveats
//
// Singular values far below 1e-3 of the norm are not brought to one.
package orthogonal
