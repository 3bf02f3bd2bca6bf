package hadamard

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Matrix returns Sylvester's matrix of n rows over √n, row by row, symmetric and
// its own inverse. It panics unless n is a power of two.
func Matrix(n int) []float32 {
	if n < 1 || n&(n-1) != 0 {
		exceptions.Panicf("hadamard: size %d, want a power of two", n)
	}
	h := make([]float32, n*n)
	entry := float32(1 / math.Sqrt(float64(n)))
	for i := range n {
		for j := range n {
			h[i*n+j] = entry
			if onesCommon(i, j)%2 == 1 {
				h[i*n+j] = -entry
			}
		}
	}
	return h
}

// onesCommon is how many bits i and j have in common.
func onesCommon(i, j int) int {
	n := 0
	for v := i & j; v != 0; v &= v - 1 {
		n++
	}
	return n
}

// Signs returns n signs ±1 from the upper bits of a key's random numbers.
func Signs(key rounding.Key, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = 1
		if key.Bits(uint64(i))>>31 == 1 {
			s[i] = -1
		}
	}
	return s
}

// Transform returns x·diag(s)·H for each n values along the last axis of x, with
// signs s [n], or without if s is nil. It panics unless n divides the last axis.
func Transform(x, s *Node, n int) *Node {
	parts := chunks(x, n)
	if s != nil {
		parts = Mul(parts, broadcast(s, parts))
	}
	return Reshape(product(parts, n), x.Shape().Dimensions...)
}

// Restore returns x·H·diag(s) for each n values, which undoes Transform.
func Restore(x, s *Node, n int) *Node {
	parts := product(chunks(x, n), n)
	if s != nil {
		parts = Mul(parts, broadcast(s, parts))
	}
	return Reshape(parts, x.Shape().Dimensions...)
}

// chunks is x as [rest, n].
func chunks(x *Node, n int) *Node {
	if x.Rank() < 1 || n < 1 || x.Shape().Dim(-1)%n != 0 {
		exceptions.Panicf("hadamard: transforms of %d along the last axis of %s, want a divisor of it", n, x.Shape())
	}
	return Reshape(x, -1, n)
}

func broadcast(s, like *Node) *Node {
	if s.Rank() != 1 || s.Shape().Dim(0) != like.Shape().Dim(1) {
		exceptions.Panicf("hadamard: signs %s for transforms of %d", s.Shape(), like.Shape().Dim(1))
	}
	return BroadcastToShape(InsertAxes(s, 0), like.Shape())
}

func product(x *Node, n int) *Node {
	h := Reshape(Const(x.Graph(), Matrix(n)), n, n)
	return MatMul(x, ConvertDType(h, x.DType()))
}
