// Package storage keeps the state of optimizers in fewer bits between steps:
// bfloat16 with stochastic rounding, int8 in linear blocks, and eight bits of a
// dynamic code book. Every rule computes in float32; a storage decides what of
// its state survives the step.
//
// # Method
//
// Linear8 (8-bit Muon, arXiv:2509.23106) flattens a tensor row-major and cuts
// it into blocks of B; the last one is filled with zeros. With
// s = max|x|/127 of a block:
//
//	q = clip(round(x/s), -127, 127)    x ≈ q·s
//
// and q = 0 where s = 0. Rounding is to the nearest, ties to even. Its error is
// at most max|x|/254. One large value in a block costs the others their digits;
// a value that is divided by, such as Adam's second moment, must not be kept so,
// because a tenth of a Gaussian's squares would become 0.
//
// Dynamic8 (8-bit optimizers, arXiv:2110.02861) divides a block by max|x| and
// stores the index of the nearest of 256 values between -1 and 1, or between 0
// and 1 for state that is never negative. Seven decades have some, each half as
// many as the one above it: the midpoints of equal parts. Ties go up.
//
// BFloat16 drops the lower 16 bits of a float32. Rounding to the nearest would
// lose every change below 1/256 of a moment, and a slow average with them, so
// it rounds up with the probability of the dropped part: unbiased, with noise
// from a counter, the step and the parameter's number, equal on every backend.
//
// # State
//
//	storage     bytes for n values in blocks of B
//	Float32     4·n
//	BFloat16    2·n
//	Linear8     n + 4·⌈n/B⌉
//	Dynamic8    n + 4·⌈n/B⌉
//
// # Defaults
//
//	B  256    2048 in the paper of 8-bit Muon; 256 costs 1.4 % more and
//	          keeps one large value from more of the others
//
// # Caveats
//
// A value that is not finite would poison its block. The step of package optim
// changes nothing when a gradient is not finite, so that none arrives here.
//
// A block whose largest value is subnormal, below 1.2e-38, is stored less
// exactly, and as zeros by a backend that flushes such numbers.
//
// # Differences from the paper
//
// Other libraries clamp the divisor of a dynamic block to 1e-12 or 1e-10; here
// only a block of zeros is divided by something else than its largest value, so
// that second moments of small gradients keep their digits.
package storage
