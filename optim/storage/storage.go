package storage

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

// float32Storage keeps tensors as they are.
type float32Storage struct{}

// Float32 returns the storage that keeps every bit.
func Float32() update.Storage { return float32Storage{} }

func (float32Storage) Name() string                         { return "float32" }
func (float32Storage) Check(update.Spec) error              { return nil }
func (float32Storage) Specs(s update.Spec) []update.Spec    { return []update.Spec{s} }
func (float32Storage) Load(_ update.Spec, in []*Node) *Node { return in[0] }
func (float32Storage) Store(_ update.Spec, x *Node, _ update.Noise) []*Node {
	return []*Node{x}
}

// bfloat16Storage keeps the upper half of a float32.
type bfloat16Storage struct{}

// BFloat16 returns the storage of 16 bits with stochastic rounding.
func BFloat16() update.Storage { return bfloat16Storage{} }

func (bfloat16Storage) Name() string            { return "bfloat16" }
func (bfloat16Storage) Check(update.Spec) error { return nil }

func (bfloat16Storage) Specs(s update.Spec) []update.Spec {
	s.DType = dtypes.BFloat16
	return []update.Spec{s}
}

func (bfloat16Storage) Load(_ update.Spec, in []*Node) *Node {
	return ConvertDType(in[0], dtypes.Float32)
}

// Store adds 16 random bits to the float's pattern and drops the lower 16: a
// carry into what stays happens with the probability of what is dropped.
func (bfloat16Storage) Store(_ update.Spec, x *Node, noise update.Noise) []*Node {
	bits := Bitcast(x, dtypes.Uint32)
	random := BitwiseAnd(noise(x.Shape()), ConstAs(bits, uint32(0xFFFF)))
	kept := BitwiseAnd(Add(bits, random), ConstAs(bits, uint32(0xFFFF0000)))
	return []*Node{ConvertDType(Bitcast(kept, dtypes.Float32), dtypes.BFloat16)} // exact
}

// DefaultBlock is the number of values that share a scale.
const DefaultBlock = 256

// blocks is what Linear8 and Dynamic8 have in common.
type blocks struct{ size int }

func (b blocks) count(s update.Spec) int { return (elements(s) + b.size - 1) / b.size }

// specs declares codes of the tensor's shape and a scale for each block.
func (b blocks) specs(s update.Spec, codes dtypes.DType) []update.Spec {
	return []update.Spec{
		{Name: s.Name + ".codes", Shape: s.Shape, DType: codes},
		{Name: s.Name + ".scales", Shape: []int{b.count(s)}, DType: dtypes.Float32},
	}
}

func (b blocks) check(s update.Spec) error {
	if b.size < 2 {
		return fmt.Errorf("storage: blocks of %d values, want at least 2", b.size)
	}
	if s.DType != dtypes.Float32 {
		return fmt.Errorf("storage: state %s is %s, want float32", s.Name, s.DType)
	}
	return nil
}

// cut returns x as [blocks, size], the last one filled with zeros.
func (b blocks) cut(s update.Spec, x *Node) *Node {
	x = Reshape(x, -1)
	if missing := b.count(s)*b.size - elements(s); missing > 0 {
		x = Concatenate([]*Node{x, Zeros(x.Graph(), shapes.Make(x.DType(), missing))}, 0)
	}
	return Reshape(x, -1, b.size)
}

// join undoes cut.
func (b blocks) join(s update.Spec, x *Node) *Node {
	x = Reshape(x, -1)
	if n := elements(s); n < x.Shape().Dim(0) {
		x = SliceAxis(x, 0, AxisRange(0, n))
	}
	return Reshape(x, s.Shape...)
}

// oneForZero makes a scale a divisor: a block of zeros stays one.
func oneForZero(scale *Node) *Node {
	return Where(Equal(scale, ZerosLike(scale)), OnesLike(scale), scale)
}

func elements(s update.Spec) int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}
