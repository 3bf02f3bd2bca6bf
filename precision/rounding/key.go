package rounding

// Key is what the random bits of one tensor in one step depend on.
type Key uint32

// NewKey returns the key of a tensor's stream in the step with number count.
func NewKey(count, stream uint32) Key { return Key(mix(count + mix(stream))) }

// Derive returns the key of a place in a run, such as step, layer, product and
// operand, in that order: a chain of splitmix64 steps, cut to 32 bits.
func Derive(seed uint64, place ...uint64) Key {
	state := splitmix(seed)
	for _, p := range place {
		state = splitmix(state ^ p)
	}
	return Key(state >> 32)
}

// Bits returns the 32 uniform bits of element i.
func (k Key) Bits(i uint64) uint32 { return k.page(i).bits(uint32(i)) }

// Fill writes the bits of the elements first, first+1, … to dst.
func (k Key) Fill(dst []uint32, first uint64) {
	for i := range dst {
		dst[i] = k.Bits(first + uint64(i))
	}
}

// Uniforms writes the uniforms of the elements first, first+1, … to dst: the
// upper n bits of each, 1 to 24, as a number in [0, 1).
func (k Key) Uniforms(dst []float32, first uint64, n int) {
	for i := range dst {
		dst[i] = Uniform(k.Bits(first+uint64(i)), n)
	}
}

// Uniform returns the upper n of 32 bits, 1 to 24, as a number in [0, 1).
func Uniform(bits uint32, n int) float32 {
	return float32(bits>>(32-n)) / float32(uint32(1)<<n)
}

// page is the key of the 2³² elements among which i is.
func (k Key) page(i uint64) Key {
	if high := uint32(i >> 32); high != 0 {
		return NewKey(uint32(k), high)
	}
	return k
}

func (k Key) bits(i uint32) uint32 { return mix(mix(i^uint32(k)) + uint32(k)) }

// mix is Wellons' lowbias32.
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	return x ^ x>>16
}

// splitmix is one step of SplitMix64 (Steele, Lea and Flood, 2014).
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
