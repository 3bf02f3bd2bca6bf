// Package shuffle permutes [0,n) from a seed without a table.
//
// # Method
//
// Let b be the smallest number with 2^(2b) ≥ n. A balanced Feistel network of
// six rounds permutes the 2b-bit numbers x = (L, R), L and R of b bits:
//
//	(L, R) ← (R, L xor F(R, k))        k = 0 … 5
//	F(R, k) = mix(R + key + (k+1)·0x9E3779B97F4A7C15) mod 2^b
//
// with mix the finaliser of splitmix64 and key = mix(seed + 0x9E3779B97F4A7C15).
// Every round can be undone, so the network is a bijection for any F. An
// output ≥ n is fed in again until one is below n (cycle walking); the walk
// ends because it stays on the input's own cycle, which holds the input, and
// since 2^(2b) < 4n it takes fewer than four rounds on average.
//
// # Cost
//
// O(1) memory, and At(i) for any i in about 25 ns when n is just below a power
// of four, ten times that when it is just above one: a position in the epoch
// is all that a resumable loader has to remember.
//
// # Caveats
//
// The family has at most 2^64 members out of n!, and for n below about 16 the
// permutations are far from equally likely. It is for mixing, not for secrets.
package shuffle
