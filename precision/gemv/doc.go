// Package gemv multiplies float32 or bfloat16 weights with rows of activations in
// float32 on the host: the products of decoding, where each weight is read once for
// few rows.
//
// # Arithmetic
//
// Every dot product has one order of summation. Sixteen lanes add the products of
// the columns k ≡ lane (mod 16), each product and each sum rounded to float32; then lanes j
// and j+8 are added, then j and j+4, j+2, j+1:
//
//	s_j = Σ_{k ≡ j (mod 16)} w_k·x_k          s_j += s_{j+h} for h = 8, 4, 2, 1
//
// So a result depends neither on the processor nor on what is computed beside it. A fused
// multiplication and addition, which rounds once, would not have the same bits everywhere; one row of
// activations is bound by the speed at which weights arrive, not by arithmetic.
//
// A bfloat16 weight is the upper half of a float32 and is multiplied as that value.
//
// # Paths
//
// AVX-512 or AVX2 in assembly on amd64 where the processor has them, otherwise plain Go.
// Eight rows of weights are computed together for each row of activations in turn, with
// AVX-512 for two rows, so that further rows of activations find them in the cache. Path
// names the choice.
package gemv
