package lanes

import "math"

const magnitude = 1<<31 - 1

// AbsMax returns max|x| as the bits of a float32: more than those of infinity
// means that there is a NaN. It is of all values, unlike the conversions.
func AbsMax(x []float32) uint32 {
	n, amax := absMax(x)
	return max(amax, absMaxOf(x[n:]))
}

// absMaxOf has four maxima, so that one comparison need not wait for another.
func absMaxOf(x []float32) uint32 {
	var a, b, c, d uint32
	for ; len(x) >= 4; x = x[4:] {
		a = max(a, math.Float32bits(x[0])&magnitude)
		b = max(b, math.Float32bits(x[1])&magnitude)
		c = max(c, math.Float32bits(x[2])&magnitude)
		d = max(d, math.Float32bits(x[3])&magnitude)
	}
	for _, v := range x {
		a = max(a, math.Float32bits(v)&magnitude)
	}
	return max(a, b, c, d)
}

// PartMax writes the number with the bits AbsMax of each Part values to dst, of
// which there are len(x)/Part.
func PartMax(dst, x []float32) {
	for i := partMax(dst, x); i < len(dst); i++ {
		dst[i] = math.Float32frombits(absMaxOf(x[i*Part : (i+1)*Part]))
	}
}
