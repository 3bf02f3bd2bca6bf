package lanes

import (
	"math"
	"unsafe"
)

const magnitude = 1<<31 - 1

// AbsMax returns max|x| as the bits of a float32: more than those of infinity
// means that there is a NaN. It is of all values, unlike the conversions.
func AbsMax(x []float32) uint32 {
	n, amax := absMax(x)
	return max(amax, absMaxOf(x[n:]))
}

// absMaxOf has four maxima, so that one comparison need not wait for another.
func absMaxOf(x []float32) uint32 {
	// reads integers: a float32 would go through another register
	bits := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
	var a, b, c, d uint32
	for ; len(bits) >= 4; bits = bits[4:] {
		a = max(a, bits[0]&magnitude)
		b = max(b, bits[1]&magnitude)
		c = max(c, bits[2]&magnitude)
		d = max(d, bits[3]&magnitude)
	}
	for _, v := range bits {
		a = max(a, v&magnitude)
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
