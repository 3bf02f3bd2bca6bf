package emulate

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
)

// MX returns x [..., n] rounded to the values of an MX format with blocks along the
// last axis, n a multiple of mx.Block: to nearest even if u is nil, and else by the
// uniforms u. Like the codec it leaves the factor of ThreeQuarters in.
func MX(f mx.Format, x, u *Node) *Node {
	check(x, u)
	return blocked(StopGradient(x), u, mx.Block, func(x, u *Node) *Node {
		amax := largest(x)
		y, b := divided(f, x, amax)
		y = Mul(Element(f.Elem, y, u), exp2(b))
		return Where(BroadcastToShape(IsFinite(amax), x.Shape()), y, ConstAs(x, math.NaN()))
	})
}

// divided is x over the scales of its blocks, whose bytes are b.
func divided(f mx.Format, x, amax *Node) (y, b *Node) {
	b = exponent(f, amax)
	y = Mul(x, exp2(Sub(ConstAs(b, int32(254)), b)))
	if f.ThreeQuarters {
		y = MulScalar(y, 0.75)
	}
	return y, b
}

// MXClipped is 1 for each value of x that MX sets to the format's largest because
// it is beyond it, and 0 for the others.
func MXClipped(f mx.Format, x *Node) *Node {
	check(x, nil)
	return blocked(StopGradient(x), nil, mx.Block, func(x, _ *Node) *Node {
		y, _ := divided(f, x, largest(x))
		return beyond(f.Elem, y)
	})
}

// beyond is 1 where |y| is more than the largest value of f.
func beyond(f minifloat.Format, y *Node) *Node {
	return ConvertDType(GreaterThan(Abs(y), ConstAs(y, float64(f.Max()))), y.DType())
}

// exponent is the scale byte of blocks with the given largest values, int32, within
// [1, 253] so that neither the scale nor its inverse is subnormal.
func exponent(f mx.Format, amax *Node) *Node {
	bits := Bitcast(amax, dtypes.Uint32)
	field := func(bits *Node) *Node {
		return ConvertDType(BitwiseShiftRightLogical(bits, ConstAs(bits, uint32(23))), dtypes.Int32)
	}
	rest := func(bits *Node, over uint32) *Node { // 1 if the mantissa is above
		m := and(bits, mantissaBits)
		return ConvertDType(GreaterThan(m, ConstAs(m, over)), dtypes.Int32)
	}
	var b *Node
	switch f.Scale {
	case mx.Floor:
		b = AddScalar(field(bits), -f.Elem.EMax())
	case mx.RoundUp:
		v := Bitcast(MulScalar(amax, float64(1/f.Elem.Max())), dtypes.Uint32)
		b = Add(field(v), rest(v, 0))
	case mx.Ceil:
		b = AddScalar(Add(field(bits), rest(bits, 0)), -f.Elem.EMax())
	case mx.Even:
		half := uint32(1) << (23 - f.Elem.Mantissa() - 1)
		b = AddScalar(field(Add(bits, ConstAs(bits, half))), -f.Elem.EMax())
	case mx.TruncFree:
		over := math.Float32bits(f.Elem.Max()) & mantissaBits
		b = AddScalar(Add(field(bits), rest(bits, over)), -f.Elem.EMax())
	default:
		exceptions.Panicf("emulate: no rule for scales %v", f.Scale)
	}
	return Min(Max(b, ConstAs(b, int32(1))), ConstAs(b, int32(253)))
}

// exp2 is 2^(b-127) for b in [1, 254].
func exp2(b *Node) *Node {
	bits := ConvertDType(b, dtypes.Uint32)
	return Bitcast(BitwiseShiftLeft(bits, ConstAs(bits, uint32(23))), dtypes.Float32)
}

// NVFP4 returns x [..., n] rounded to the values of NVFP4, in its training form,
// with blocks of mx.NVBlock along the last axis: to nearest even if u is nil, and
// else by the uniforms u. Scales are always to nearest.
func NVFP4(x, u *Node) *Node {
	check(x, u)
	x = StopGradient(x)
	tensor := tensorScale(x)
	return blocked(x, u, mx.NVBlock, func(x, u *Node) *Node { return nvfp4(x, largest(x), tensor, u) })
}

// NVFP4Clipped is MXClipped for NVFP4, or with rows = mx.NVBlock for NVFP4Tiles:
// scales that were rounded down put a block's largest values beyond the format's.
func NVFP4Clipped(x *Node, rows int) *Node {
	check(x, nil)
	x = StopGradient(x)
	tensor := tensorScale(x)
	return Scales{Rows: rows, Cols: mx.NVBlock}.apply(x, nil, func(x, amax, _ *Node) *Node {
		_, into, none := nvScales(amax, tensor)
		y := Mul(x, into)
		return Where(BroadcastToShape(none, x.Shape()), ZerosLike(y), beyond(minifloat.E2M1, y))
	})
}

// NVFP4Tiles is NVFP4 of a matrix [m, n] with one scale for each tile of mx.NVBlock
// rows and columns, so that the transpose has the same values.
func NVFP4Tiles(x, u *Node) *Node {
	check(x, u)
	const side = mx.NVBlock
	dims := x.Shape().Dimensions
	if len(dims) != 2 || dims[0]%side != 0 || dims[1]%side != 0 {
		exceptions.Panicf("emulate: tiles of %d × %d in %s, want a matrix with multiples of both", side, side, x.Shape())
	}
	x = StopGradient(x)
	cut := []int{dims[0] / side, side, dims[1] / side, side}
	if u != nil {
		u = Reshape(u, cut...)
	}
	tiles := Reshape(x, cut...)
	return Reshape(nvfp4(tiles, ReduceAndKeep(Abs(tiles), ReduceMax, 1, 3), tensorScale(x), u), dims...)
}

// tensorScale is S of package mx: 448·6/max|x|, 1 for zeros. It is NaN if x has an
// infinity or NaN.
func tensorScale(x *Node) *Node {
	amax := ReduceAllMax(Abs(x))
	top := float64(minifloat.E4M3.Max() * minifloat.E2M1.Max())
	zero := Equal(amax, ConstAs(amax, 0))
	s := Min(Div(ConstAs(amax, top), Where(zero, OnesLike(amax), amax)), ConstAs(amax, float64(math.MaxFloat32)))
	s = Where(zero, OnesLike(amax), s)
	s = Where(Equal(s, ConstAs(s, 0)), OnesLike(s), s)
	return Where(IsFinite(ReduceAllSum(MulScalar(x, 0))), s, ConstAs(s, math.NaN()))
}

// nvfp4 rounds blocks with largest values amax, in the order of operations of
// package mx.
func nvfp4(x, amax, tensor, u *Node) *Node {
	scale, into, none := nvScales(amax, tensor)
	codes := Element(minifloat.E2M1, Mul(x, into), u)
	return Where(BroadcastToShape(none, x.Shape()), ZerosLike(x), Mul(Mul(codes, scale), Inverse(tensor)))
}

// nvScales are the E4M3 scale of each block, what its values are multiplied with, and
// whether the scale is 0.
func nvScales(amax, tensor *Node) (scale, into, none *Node) {
	sixth := MulScalar(tensor, float64(float32(1)/minifloat.E2M1.Max()))
	scale = Element(minifloat.E4M3, Min(Mul(amax, sixth), ConstAs(amax, float64(minifloat.E4M3.Max()))), nil)
	back := Mul(scale, Inverse(tensor))
	none = Equal(back, ConstAs(back, 0))
	into = Min(Inverse(Where(none, OnesLike(back), back)), ConstAs(back, float64(math.MaxFloat32)))
	return scale, into, none
}
