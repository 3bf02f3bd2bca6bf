package shuffle

import (
	"fmt"
	"math/bits"
)

const (
	rounds = 6
	golden = 0x9E3779B97F4A7C15
)

// Perm is a permutation of [0,n). The zero value permutes nothing.
type Perm struct {
	n, key, mask uint64
	half         uint
}

// New returns the permutation of [0,n) that belongs to seed.
func New(n, seed uint64) Perm {
	p := Perm{n: n, key: Mix(seed + golden)}
	if n > 1 {
		p.half = uint(bits.Len64(n-1)+1) / 2
	}
	p.mask = 1<<p.half - 1
	return p
}

// Len is n.
func (p Perm) Len() uint64 { return p.n }

// At is where the permutation sends i. It panics, as an index would, when i is
// not below n.
func (p Perm) At(i uint64) uint64 {
	p.check(i)
	for {
		l, r := i>>p.half, i&p.mask
		for k := uint64(1); k <= rounds; k++ {
			l, r = r, l^p.round(r, k)
		}
		if i = l<<p.half | r; i < p.n {
			return i
		}
	}
}

// Inverse is what the permutation sends to j.
func (p Perm) Inverse(j uint64) uint64 {
	p.check(j)
	for {
		l, r := j>>p.half, j&p.mask
		for k := uint64(rounds); k >= 1; k-- {
			l, r = r^p.round(l, k), l
		}
		if j = l<<p.half | r; j < p.n {
			return j
		}
	}
}

func (p Perm) round(r, k uint64) uint64 { return Mix(r+p.key+k*golden) & p.mask }

func (p Perm) check(i uint64) {
	if i >= p.n {
		panic(fmt.Sprintf("shuffle: index %d of a permutation of %d", i, p.n))
	}
}

// Mix is the finaliser of splitmix64, a bijection of the 64-bit numbers. Use it
// to derive a seed from others.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
