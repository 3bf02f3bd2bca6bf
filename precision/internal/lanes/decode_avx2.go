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

// Decode writes the values of codes, one a byte, times factors, as in Encode.
func Decode(dst []float32, codes []uint8, factors []float32, d *Decoding) int {
	n := len(dst) / Part
	if !avx2 || n == 0 {
		return 0
	}
	var r reader
	var zero archsimd.Int16x16
	r.load(d)
	f := archsimd.BroadcastFloat32x8(factors[0])
	for i := range n {
		if len(factors) > 1 {
			f = archsimd.BroadcastFloat32x8(factors[i])
		}
		in, out := archsimd.LoadUint8x16((*[Part]uint8)(codes[i*Part:])), (*[Part]float32)(dst[i*Part:])
		// four and four, so that both halves of each result are neighbours
		c := in.AsInt32x4().PermuteScalars(0, 2, 1, 3).AsUint8x16().ExtendToUint16().AsInt16x16()
		v := r.values(c)
		zero.InterleaveLoGrouped(v).AsFloat32x8().Mul(f).Store((*[8]float32)(out[:]))
		zero.InterleaveHiGrouped(v).AsFloat32x8().Mul(f).Store((*[8]float32)(out[8:]))
	}
	archsimd.ClearAVXUpperBits()
	return n * Part
}

// pairOrder puts two and two bytes in turn into the halves of a vector.
var pairOrder = [16]int8{0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15}

// fourBits has the upper halves of the magnitudes of E2M1, their lower bytes first.
var fourBits = twice([16]int8{
	0, 0, -128, -64, 0, 0x40, -128, -64,
	0, 0x3F, 0x3F, 0x3F, 0x40, 0x40, 0x40, 0x40,
})

// pairReader has the constants of DecodePairs.
type pairReader struct {
	magnitude, twice, flip, sign archsimd.Int16x16
	table                        archsimd.Int8x32
}

// values is as in reader: the magnitudes are the lowest three bits of m, and the
// signs the highest of s.
func (r *pairReader) values(m, s archsimd.Int16x16) archsimd.Int16x16 {
	at := m.And(r.magnitude).Mul(r.twice).Xor(r.flip).AsInt8x32()
	return r.table.PermuteOrZeroGrouped(at).AsInt16x16().Or(s.And(r.sign))
}

// DecodePairs writes the values of E2M1 codes as EncodePairs writes them, times
// factors, and times then.
func DecodePairs(dst []float32, packed []uint8, factors []float32, then float32) int {
	n := len(dst) / group
	if !avx2 || n == 0 {
		return 0
	}
	r := pairReader{
		magnitude: archsimd.BroadcastInt16x16(7),
		twice:     archsimd.BroadcastInt16x16(0x0101),
		flip:      archsimd.BroadcastInt16x16(0x0800),
		sign:      archsimd.BroadcastInt16x16(-1 << 15),
		table:     archsimd.LoadInt8x32(&fourBits),
	}
	order := archsimd.LoadInt8x16(&pairOrder)
	var zero archsimd.Int16x16
	f, last := archsimd.BroadcastFloat32x8(factors[0]), archsimd.BroadcastFloat32x8(then)
	g := f
	for i := range n {
		if len(factors) > 1 {
			f, g = archsimd.BroadcastFloat32x8(factors[2*i]), archsimd.BroadcastFloat32x8(factors[2*i+1])
		}
		in, out := archsimd.LoadUint8x16((*[group / 2]uint8)(packed[i*group/2:])), (*[group]float32)(dst[i*group:])
		b := in.PermuteOrZero(order).ExtendToUint16().AsInt16x16()
		even := r.values(b, b.ShiftAllLeft(12))
		odd := r.values(b.ShiftAllRight(4), b.ShiftAllLeft(8))
		low, high := even.InterleaveLoGrouped(odd), even.InterleaveHiGrouped(odd)
		zero.InterleaveLoGrouped(low).AsFloat32x8().Mul(f).Mul(last).Store((*[8]float32)(out[:]))
		zero.InterleaveHiGrouped(low).AsFloat32x8().Mul(f).Mul(last).Store((*[8]float32)(out[8:]))
		zero.InterleaveLoGrouped(high).AsFloat32x8().Mul(g).Mul(last).Store((*[8]float32)(out[16:]))
		zero.InterleaveHiGrouped(high).AsFloat32x8().Mul(g).Mul(last).Store((*[8]float32)(out[24:]))
	}
	archsimd.ClearAVXUpperBits()
	return n * group
}
