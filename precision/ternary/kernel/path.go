package kernel

import "unsafe"

// path is one implementation of the kernels. All give the same bits: their sums are
// whole numbers, and what is done in floating point is the same operations in the same order.
type path struct {
	name string
	// quantize writes the codes of x to q and returns the scale and their sum.
	quantize func(q []int8, x []float32) (scale float32, sum int32)
	// single computes the groups [from, to) of rows of m for row i of x.
	single func(y []float32, m *Matrix, x *Activations, i, from, to int)
	// batch does so for n rows of x, minTable to tableRows, and all of y. It is nil for
	// the portable kernel.
	batch func(y []float32, m *Matrix, x *Activations, from, to, first, n int, s *scratch)
}

// Path is the name of the kernels that this processor and build use: "avx512", "avx2"
// or "portable".
func Path() string { return paths()[0].name }

// paths returns what this processor can run, the fastest first.
func paths() []*path { return available }

var available = append(simdPaths(), &portable)

// flat returns the values of lines.
func flat(lines [][line]int8) []int8 {
	return unsafe.Slice(&lines[0][0], len(lines)*line)
}
