//go:build goexperiment.simd && amd64

package lanes

import "simd/archsimd"

// avx2 says that the processor has what the functions use.
var avx2 = archsimd.X86.AVX2()

// AVX2 says that the functions convert something here.
func AVX2() bool { return avx2 }

const infinity = 0xFF << 23

// group is how many values the encoders take at a time: 32 bytes of codes.
const group = 32

// rounder has the constants of an Encoding in all lanes. Shifts by a vector: of
// constant shifts some compile to an instruction of SSE, with a transition that
// costs more than the loop.
type rounder struct {
	sign, limit, least, shift, magic, offset, infinity, nan, signShift archsimd.Int32x8
}

// load fills the constants in place: copies of them would be by instructions of SSE.
func (r *rounder) load(e *Encoding) {
	r.sign = archsimd.BroadcastInt32x8(-1 << 31)
	r.limit = archsimd.BroadcastInt32x8(e.limit)
	r.least = archsimd.BroadcastInt32x8(e.least)
	r.shift = archsimd.BroadcastInt32x8(e.shift)
	r.magic = archsimd.BroadcastInt32x8(e.magic)
	r.offset = archsimd.BroadcastInt32x8(e.offset)
	r.infinity = archsimd.BroadcastInt32x8(infinity)
	r.nan = archsimd.BroadcastInt32x8(e.nan)
	r.signShift = archsimd.BroadcastInt32x8(e.signShift)
}

// codes returns the codes with their signs in all higher bits, so that they fit
// eight bits as signed integers.
func (r *rounder) codes(v archsimd.Float32x8) archsimd.Int32x8 {
	bits := v.AsInt32x8()
	sign := bits.And(r.sign)
	a := bits.Xor(sign)
	nan := a.Greater(r.infinity)
	a = a.Min(r.limit)
	em := a.Max(r.least).And(r.infinity)
	sum := a.AsFloat32x8().Add(em.Add(r.magic).AsFloat32x8()).AsInt32x8()
	code := sum.Sub(em).Add(em.ShiftRight(r.shift)).Sub(r.offset)
	return r.nan.Merge(code, nan).Or(sign.ShiftRight(r.signShift))
}

// Which bytes of two vectors of sixteen bits are the lower ones, and where the
// parts of a group lie after they are packed.
var (
	lowBytes = [group]int8{
		0, 2, 4, 6, 8, 10, 12, 14, -1, -1, -1, -1, -1, -1, -1, -1,
		0, 2, 4, 6, 8, 10, 12, 14, -1, -1, -1, -1, -1, -1, -1, -1,
	}
	lowBytesAbove = [group]int8{
		-1, -1, -1, -1, -1, -1, -1, -1, 0, 2, 4, 6, 8, 10, 12, 14,
		-1, -1, -1, -1, -1, -1, -1, -1, 0, 2, 4, 6, 8, 10, 12, 14,
	}
	quarters = [8]uint32{0, 4, 1, 5, 2, 6, 3, 7}
)

// packer puts the codes of a group side by side.
type packer struct {
	low, above archsimd.Int8x32
	order      archsimd.Uint32x8
	mask       archsimd.Uint8x32
}

func (p *packer) load(mask uint8) {
	p.low = archsimd.LoadInt8x32(&lowBytes)
	p.above = archsimd.LoadInt8x32(&lowBytesAbove)
	p.order = archsimd.LoadUint32x8(&quarters)
	p.mask = archsimd.BroadcastUint8x32(mask)
}

func (p *packer) bytes(a, b, c, d archsimd.Int32x8) archsimd.Uint8x32 {
	low := a.SaturateToInt16ConcatGrouped(b).AsInt8x32().PermuteOrZeroGrouped(p.low)
	high := c.SaturateToInt16ConcatGrouped(d).AsInt8x32().PermuteOrZeroGrouped(p.above)
	return low.Or(high).AsInt32x8().Permute(p.order).AsUint8x32().And(p.mask)
}

// Encode writes the codes of x, one a byte, or of x times factors, if there are
// any: one for each Part values.
func Encode(dst []uint8, x, factors []float32, e *Encoding) int {
	n := len(x) / group
	if !avx2 || n == 0 {
		return 0
	}
	var r rounder
	var p packer
	r.load(e)
	p.load(e.mask)
	f := archsimd.BroadcastFloat32x8(1)
	g := f
	for i := range n {
		if factors != nil {
			f, g = archsimd.BroadcastFloat32x8(factors[2*i]), archsimd.BroadcastFloat32x8(factors[2*i+1])
		}
		in := (*[group]float32)(x[i*group:])
		a := r.codes(archsimd.LoadFloat32x8((*[8]float32)(in[0:])).Mul(f))
		b := r.codes(archsimd.LoadFloat32x8((*[8]float32)(in[8:])).Mul(f))
		c := r.codes(archsimd.LoadFloat32x8((*[8]float32)(in[16:])).Mul(g))
		d := r.codes(archsimd.LoadFloat32x8((*[8]float32)(in[24:])).Mul(g))
		p.bytes(a, b, c, d).Store((*[group]uint8)(dst[i*group:]))
	}
	archsimd.ClearAVXUpperBits()
	return n * group
}
