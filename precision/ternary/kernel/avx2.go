//go:build goexperiment.simd && amd64

package kernel

import (
	"math"
	"simd/archsimd"
	"unsafe"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/ternary"
)

// avx2Segment is as many blocks as a 16-bit lane can add up: each block adds
// eight products of pairs, at most 508 each, and 8·8·508 < 2¹⁵.
const avx2Segment = 8

var avx2 = path{name: "avx2", quantize: avx2Quantize, single: avx2Single, batch: avx2Batch}

func avx2Single(y []float32, m *Matrix, x *Activations, i, from, to int) {
	codes := unsafe.Pointer(unsafe.SliceData(x.row(i)))
	for g := from; g < to; g++ {
		results(avx2Group(m.group(g), codes), m, x, i, g, y)
	}
	archsimd.ClearAVXUpperBits()
}

// results turns the sums of a group of rows and row i of x into results. They are of
// (code+1)·x, so the sum of x is one too many.
func results(sums archsimd.Int32x4, m *Matrix, x *Activations, i, g int, y []float32) {
	v := sums.Sub(archsimd.BroadcastInt32x4(x.sums[i])).ConvertToFloat32()
	v = v.Mul(archsimd.BroadcastFloat32x4(x.scales[i])).Mul(archsimd.LoadFloat32x4((*[group]float32)(m.scales[group*g:])))
	if y = y[group*g:]; len(y) >= group {
		v.Store((*[group]float32)(y))
		return
	}
	var last [group]float32
	v.Store(&last)
	copy(y, last[:])
}

// avx2Group returns Σ(code+1)·x for a group of rows. Two pointers that go forward cost
// fewer instructions than indices.
func avx2Group(tiles []tile, x unsafe.Pointer) (total archsimd.Int32x4) {
	ones, fours := archsimd.BroadcastUint8x32(3), archsimd.BroadcastUint8x32(12)
	t := unsafe.Pointer(unsafe.SliceData(tiles))
	for left := len(tiles); left > 0; left -= avx2Segment {
		var s0, s1, s2, s3 archsimd.Int16x16
		for range min(left, avx2Segment) {
			x0, x1, x2, x3 := half8(x, 0), half8(x, 2), half8(x, 4), half8(x, 6)
			s0 = avx2Add(s0, half(t, 0), ones, fours, x0, x1, x2, x3)
			s1 = avx2Add(s1, half(t, 2), ones, fours, x0, x1, x2, x3)
			s2 = avx2Add(s2, half(t, 4), ones, fours, x0, x1, x2, x3)
			s3 = avx2Add(s3, half(t, 6), ones, fours, x0, x1, x2, x3)
			x0, x1, x2, x3 = half8(x, 1), half8(x, 3), half8(x, 5), half8(x, 7)
			s0 = avx2Add(s0, half(t, 1), ones, fours, x0, x1, x2, x3)
			s1 = avx2Add(s1, half(t, 3), ones, fours, x0, x1, x2, x3)
			s2 = avx2Add(s2, half(t, 5), ones, fours, x0, x1, x2, x3)
			s3 = avx2Add(s3, half(t, 7), ones, fours, x0, x1, x2, x3)
			t, x = unsafe.Add(t, unsafe.Sizeof(tile{})), unsafe.Add(x, block)
		}
		total = total.Add(avx2Sums(s0, s1, s2, s3))
	}
	return total
}

func half8(p unsafe.Pointer, n int) archsimd.Int8x32 {
	return archsimd.LoadInt8x32((*[line / 2]int8)(unsafe.Add(p, n*line/2)))
}

func half(p unsafe.Pointer, n int) archsimd.Uint8x32 {
	return archsimd.LoadUint8x32((*[line / 2]uint8)(unsafe.Add(p, n*line/2)))
}

// avx2Add adds the products of the codes of 32 bytes. Every second plane stays where
// it is, which makes its products four times as large, until they are added: one
// shift instead of two.
func avx2Add(s archsimd.Int16x16, w, ones, fours archsimd.Uint8x32, x0, x1, x2, x3 archsimd.Int8x32) archsimd.Int16x16 {
	s = s.Add(w.And(ones).DotProductPairsSaturated(x0))
	m := w.And(fours).DotProductPairsSaturated(x1)
	w = w.AsInt32x8().ShiftAllRight(4).AsUint8x32()
	s = s.Add(w.And(ones).DotProductPairsSaturated(x2))
	m = m.Add(w.And(fours).DotProductPairsSaturated(x3))
	return s.Add(m.ShiftAllRight(2))
}

// avx2Sums adds the lanes of each argument.
func avx2Sums(s0, s1, s2, s3 archsimd.Int16x16) archsimd.Int32x4 {
	one := archsimd.BroadcastInt16x16(1)
	a := s0.DotProductPairs(one).AddPairsGrouped(s1.DotProductPairs(one))
	b := s2.DotProductPairs(one).AddPairsGrouped(s3.DotProductPairs(one))
	s := a.AddPairsGrouped(b)
	return s.GetLo().Add(s.GetHi())
}

// avx2Quantize does what ternary.QuantizeActivations does: the largest magnitude as
// bits, which order as the values do, and the products rounded in float32, where
// whole numbers of this size are exact.
func avx2Quantize(q []int8, x []float32) (scale float32, sum int32) {
	whole, bits := len(x)&^31, lanes.AbsMax(x)
	if bits >= 0x7f800000 { // infinity or NaN: rare, and not worth a second rule
		return quantize(q, x)
	}
	a := max(math.Float32frombits(bits), ternary.MinScale)
	inv := 127 / a
	sum = avx2Codes(q[:whole], x[:whole], inv)
	for i, v := range x[whole:] {
		c := int8(math.RoundToEven(float64(v * inv))) // at most 127: |v| ≤ a
		q[whole+i] = c
		sum += int32(c)
	}
	return a / 127, sum
}

// avx2Codes writes the codes of x, whole multiples of 32 values, and returns their sum.
func avx2Codes(q []int8, x []float32, inv float32) (sum int32) {
	// Four lanes of 32 bits become bytes of one; the bytes of a half of the register
	// are put in order first, and then its words of four codes.
	low := archsimd.BroadcastInt32x8(0xff)
	bytes := archsimd.LoadInt8x32(&[32]int8{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
		0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15})
	words := archsimd.LoadUint32x8(&[8]uint32{0, 4, 1, 5, 2, 6, 3, 7})
	scale := archsimd.BroadcastFloat32x8(inv)
	var total archsimd.Int32x8
	for ; len(x) >= 32; x, q = x[32:], q[32:] {
		v := (*[32]float32)(x)
		c0 := archsimd.LoadFloat32x8((*[8]float32)(v[0:])).Mul(scale).RoundToEven().ConvertToInt32()
		c1 := archsimd.LoadFloat32x8((*[8]float32)(v[8:])).Mul(scale).RoundToEven().ConvertToInt32()
		c2 := archsimd.LoadFloat32x8((*[8]float32)(v[16:])).Mul(scale).RoundToEven().ConvertToInt32()
		c3 := archsimd.LoadFloat32x8((*[8]float32)(v[24:])).Mul(scale).RoundToEven().ConvertToInt32()
		total = total.Add(c0.Add(c1).Add(c2.Add(c3)))
		c := c0.And(low).Or(c1.And(low).ShiftAllLeft(8)).Or(c2.And(low).ShiftAllLeft(16)).Or(c3.ShiftAllLeft(24))
		c = c.AsUint8x32().PermuteOrZeroGrouped(bytes).AsInt32x8().Permute(words)
		c.AsInt8x32().Store((*[32]int8)(q))
	}
	var lanes [8]int32
	total.Store(&lanes)
	archsimd.ClearAVXUpperBits()
	for _, s := range lanes {
		sum += s
	}
	return sum
}
