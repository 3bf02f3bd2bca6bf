// Package rowwise builds operations between a matrix and one value for each of
// its rows or columns in the form that a backend computes fast.
//
// # Method
//
// XLA fuses a broadcast with what reads it. The Go backend walks a broadcast
// element by element, at about 4 ns each on a current processor, while its
// products are vectorised. There the operations of this package are products
// with an inner dimension of one, for x [rows, n], s [rows, 1] and a vector of
// ones:
//
//	x∘s  →  one 1×1 by 1×n product for each row
//	x-s  →  x - s·1ᵀ
//	x∘g  →  x ∘ 1·gᵀ
//
// An inner dimension of one rounds nothing, so the results have the same bits
// as the broadcast; only a negative zero may lose its sign. Sums are products
// with ones on both backends, whose reductions are several times slower.
//
// Mix and Dots have a small matrix for each row, as the streams of
// hyper-connections do: products on the Go backend, and on XLA sums of a few
// slices that fuse into one pass, since its batched product of tiny matrices
// and its reductions along rows are several times slower.
//
// # Caveats
//
// Only float32 takes the fast form. The gradients that automatic
// differentiation derives are right but not fast: these operations are for
// functions that bring their own, see package vjp.
package rowwise
