package rustgen

import (
	"math/bits"
	"math/rand/v2"
)

// rng draws from PCG-DXSM. It reduces to ranges itself instead of through rand.Rand, so that the bytes of a
// program do not depend on how a Go release or a 32-bit machine implements IntN.
type rng struct{ pcg rand.PCG }

// newRNG seeds a stream from two words; both are mixed, so neighbouring seeds give unrelated streams.
func newRNG(a, b uint64) *rng {
	r := &rng{}
	r.pcg.Seed(mix(a), mix(b^0x9e3779b97f4a7c15))
	return r
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from [0, n). The bias of the multiplication without rejection is below n/2^64.
func (r *rng) below(n int) int {
	hi, _ := bits.Mul64(r.pcg.Uint64(), uint64(n))
	return int(hi)
}

// between draws from [lo, hi].
func (r *rng) between(lo, hi int64) int64 {
	return lo + int64(r.below(int(hi-lo+1)))
}

// chance is true in percent of a hundred draws.
func (r *rng) chance(percent int) bool { return r.below(100) < percent }

// pick draws one element.
func pick[T any](r *rng, s []T) T { return s[r.below(len(s))] }
