package kernel

import "unsafe"

// path is one implementation of the kernels. All give the same bits: their sums are
// whole numbers, and what is done in floating point is the same operations in the same order.
type path struct {
	name string
	// spread says that single reads words, see there.
	spread bool
	// quantize writes the codes of x to q and returns the scale and their sum.
	quantize func(q []int8, x []float32) (scale float32, sum int32)
	// single computes the groups [from, to) of rows of m for row i of x.
	single func(y []float32, m *Matrix, x *Activations, i, from, to int)
	// batches are ways to do so for several rows.
	batches []batch
}

// batch multiplies several rows of activations together.
type batch struct {
	name string
	// allowed says whether it may be used, where that is not known beforehand.
	allowed func() bool
	// run computes the groups [from, to) of rows of m for n rows of x from the first on,
	// and all of y.
	run func(y []float32, m *Matrix, x *Activations, from, to, first, n int, s *Scratch)
}

// Path is the name of the kernels that this processor and build use: "vnni", "avx2" or
// "portable".
func Path() string { return paths()[0].name }

// paths returns what this processor can run, the fastest first.
func paths() []*path { return available }

var available = append(processorPaths(), &portable)

// flat returns the values of lines.
func flat(lines [][line]int8) []int8 {
	return unsafe.Slice(&lines[0][0], len(lines)*line)
}
