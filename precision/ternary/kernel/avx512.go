//go:build goexperiment.simd && amd64

package kernel

import "simd/archsimd"

// avx512Segment is as many blocks as a 16-bit lane can add up: each block adds
// four products of pairs, at most 508 each, and 16·4·508 < 2¹⁵.
const avx512Segment = 16

// Quantising and looking up in tables take 256 bits at a time.
var avx512 = path{name: "avx512", quantize: avx2Quantize, single: avx512Single, batch: avx2Batch}

// avx512Planes are the codes of 64 bytes. Lanes of 32 bits are shifted: what comes in
// from the neighbour is masked.
func avx512Planes(w archsimd.Uint8x64) (p0, p1, p2, p3 archsimd.Uint8x64) {
	mask, lanes := archsimd.BroadcastUint8x64(3), w.AsInt32x16()
	return w.And(mask), lanes.ShiftAllRight(2).AsUint8x64().And(mask),
		lanes.ShiftAllRight(4).AsUint8x64().And(mask), lanes.ShiftAllRight(6).AsUint8x64().And(mask)
}

func avx512Single(y []float32, m *Matrix, x *Activations, i, from, to int) {
	codes := x.row(i)
	for g := from; g < to; g++ {
		results(avx512Group(m.group(g), codes), m, x, i, g, y)
	}
	archsimd.ClearAVXUpperBits()
}

// avx512Group returns Σ(code+1)·x for a group of rows.
func avx512Group(tiles []tile, x [][line]int8) (total archsimd.Int32x4) {
	for len(tiles) > 0 {
		n := min(len(tiles), avx512Segment)
		var s0, s1, s2, s3 archsimd.Int16x32
		for b := range tiles[:n] {
			t, x := &tiles[b], (*[4][line]int8)(x[4*b:])
			x0, x1 := archsimd.LoadInt8x64(&x[0]), archsimd.LoadInt8x64(&x[1])
			x2, x3 := archsimd.LoadInt8x64(&x[2]), archsimd.LoadInt8x64(&x[3])
			s0 = avx512Add(s0, archsimd.LoadUint8x64(&t[0]), x0, x1, x2, x3)
			s1 = avx512Add(s1, archsimd.LoadUint8x64(&t[1]), x0, x1, x2, x3)
			s2 = avx512Add(s2, archsimd.LoadUint8x64(&t[2]), x0, x1, x2, x3)
			s3 = avx512Add(s3, archsimd.LoadUint8x64(&t[3]), x0, x1, x2, x3)
		}
		total = total.Add(avx512Sums(s0, s1, s2, s3))
		tiles, x = tiles[n:], x[4*n:]
	}
	return total
}

func avx512Add(s archsimd.Int16x32, w archsimd.Uint8x64, x0, x1, x2, x3 archsimd.Int8x64) archsimd.Int16x32 {
	p0, p1, p2, p3 := avx512Planes(w)
	a := p0.DotProductPairsSaturated(x0).Add(p1.DotProductPairsSaturated(x1))
	b := p2.DotProductPairsSaturated(x2).Add(p3.DotProductPairsSaturated(x3))
	return s.Add(a.Add(b))
}

// avx512Sums adds the lanes of each argument.
func avx512Sums(s0, s1, s2, s3 archsimd.Int16x32) archsimd.Int32x4 {
	a := avx512Fold(s0).AddPairsGrouped(avx512Fold(s1))
	b := avx512Fold(s2).AddPairsGrouped(avx512Fold(s3))
	s := a.AddPairsGrouped(b)
	return s.GetLo().Add(s.GetHi())
}

func avx512Fold(s archsimd.Int16x32) archsimd.Int32x8 {
	w := s.DotProductPairs(archsimd.BroadcastInt16x32(1))
	return w.GetLo().Add(w.GetHi())
}
