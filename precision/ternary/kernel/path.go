package kernel

import "unsafe"

// plane is 64 columns of a group of rows, a byte a code.
type plane [group][line]uint8

// path is one implementation of the kernels. All give the same bits: their sums are
// whole numbers, and what is done in floating point is done by the same code.
type path struct {
	name string
	// segment is how many blocks unpack and batch take at most.
	segment int
	// quantize writes the codes of x to q and returns the scale and their sum.
	quantize func(q []int8, x []float32) (scale float32, sum int32)
	// single computes the groups [from, to) of rows of m for an x of one row.
	single func(y []float32, m *Matrix, x *Activations, from, to int)
	// unpack writes the codes, plus one, of the tiles to four times as many planes. It is
	// nil for the portable kernel, which reads other words.
	unpack func(planes []plane, tiles []tile)
	// batch adds Σ(code+1)·x to the sums of each row of activations, which are rows
	// beginning every stride lines of x.
	batch func(sums [][group]int32, planes []plane, x [][line]int8, stride int)
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
