package emulate

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Parts of a float32.
const (
	signBit      = uint32(1) << 31
	exponentBits = uint32(0xFF) << 23
	mantissaBits = uint32(1)<<23 - 1
)

// Element returns x rounded to the values of f: to nearest even if u is nil, and
// else up or down by the uniforms u in [0, 1), of x's shape.
func Element(f minifloat.Format, x, u *Node) *Node {
	check(x, u)
	x = StopGradient(x)
	bits := Bitcast(x, dtypes.Uint32)
	a := Min(Bitcast(and(bits, ^signBit), dtypes.Float32), ConstAs(x, float64(f.Max())))
	least := math.Ldexp(float64(f.Decode(1)), f.Mantissa()) // the smallest normal value
	step := MulScalar(MaxScalar(power(a), least), math.Ldexp(1, -f.Mantissa()))
	r := Div(a, step)
	if u == nil {
		r = Round(r)
	} else {
		r = Floor(Add(r, u))
	}
	q := Min(Mul(r, step), ConstAs(x, float64(f.Max())))
	q = Bitcast(BitwiseOr(Bitcast(q, dtypes.Uint32), and(bits, signBit)), dtypes.Float32)
	return Where(IsNaN(x), x, q)
}

// Uniforms returns the numbers in [0, 1), of n bits, that package rounding draws
// for a tensor of a shape with a key, a uint32 scalar.
func Uniforms(key *Node, shape shapes.Shape, n int) *Node {
	if key.DType() != dtypes.Uint32 || !key.Shape().IsScalar() {
		exceptions.Panicf("emulate: key %s, want a uint32 scalar", key.Shape())
	}
	i := Iota(key.Graph(), shapes.Make(dtypes.Uint32, shape.Size()), 0)
	bits := mix(Add(mix(BitwiseXor(i, key)), key))
	high := ConvertDType(BitwiseShiftRightLogical(bits, ConstAs(bits, uint32(32-n))), dtypes.Float32)
	return Reshape(MulScalar(high, math.Ldexp(1, -n)), shape.Dimensions...)
}

// Key is rounding.NewKey for a count on a graph node, a uint32 scalar.
func Key(count *Node, stream uint32) *Node {
	if count.DType() != dtypes.Uint32 || !count.Shape().IsScalar() {
		exceptions.Panicf("emulate: count %s, want a uint32 scalar", count.Shape())
	}
	return mix(Add(count, mix(ConstAs(count, stream))))
}

// mix hashes every element of x; it is Wellons' lowbias32, as in package rounding.
func mix(x *Node) *Node {
	fold := func(x *Node, n uint32) *Node { return BitwiseXor(x, BitwiseShiftRightLogical(x, ConstAs(x, n))) }
	x = Mul(fold(x, 16), ConstAs(x, uint32(0x7feb352d)))
	x = Mul(fold(x, 15), ConstAs(x, uint32(0x846ca68b)))
	return fold(x, 16)
}

// check panics if x cannot be rounded with u.
func check(x, u *Node) {
	if x.DType() != dtypes.Float32 {
		exceptions.Panicf("emulate: %s, want float32", x.Shape())
	}
	if u != nil && !u.Shape().Equal(x.Shape()) {
		exceptions.Panicf("emulate: uniforms %s for %s, want one for each value", u.Shape(), x.Shape())
	}
}

// blocked calls f with the last axis of x and u cut into blocks: [..., blocks, size].
func blocked(x, u *Node, size int, f func(x, u *Node) *Node) *Node {
	dims := x.Shape().Dimensions
	if len(dims) == 0 || size < 1 || dims[len(dims)-1]%size != 0 {
		exceptions.Panicf("emulate: blocks of %d along the last axis of %s, want a divisor of it", size, x.Shape())
	}
	cut := append(append([]int{}, dims[:len(dims)-1]...), dims[len(dims)-1]/size, size)
	if u != nil {
		u = Reshape(u, cut...)
	}
	return Reshape(f(Reshape(x, cut...), u), dims...)
}

// largest is max|x| of each block, [..., blocks, 1].
func largest(x *Node) *Node { return ReduceAndKeep(Abs(x), ReduceMax, -1) }

// power is 2^⌊log2 a⌋ of positive numbers, 0 below 2^-126.
func power(a *Node) *Node {
	return Bitcast(and(Bitcast(a, dtypes.Uint32), exponentBits), dtypes.Float32)
}

func and(x *Node, mask uint32) *Node { return BitwiseAnd(x, ConstAs(x, mask)) }
