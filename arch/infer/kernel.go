package infer

// dot2 returns x·u and x·v. Every float32 dot product of the package goes
// through it, which fixes the order of summation: lane j sums the products with
// k mod 4 == j, the rest goes to lane 0.
func dot2(x, u, v []float32) (xu, xv float32) {
	u, v = u[:len(x)], v[:len(x)]
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		p, q, r := (*[4]float32)(x[i:]), (*[4]float32)(u[i:]), (*[4]float32)(v[i:])
		a0 += p[0] * q[0]
		b0 += p[0] * r[0]
		a1 += p[1] * q[1]
		b1 += p[1] * r[1]
		a2 += p[2] * q[2]
		b2 += p[2] * r[2]
		a3 += p[3] * q[3]
		b3 += p[3] * r[3]
	}
	for ; i < len(x); i++ {
		a0 += x[i] * u[i]
		b0 += x[i] * v[i]
	}
	return (a0 + a1) + (a2 + a3), (b0 + b1) + (b2 + b3)
}

// addScaled adds s·x to y.
func addScaled(y, x []float32, s float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += s * x[i]
	}
}

// maxLane is how many products of an int8 and a ternary code fit a 16-bit lane:
// 255·128 < 2¹⁵.
const maxLane = 255

// lanes maps a byte of four two-bit codes (value + 1, lowest bits first) to the
// sum of value_j·2^(16j). Adding multiples of such words adds lane by lane, the
// borrow of a negative lane included; unpack undoes it.
var lanes = func() (table [256]int64) {
	for b := range table {
		for j := range 4 {
			table[b] += int64(b>>(2*j)&3-1) << (16 * j)
		}
	}
	return table
}()

// codeOf is the two-bit code of a ternary value.
func codeOf(v int8) uint8 { return uint8(v + 1) }

// unpack adds the four lanes of s to acc.
func unpack(acc *[4]int32, s int64) {
	for j := range acc {
		lane := int16(s)
		acc[j] += int32(lane)
		s = (s - int64(lane)) >> 16
	}
}

// ternary2x2 multiplies two groups of four outputs with two rows: w and u hold
// a byte per column, x and z the rows' codes. The results are for (w,x), (w,z),
// (u,x) and (u,z).
func ternary2x2(w, u []uint8, x, z []int8) (acc [4][4]int32) {
	u, x, z = u[:len(w)], x[:len(w)], z[:len(w)]
	for from := 0; from < len(w); from += maxLane {
		to := min(from+maxLane, len(w))
		cw, cu, cx, cz := w[from:to], u[from:to], x[from:to], z[from:to]
		cu, cx, cz = cu[:len(cw)], cx[:len(cw)], cz[:len(cw)]
		var wx, wz, ux, uz int64
		for k, b := range cw {
			vw, vu := lanes[b], lanes[cu[k]]
			a, c := int64(cx[k]), int64(cz[k])
			wx += vw * a
			wz += vw * c
			ux += vu * a
			uz += vu * c
		}
		unpack(&acc[0], wx)
		unpack(&acc[1], wz)
		unpack(&acc[2], ux)
		unpack(&acc[3], uz)
	}
	return acc
}

// ternary1x1 is ternary2x2 for one group and one row.
func ternary1x1(w []uint8, x []int8) (acc [4]int32) {
	x = x[:len(w)]
	for from := 0; from < len(w); from += maxLane {
		to := min(from+maxLane, len(w))
		cw, cx := w[from:to], x[from:to]
		cx = cx[:len(cw)]
		var s int64
		for k, b := range cw {
			s += lanes[b] * int64(cx[k])
		}
		unpack(&acc, s)
	}
	return acc
}
