package emulate

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
)

// Scales says which values share a float32 scale V/max|x|, where V is the format's
// largest value. The zero value is one scale for the tensor.
type Scales struct {
	Cols int  // so many values along the last axis, 0 for all of the tensor
	Rows int  // and so many rows of a matrix; 0 and 1 are one row
	Pow2 bool // the scale is rounded down to a power of two
}

// Row is one scale for each row of a tensor whose last axis has n values.
func Row(n int) Scales { return Scales{Cols: n} }

// Scaled returns x rounded to the values of f after a multiplication by a scale,
// and divided again: to nearest even if u is nil, and else by the uniforms u.
func Scaled(f minifloat.Format, x *Node, s Scales, u *Node) *Node {
	check(x, u)
	return s.apply(StopGradient(x), u, func(x, amax, u *Node) *Node {
		scale := s.scale(amax, float64(f.Max()))
		return Div(Element(f, Mul(x, scale), u), scale)
	})
}

// Int8 is Scaled for whole numbers from -127 to 127.
func Int8(x *Node, s Scales, u *Node) *Node {
	check(x, u)
	return s.apply(StopGradient(x), u, func(x, amax, u *Node) *Node {
		const most = 127
		scale := s.scale(amax, most)
		codes := Mul(x, scale)
		if u == nil {
			codes = Round(codes)
		} else {
			codes = Floor(Add(codes, u))
		}
		return Div(ClipScalar(codes, -most, most), scale)
	})
}

// BFloat16 returns x rounded to the values of bfloat16: to nearest even if u is
// nil, and else by the uniforms u, multiples of 2^-16.
//
// It works on bits, because a compiler that is allowed excess precision removes a
// conversion and its way back.
func BFloat16(x, u *Node) *Node {
	check(x, u)
	x = StopGradient(x)
	bits := Bitcast(x, dtypes.Uint32)
	var up *Node
	if u == nil {
		odd := and(BitwiseShiftRightLogical(bits, ConstAs(bits, uint32(16))), 1)
		up = Add(odd, ConstAs(bits, uint32(0x7FFF)))
	} else {
		up = ConvertDType(MulScalar(u, 0x1p16), dtypes.Uint32)
	}
	y := Bitcast(and(Add(bits, up), 0xFFFF0000), dtypes.Float32)
	return Where(IsFinite(x), y, x)
}

// scale is V/amax. A group of zeros has nothing to scale, nor has one below what
// the quotient can hold.
func (s Scales) scale(amax *Node, most float64) *Node {
	usable := GreaterThan(amax, ConstAs(amax, 0x1p-100))
	scale := Div(ConstAs(amax, most), Where(usable, amax, OnesLike(amax)))
	if s.Pow2 {
		scale = power(scale)
	}
	return Where(usable, scale, OnesLike(amax))
}

// apply calls f with x and u cut into groups and max|x| of each, of a shape that
// broadcasts.
func (s Scales) apply(x, u *Node, f func(x, amax, u *Node) *Node) *Node {
	switch {
	case s.Cols == 0:
		return f(x, ReduceAllMax(Abs(x)), u)
	case s.Rows <= 1:
		return blocked(x, u, s.Cols, func(x, u *Node) *Node { return f(x, largest(x), u) })
	}
	return tiled(x, u, s.Rows, s.Cols, f)
}

// tiled is apply for tiles of a matrix.
func tiled(x, u *Node, rows, cols int, f func(x, amax, u *Node) *Node) *Node {
	dims := x.Shape().Dimensions
	if len(dims) != 2 || dims[0]%rows != 0 || dims[1]%cols != 0 {
		exceptions.Panicf("emulate: tiles of %d × %d in %s, want a matrix with multiples of both", rows, cols, x.Shape())
	}
	cut := []int{dims[0] / rows, rows, dims[1] / cols, cols}
	if u != nil {
		u = Reshape(u, cut...)
	}
	tiles := Reshape(x, cut...)
	return Reshape(f(tiles, ReduceAndKeep(Abs(tiles), ReduceMax, 1, 3), u), dims...)
}

// Slope returns the derivative of the differentiable gradient estimator of
// arXiv:2501.17116 for E2M1 at w times its scale. Between neighbours lo and lo+δ of
// the grid it is
//
//	f' = min( |2(s-lo)/δ - 1|^(1/k-1) / k, 3 )
//
// and 1/k at their values.
func Slope(w *Node, s Scales, k int) *Node {
	check(w, nil)
	return s.apply(StopGradient(w), nil, func(w, amax, _ *Node) *Node {
		a := Abs(Mul(w, s.scale(amax, float64(minifloat.E2M1.Max()))))
		half, one, two := ConstAs(a, 0.5), ConstAs(a, 1), ConstAs(a, 2)
		step := Where(LessThan(a, ConstAs(a, 2)), half, Where(LessThan(a, ConstAs(a, 4)), one, two))
		lo := Mul(Floor(Div(a, step)), step)
		u := Abs(AddScalar(MulScalar(Div(Sub(a, lo), step), 2), -1))
		const most = 3
		// Below this the derivative is over its bound, and the power need not be taken of 0.
		least := math.Pow(most*float64(k), 1/(1/float64(k)-1))
		return MinScalar(MulScalar(Pow(MaxScalar(u, least/2), ConstAs(u, 1/float64(k)-1)), 1/float64(k)), most)
	})
}

// ClampOutliers returns x with what lies above its α-quantile or below its (1-α)-quantile
// set to that quantile, and what was cut off (arXiv:2501.17116). The quantile of n
// values is the one with number ⌊α·(n-1)⌋ from below, and the other its mirror.
func ClampOutliers(x *Node, alpha float64) (clamped, rest *Node) {
	check(x, nil)
	x = StopGradient(x)
	n := x.Shape().Size()
	sorted := Sort(Reshape(x, -1), 0, true)
	at := int(alpha * float64(n-1))
	high := Reshape(SliceAxis(sorted, 0, AxisElem(at)))
	low := Reshape(SliceAxis(sorted, 0, AxisElem(n-1-at)))
	clamped = Min(Max(x, BroadcastToShape(low, x.Shape())), BroadcastToShape(high, x.Shape()))
	return clamped, Sub(x, clamped)
}

// QuEST returns x rounded to MXFP4 with the scale of Quartet (arXiv:2505.14669),
// for each mx.Block values h with standard deviation σ
//
//	2^⌊log2(2.92247856/6·σ + 1e-8)⌋
//
// ties towards zero, and 1 where the scaled value lies within the format's range
// and 0 where it was clipped, which is what gradients are multiplied by.
func QuEST(x *Node) (y, inside *Node) {
	check(x, nil)
	x = StopGradient(x)
	group := func(f func(h, scaled, scale *Node) *Node) *Node {
		return blocked(x, nil, mx.Block, func(h, _ *Node) *Node {
			variance := Sub(ReduceAndKeep(Square(h), ReduceMean, -1), Square(ReduceAndKeep(h, ReduceMean, -1)))
			sigma := Sqrt(MaxScalar(variance, 0)) // rounding can leave a constant block below 0
			scale := power(AddScalar(MulScalar(sigma, 2.92247856/6), 1e-8))
			return f(h, Div(h, scale), scale)
		})
	}
	inside = group(func(_, s, _ *Node) *Node {
		return ConvertDType(LessThan(Abs(s), ConstAs(s, float64(minifloat.E2M1.Max()))), s.DType())
	})
	y = group(func(_, s, scale *Node) *Node {
		a := Abs(s)
		sum := ZerosLike(a)
		for _, t := range []struct{ above, add float64 }{{.25, .5}, {.75, .5}, {1.25, .5}, {1.75, .5}, {2.5, 1}, {3.5, 1}, {5, 2}} {
			sum = Add(sum, MulScalar(ConvertDType(GreaterThan(a, ConstAs(a, t.above)), a.DType()), t.add))
		}
		return Mul(Mul(sum, Sign(s)), scale)
	})
	return y, inside
}
