//go:build goexperiment.simd && amd64

package lanes

import "simd/archsimd"

// halver has the constants of EncodeBF16 in all lanes.
type halver struct {
	magnitude, infinity, sign, one, below, quiet, limit, sixteen archsimd.Int32x8
}

// load fills the constants in place, as in rounder.
func (h *halver) load(limit int32) {
	h.magnitude = archsimd.BroadcastInt32x8(magnitude)
	h.infinity = archsimd.BroadcastInt32x8(infinity)
	h.sign = archsimd.BroadcastInt32x8(-1 << 31)
	h.one = archsimd.BroadcastInt32x8(1)
	h.below = archsimd.BroadcastInt32x8(0x7FFF)
	h.quiet = archsimd.BroadcastInt32x8(0x40)
	h.limit = archsimd.BroadcastInt32x8(limit)
	h.sixteen = archsimd.BroadcastInt32x8(16)
}

// codes returns the codes with their signs in all higher bits.
func (h *halver) codes(v archsimd.Float32x8) archsimd.Int32x8 {
	bits := v.AsInt32x8()
	a := bits.And(h.magnitude)
	upper := a.ShiftRight(h.sixteen)
	code := a.Add(upper.And(h.one)).Add(h.below).ShiftRight(h.sixteen).Min(h.limit)
	code = upper.Or(h.quiet).Merge(code, a.Greater(h.infinity))
	return code.Or(bits.And(h.sign).ShiftRight(h.sixteen))
}

// EncodeBF16 writes the upper halves of x, rounded to even, and limit where the
// magnitude is greater.
func EncodeBF16(dst []uint16, x []float32, limit uint16) int {
	n := len(x) / 16
	if !avx2 || n == 0 {
		return 0
	}
	var h halver
	h.load(int32(limit))
	order := archsimd.LoadUint32x8(&[8]uint32{0, 1, 4, 5, 2, 3, 6, 7})
	for i := range n {
		in := (*[16]float32)(x[16*i:])
		a, b := h.codes(archsimd.LoadFloat32x8((*[8]float32)(in[0:]))), h.codes(archsimd.LoadFloat32x8((*[8]float32)(in[8:])))
		packed := a.SaturateToInt16ConcatGrouped(b).AsInt32x8().Permute(order)
		packed.AsUint16x16().Store((*[16]uint16)(dst[16*i:]))
	}
	archsimd.ClearAVXUpperBits()
	return 16 * n
}

// DecodeBF16 writes the values of upper halves.
func DecodeBF16(dst []float32, codes []uint16) int {
	n := len(codes) / 16
	if !avx2 || n == 0 {
		return 0
	}
	sixteen := archsimd.BroadcastInt32x8(16)
	for i := range n {
		in, out := (*[16]uint16)(codes[16*i:]), (*[16]float32)(dst[16*i:])
		a := archsimd.LoadUint16x8((*[8]uint16)(in[0:])).ExtendToUint32().AsInt32x8()
		b := archsimd.LoadUint16x8((*[8]uint16)(in[8:])).ExtendToUint32().AsInt32x8()
		a.ShiftLeft(sixteen).AsFloat32x8().Store((*[8]float32)(out[0:]))
		b.ShiftLeft(sixteen).AsFloat32x8().Store((*[8]float32)(out[8:]))
	}
	archsimd.ClearAVXUpperBits()
	return 16 * n
}
