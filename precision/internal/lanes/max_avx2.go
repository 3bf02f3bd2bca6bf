//go:build goexperiment.simd && amd64

package lanes

import "simd/archsimd"

// absMax returns how many values it has looked at, and AbsMax of them.
func absMax(x []float32) (n int, amax uint32) {
	n = len(x) / group
	if !avx2 || n == 0 {
		return 0, 0
	}
	mask := archsimd.BroadcastInt32x8(magnitude)
	var a, b archsimd.Int32x8
	for i := range n {
		in := (*[group]float32)(x[i*group:])
		a = a.Max(archsimd.LoadFloat32x8((*[8]float32)(in[0:])).AsInt32x8().And(mask))
		b = b.Max(archsimd.LoadFloat32x8((*[8]float32)(in[8:])).AsInt32x8().And(mask))
		a = a.Max(archsimd.LoadFloat32x8((*[8]float32)(in[16:])).AsInt32x8().And(mask))
		b = b.Max(archsimd.LoadFloat32x8((*[8]float32)(in[24:])).AsInt32x8().And(mask))
	}
	var rest [8]int32
	a.Max(b).Store(&rest)
	archsimd.ClearAVXUpperBits()
	for _, v := range rest {
		amax = max(amax, uint32(v))
	}
	return n * group, amax
}

// partMax returns how many maxima it has written.
func partMax(dst, x []float32) int {
	n := len(dst) / 4
	if !avx2 || n == 0 {
		return 0
	}
	mask := archsimd.BroadcastInt32x8(magnitude)
	for i := range n {
		in := (*[4 * Part]float32)(x[i*4*Part:])
		a, b := partLanes((*[Part]float32)(in[0*Part:]), mask), partLanes((*[Part]float32)(in[1*Part:]), mask)
		c, d := partLanes((*[Part]float32)(in[2*Part:]), mask), partLanes((*[Part]float32)(in[3*Part:]), mask)
		ab := a.InterleaveLo(b).Max(a.InterleaveHi(b)).AsInt64x2()
		cd := c.InterleaveLo(d).Max(c.InterleaveHi(d)).AsInt64x2()
		m := ab.InterleaveLo(cd).AsInt32x4().Max(ab.InterleaveHi(cd).AsInt32x4())
		m.AsFloat32x4().Store((*[4]float32)(dst[4*i:]))
	}
	archsimd.ClearAVXUpperBits()
	return 4 * n
}

// partLanes has the maximum in one of four lanes.
func partLanes(in *[Part]float32, mask archsimd.Int32x8) archsimd.Int32x4 {
	m := archsimd.LoadFloat32x8((*[8]float32)(in[0:])).AsInt32x8().And(mask)
	m = m.Max(archsimd.LoadFloat32x8((*[8]float32)(in[8:])).AsInt32x8().And(mask))
	return m.GetLo().Max(m.GetHi())
}
