package gemv

import (
	"fmt"
	"math"
	"unsafe"
)

// Weight is the type of a weight: float32, or the bits of a bfloat16.
type Weight interface{ float32 | uint16 }

// lanes is how many sums a dot product has.
const lanes = 16

// together is how many rows of weights are computed together.
const together = 8

// path is one implementation. All give the same bits.
type path struct {
	name string
	// These write the products of x with eight rows of weights, each stride bytes after
	// the one before, of n columns, 1 or more.
	float32 func(y *[together]float32, w *float32, stride int, x *float32, n int)
	bf16    func(y *[together]float32, w *uint16, stride int, x *float32, n int)
	// The same for two rows of activations, n values apart, whose results are width values
	// apart; nil without.
	float32Two func(y *[together]float32, w *float32, stride int, x *float32, n, width int)
	bf16Two    func(y *[together]float32, w *uint16, stride int, x *float32, n, width int)
	// addScaled adds s·x to y, n values, 1 or more.
	addScaled func(y, x *float32, n int, s float32)
}

// Path is the name of the kernels that this processor uses: "avx512", "avx2" or "portable".
func Path() string { return paths()[0].name }

func paths() []*path { return available }

var available = append(processorPaths(), &portable)

// Matrix is a weight [rows, cols], row-major, whose rows begin Stride values apart.
type Matrix[W Weight] struct {
	W            []W
	Cols, Stride int
}

// Multiply writes the products of the rows [from, to) of m with each row of x [n, Cols]
// to y, whose row i begins at i·width: y[i·width+r] = Σ_k m[r,k]·x[i,k]. Different
// goroutines may compute different rows of m. It panics where a slice is too short.
func Multiply[W Weight](y []float32, width int, m Matrix[W], x []float32, n, from, to int) {
	multiply(available[0], y, width, m, x, n, from, to)
}

func multiply[W Weight](p *path, y []float32, width int, m Matrix[W], x []float32, n, from, to int) {
	if from >= to || n < 1 {
		return
	}
	if m.Cols < 1 || m.Stride < m.Cols || from < 0 || to > width || len(m.W) < (to-1)*m.Stride+m.Cols || len(x) < n*m.Cols || len(y) < (n-1)*width+to {
		panic(fmt.Sprintf("gemv: rows %d to %d of %d weights with rows of %d columns, %d apart, by %d of %d values, to %d of %d results",
			from, to, len(m.W), m.Cols, m.Stride, n, len(x), len(y), width))
	}
	stride := m.Stride * int(unsafe.Sizeof(m.W[0]))
	r := from
	for ; r+together <= to; r += together {
		w, i := &m.W[r*m.Stride], 0
		for ; i+1 < n && p.float32Two != nil; i += 2 {
			_ = y[(i+1)*width+r+together-1] // the last that is written
			twoDots(p, (*[together]float32)(y[i*width+r:]), w, stride, &x[i*m.Cols], m.Cols, width)
		}
		for ; i < n; i++ {
			dots(p, (*[together]float32)(y[i*width+r:]), w, stride, &x[i*m.Cols], m.Cols)
		}
	}
	for ; r < to; r++ { // a stride of zero: eight times the same row
		var same [together]float32
		for i := range n {
			dots(p, &same, &m.W[r*m.Stride], 0, &x[i*m.Cols], m.Cols)
			y[i*width+r] = same[0]
		}
	}
}

func dots[W Weight](p *path, y *[together]float32, w *W, stride int, x *float32, n int) {
	switch w := any(w).(type) {
	case *float32:
		p.float32(y, w, stride, x, n)
	case *uint16:
		p.bf16(y, w, stride, x, n)
	}
}

func twoDots[W Weight](p *path, y *[together]float32, w *W, stride int, x *float32, n, width int) {
	switch w := any(w).(type) {
	case *float32:
		p.float32Two(y, w, stride, x, n, width)
	case *uint16:
		p.bf16Two(y, w, stride, x, n, width)
	}
}

// AddScaled adds s·x to y, of which it takes as many values as x has. Products and sums
// are rounded to float32, one after the other.
func AddScaled(y, x []float32, s float32) {
	if len(x) > 0 {
		available[0].addScaled(&y[:len(x)][0], &x[0], len(x), s)
	}
}

var portable = path{name: "portable", float32: portableFloat32, bf16: portableBF16, addScaled: portableAddScaled}

func portableFloat32(y *[together]float32, w *float32, stride int, x *float32, n int) {
	v := unsafe.Slice(x, n)
	for r := range y {
		y[r] = dot(unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(w), r*stride)), n), v)
		if stride == 0 {
			return
		}
	}
}

func portableBF16(y *[together]float32, w *uint16, stride int, x *float32, n int) {
	v := unsafe.Slice(x, n)
	for r := range y {
		var s [lanes]float32
		row := unsafe.Slice((*uint16)(unsafe.Add(unsafe.Pointer(w), r*stride)), n)
		for k, c := range row {
			s[k%lanes] += float32(math.Float32frombits(uint32(c)<<16) * v[k])
		}
		y[r] = fold(&s)
		if stride == 0 {
			return
		}
	}
}

// dot is a dot product with four lanes at a time in registers. The conversions keep
// compilers from fusing a product and a sum.
func dot(w, x []float32) float32 {
	var s [lanes]float32
	whole := len(w) &^ (lanes - 1)
	for j := 0; j < lanes; j += 4 {
		var s0, s1, s2, s3 float32
		for k := j; k < whole; k += lanes {
			a, b := (*[4]float32)(w[k:]), (*[4]float32)(x[k:])
			s0 += float32(a[0] * b[0])
			s1 += float32(a[1] * b[1])
			s2 += float32(a[2] * b[2])
			s3 += float32(a[3] * b[3])
		}
		s[j], s[j+1], s[j+2], s[j+3] = s0, s1, s2, s3
	}
	for k := whole; k < len(w); k++ {
		s[k-whole] += float32(w[k] * x[k])
	}
	return fold(&s)
}

// fold adds the lanes.
func fold(s *[lanes]float32) float32 {
	for h := lanes / 2; h > 0; h /= 2 {
		for j := range h {
			s[j] += s[j+h]
		}
	}
	return s[0]
}

func portableAddScaled(y, x *float32, n int, s float32) {
	out, in := unsafe.Slice(y, n), unsafe.Slice(x, n)
	for i, v := range in {
		out[i] += float32(v * s)
	}
}
