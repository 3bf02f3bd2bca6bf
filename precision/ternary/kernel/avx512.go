//go:build goexperiment.simd && amd64

package kernel

import "simd/archsimd"

// avx512Segment is as many blocks as a 16-bit lane can add up: each block adds
// four products of pairs, at most 508 each, and 16·4·508 < 2¹⁵.
const avx512Segment = 16

// Eight values at a time are enough to quantise.
var avx512 = path{name: "avx512", segment: avx512Segment, quantize: avx2Quantize, single: avx512Single, unpack: avx512Unpack, batch: avx512Batch}

// avx512Planes are the codes of 64 bytes. Lanes of 32 bits are shifted: what comes in
// from the neighbour is masked.
func avx512Planes(w archsimd.Uint8x64) (p0, p1, p2, p3 archsimd.Uint8x64) {
	mask, lanes := archsimd.BroadcastUint8x64(3), w.AsInt32x16()
	return w.And(mask), lanes.ShiftAllRight(2).AsUint8x64().And(mask),
		lanes.ShiftAllRight(4).AsUint8x64().And(mask), lanes.ShiftAllRight(6).AsUint8x64().And(mask)
}

func avx512Single(y []float32, m *Matrix, x *Activations, from, to int) {
	codes := x.row(0)
	for g := from; g < to; g++ {
		results(avx512Group(m.group(g), codes), m, x, g, y)
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

func avx512Unpack(planes []plane, tiles []tile) {
	for b := range tiles {
		t, p := &tiles[b], (*[4]plane)(planes[4*b:])
		for r := range t {
			p0, p1, p2, p3 := avx512Planes(archsimd.LoadUint8x64(&t[r]))
			p0.Store(&p[0][r])
			p1.Store(&p[1][r])
			p2.Store(&p[2][r])
			p3.Store(&p[3][r])
		}
	}
	archsimd.ClearAVXUpperBits()
}

// avx512Batch takes four rows at a time: with four rows of weights their sums fill
// half of the 32 registers. One to three rows at the end go in pairs.
func avx512Batch(sums [][group]int32, planes []plane, x [][line]int8, stride int) {
	i := 0
	for ; i+4 <= len(sums); i += 4 {
		avx512Four((*[4][group]int32)(sums[i:]), planes, x[i*stride:], x[(i+1)*stride:], x[(i+2)*stride:], x[(i+3)*stride:])
	}
	for ; i < len(sums); i += 2 {
		other := min(i+1, len(sums)-1) // a last row that is alone is computed twice
		a, b := avx512Pair(planes, x[i*stride:], x[other*stride:])
		add(&sums[i], a)
		if other != i {
			add(&sums[other], b)
		}
	}
	archsimd.ClearAVXUpperBits()
}

func avx512Pair(planes []plane, x, y [][line]int8) (a, b archsimd.Int32x4) {
	x, y = x[:len(planes)], y[:len(planes)]
	var a0, a1, a2, a3, b0, b1, b2, b3 archsimd.Int16x32
	for i := range planes {
		p, x, y := &planes[i], archsimd.LoadInt8x64(&x[i]), archsimd.LoadInt8x64(&y[i])
		w := archsimd.LoadUint8x64(&p[0])
		a0, b0 = a0.Add(w.DotProductPairsSaturated(x)), b0.Add(w.DotProductPairsSaturated(y))
		w = archsimd.LoadUint8x64(&p[1])
		a1, b1 = a1.Add(w.DotProductPairsSaturated(x)), b1.Add(w.DotProductPairsSaturated(y))
		w = archsimd.LoadUint8x64(&p[2])
		a2, b2 = a2.Add(w.DotProductPairsSaturated(x)), b2.Add(w.DotProductPairsSaturated(y))
		w = archsimd.LoadUint8x64(&p[3])
		a3, b3 = a3.Add(w.DotProductPairsSaturated(x)), b3.Add(w.DotProductPairsSaturated(y))
	}
	return avx512Sums(a0, a1, a2, a3), avx512Sums(b0, b1, b2, b3)
}

func avx512Four(sums *[4][group]int32, planes []plane, x, y, z, u [][line]int8) {
	x, y, z, u = x[:len(planes)], y[:len(planes)], z[:len(planes)], u[:len(planes)]
	var a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3 archsimd.Int16x32
	for i := range planes {
		p := &planes[i]
		x, y := archsimd.LoadInt8x64(&x[i]), archsimd.LoadInt8x64(&y[i])
		z, u := archsimd.LoadInt8x64(&z[i]), archsimd.LoadInt8x64(&u[i])
		w := archsimd.LoadUint8x64(&p[0])
		a0, b0 = a0.Add(w.DotProductPairsSaturated(x)), b0.Add(w.DotProductPairsSaturated(y))
		c0, d0 = c0.Add(w.DotProductPairsSaturated(z)), d0.Add(w.DotProductPairsSaturated(u))
		w = archsimd.LoadUint8x64(&p[1])
		a1, b1 = a1.Add(w.DotProductPairsSaturated(x)), b1.Add(w.DotProductPairsSaturated(y))
		c1, d1 = c1.Add(w.DotProductPairsSaturated(z)), d1.Add(w.DotProductPairsSaturated(u))
		w = archsimd.LoadUint8x64(&p[2])
		a2, b2 = a2.Add(w.DotProductPairsSaturated(x)), b2.Add(w.DotProductPairsSaturated(y))
		c2, d2 = c2.Add(w.DotProductPairsSaturated(z)), d2.Add(w.DotProductPairsSaturated(u))
		w = archsimd.LoadUint8x64(&p[3])
		a3, b3 = a3.Add(w.DotProductPairsSaturated(x)), b3.Add(w.DotProductPairsSaturated(y))
		c3, d3 = c3.Add(w.DotProductPairsSaturated(z)), d3.Add(w.DotProductPairsSaturated(u))
	}
	add(&sums[0], avx512Sums(a0, a1, a2, a3))
	add(&sums[1], avx512Sums(b0, b1, b2, b3))
	add(&sums[2], avx512Sums(c0, c1, c2, c3))
	add(&sums[3], avx512Sums(d0, d1, d2, d3))
}
