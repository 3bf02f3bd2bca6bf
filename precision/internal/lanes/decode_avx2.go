//go:build goexperiment.simd && amd64

package lanes

import "simd/archsimd"

// reader has the constants of a Decoding in all lanes, of sixteen bits: a value of
// at most seven mantissa bits is the upper half of a float32. Shifts are products,
// because those by a vector are not among the instructions.
type reader struct {
	magnitude, scale, bias, twice, flip, small, great, signScale, sign archsimd.Int16x16
	lowest, highest                                                    archsimd.Int8x32
}

// load fills the constants in place: copies of them would be by instructions of SSE.
func (r *reader) load(d *Decoding) {
	r.magnitude = archsimd.BroadcastInt16x16(d.magnitude)
	r.scale = archsimd.BroadcastInt16x16(d.scale)
	r.bias = archsimd.BroadcastInt16x16(d.bias)
	r.twice = archsimd.BroadcastInt16x16(0x0101)
	r.flip = archsimd.BroadcastInt16x16(0x0800)
	r.small = archsimd.BroadcastInt16x16(ends - 1)
	r.great = archsimd.BroadcastInt16x16(top - 1)
	r.signScale = archsimd.BroadcastInt16x16(d.signScale)
	r.sign = archsimd.BroadcastInt16x16(-1 << 15)
	r.lowest = archsimd.LoadInt8x32(&d.lowest)
	r.highest = archsimd.LoadInt8x32(&d.highest)
}

// values returns the upper halves of the values of codes. Those of the eight
// smallest magnitudes, among them the subnormals, and of the eight largest, among
// them infinity and NaN, are in tables of bytes, the rest is moved into place.
func (r *reader) values(c archsimd.Int16x16) archsimd.Int16x16 {
	m := c.And(r.magnitude)
	v := m.Mul(r.scale).Add(r.bias)
	at := m.Mul(r.twice).Xor(r.flip).AsInt8x32()
	v = v.Merge(r.lowest.PermuteOrZeroGrouped(at).AsInt16x16(), m.Greater(r.small))
	v = r.highest.PermuteOrZeroGrouped(at).AsInt16x16().Merge(v, m.Greater(r.great))
	return v.Or(c.Mul(r.signScale).And(r.sign))
}

// Decode writes the values of codes, one a byte, or those times factors, as in
// Encode, and times then.
func Decode(dst []float32, codes []uint8, factors []float32, then float32, d *Decoding) int {
	n := len(dst) / Part
	if !avx2 || n == 0 {
		return 0
	}
	var r reader
	var zero archsimd.Int16x16
	r.load(d)
	f, last := archsimd.BroadcastFloat32x8(1), archsimd.BroadcastFloat32x8(then)
	for i := range n {
		if factors != nil {
			f = archsimd.BroadcastFloat32x8(factors[i])
		}
		in, out := archsimd.LoadUint8x16((*[Part]uint8)(codes[i*Part:])), (*[Part]float32)(dst[i*Part:])
		// four and four, so that both halves of each result are neighbours
		c := in.AsInt32x4().PermuteScalars(0, 2, 1, 3).AsUint8x16().ExtendToUint16().AsInt16x16()
		v := r.values(c)
		zero.InterleaveLoGrouped(v).AsFloat32x8().Mul(f).Mul(last).Store((*[8]float32)(out[:]))
		zero.InterleaveHiGrouped(v).AsFloat32x8().Mul(f).Mul(last).Store((*[8]float32)(out[8:]))
	}
	archsimd.ClearAVXUpperBits()
	return n * Part
}
