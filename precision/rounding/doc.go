// Package rounding makes the random bits of stochastic rounding: a hash of a
// key and an element's index, so that an element's bits depend on nothing else.
// They are the same in any order, in any slices, on any number of threads.
//
// # Method
//
// With mix the 32-bit hash lowbias32 of Wellons and all sums modulo 2³²:
//
//	key         mix(count + mix(stream))
//	bits(i)     mix(mix(i ⊕ key) + key)
//	uniform(i)  ⌊bits(i) / 2^(32-n)⌋ · 2^-n
//
// count numbers the steps of a run and stream its tensors. Package optim draws
// the noise of its bfloat16 state by the same formula in a graph, so that a host
// can repeat what a graph has rounded. An index i of more than 32 bits uses the
// key mix(key + mix(i/2³²)) for its lower half.
//
// # How many bits
//
// A uniform of n bits is below 1 by at least 2^-n. Stochastic rounding floors
// a/step + u in float32, where a/step has up to 24-n digits in front of the
// point: with n = 23 - M for a format of M mantissa bits the sum of a grid value
// and u is exact, and grid values never move. More bits would let the sum round
// up to the next grid value.
//
// # Caveats
//
// The hash is no cryptographic generator. A key must not be used for two tensors
// or steps: equal keys give equal bits, and the errors of such tensors add up
// instead of averaging out.
package rounding
