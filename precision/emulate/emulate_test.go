package emulate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/emulate"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Mutation: rounding halves up, taking the exponent before the value saturates,
// dropping the sign of a small number, or a rule for scales that is off by one in
// the exponent fails here.

var elements = []minifloat.Format{minifloat.E2M1, minifloat.E4M3, minifloat.E5M2}

// values are float32 of every kind: bit patterns, values near a format's grid and
// its midpoints, and numbers in the range of weights. special allows infinity and
// NaN.
func values(rng *rand.Rand, n int, special bool) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch rng.IntN(4) {
		case 0:
			x[i] = math.Float32frombits(rng.Uint32())
		case 1:
			f := elements[rng.IntN(len(elements))]
			code := uint8(rng.UintN(1 << (f.Bits() - 1)))
			mid := (f.Decode(code) + f.Decode(code+1)) / 2
			x[i] = math.Float32frombits(math.Float32bits(mid) + rng.Uint32N(3) - 1)
		case 2:
			x[i] = float32(math.Ldexp(rng.NormFloat64(), rng.IntN(24)-12))
		default:
			x[i] = float32(rng.NormFloat64())
		}
		if a := math.Abs(float64(x[i])); !special && !(a < 1e30 && a > 1e-30) {
			x[i] = 0
		}
		if rng.IntN(2) == 0 {
			x[i] = -x[i]
		}
	}
	return x
}

// compiled returns the function of a graph on x and, unless it is nil, u, of a
// shape. It compiles once, however many values it is then given.
func compiled(t testing.TB, shape []int, f func(x, u *Node) *Node) func(x, u []float32) []float32 {
	exec, err := NewExec(backend, func(in []*Node) *Node { return f(in[0], append(in, nil)[1]) })
	require.NoError(t, err)
	t.Cleanup(exec.Finalize)
	return func(x, u []float32) []float32 {
		args := []any{tensors.FromFlatDataAndDimensions(x, shape...)}
		if u != nil {
			args = append(args, tensors.FromFlatDataAndDimensions(u, shape...))
		}
		out, err := exec.Call(args...)
		require.NoError(t, err)
		return tensors.MustCopyFlatData[float32](out[0])
	}
}

// uniforms are multiples of 2^-n below 1.
func uniforms(rng *rand.Rand, count, n int) []float32 {
	u := make([]float32, count)
	for i := range u {
		u[i] = rounding.Uniform(rng.Uint32(), n)
	}
	return u
}

// same compares bits, with any NaN like any other.
func same(t require.TestingT, x, want, got []float32, what string) {
	for i := range want {
		if want[i] != want[i] && got[i] != got[i] {
			continue
		}
		require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), "%s: %g (%#x) becomes %g, want %g", what, x[i], math.Float32bits(x[i]), got[i], want[i])
	}
}

func TestElementIsTheCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := values(rng, 1<<14, true)
	x = append(x, 0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.SmallestNonzeroFloat32, math.MaxFloat32, -1e-30)
	for _, f := range elements {
		u := uniforms(rng, len(x), f.UniformBits())
		nearest, random := make([]float32, len(x)), make([]float32, len(x))
		e, err := minifloat.NewEncoder(f, minifloat.Mode{})
		require.NoError(t, err)
		for i, v := range x {
			nearest[i], random[i] = f.Decode(e.Code(v)), f.Decode(e.CodeUniform(v, u[i]))
			if v != v {
				nearest[i], random[i] = v, v // E2M1 has no NaN, the emulation does
			}
		}
		got := compiled(t, []int{len(x)}, func(x, u *Node) *Node { return emulate.Element(f, x, u) })
		same(t, x, nearest, got(x, nil), f.String())
		same(t, x, random, got(x, u), f.String()+" with uniforms")
	}
}

func TestMXIsTheCodec(t *testing.T) {
	for _, elem := range elements {
		for _, rule := range []mx.ScaleRule{mx.Floor, mx.RoundUp, mx.Ceil, mx.Even, mx.TruncFree} {
			for _, threeQuarters := range []bool{false, true} {
				checkMX(t, mx.Format{Elem: elem, Scale: rule, ThreeQuarters: threeQuarters})
			}
		}
	}
}

func checkMX(t *testing.T, f mx.Format) {
	const rows, n = 2, 3 * mx.Block
	emulated := compiled(t, []int{rows, n}, func(x, u *Node) *Node { return emulate.MX(f, x, u) })
	for _, most := range []float32{f.Elem.Max(), 1} { // largest values beside those where a scale changes
		x := make([]float32, rows*n)
		for k := -30; k <= 30; k++ {
			for b := range len(x) / mx.Block {
				edge := math.Float32bits(float32(math.Ldexp(float64(most), k)))
				x[b*mx.Block], x[b*mx.Block+1] = math.Float32frombits(edge+uint32(b)-2), float32(math.Ldexp(0.3, k))
			}
			codes, scales, want := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x))), make([]float32, len(x))
			require.NoError(t, f.Encode(codes, scales, x))
			require.NoError(t, f.Decode(want, codes, scales))
			same(t, x, want, emulated(x, nil), f.String())
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 2))
		x := values(rng, rows*n, false)
		if rapid.Bool().Draw(r, "infinity") {
			x[rng.IntN(len(x))] = float32(math.Inf(1))
		}
		u := uniforms(rng, len(x), f.Elem.UniformBits())
		codes, scales, want := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x))), make([]float32, len(x))
		require.NoError(r, f.Encode(codes, scales, x))
		require.NoError(r, f.Decode(want, codes, scales))
		same(r, x, want, emulated(x, nil), f.String())
		require.NoError(r, f.EncodeUniform(codes, scales, x, u))
		require.NoError(r, f.Decode(want, codes, scales))
		same(r, x, want, emulated(x, u), f.String()+" with uniforms")
	})
}

func TestNVFP4IsTheCodec(t *testing.T) {
	const rows, cols = 2 * mx.NVBlock, 3 * mx.NVBlock
	var f mx.NVFP4
	shape := []int{rows, cols}
	blocks := compiled(t, shape, emulate.NVFP4)
	square := compiled(t, shape, emulate.NVFP4Tiles)
	turned := compiled(t, shape, func(x, _ *Node) *Node { return Transpose(emulate.NVFP4Tiles(Transpose(x, 0, 1), nil), 0, 1) })
	rapid.Check(t, func(r *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 3))
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(math.Ldexp(rng.NormFloat64(), rng.IntN(20)-10))
		}
		if rapid.Bool().Draw(r, "zeros") {
			clear(x[:len(x)/2])
		}
		u := uniforms(rng, len(x), minifloat.E2M1.UniformBits())
		amax, err := mx.AbsMax(x)
		require.NoError(r, err)
		s := f.TensorScale(amax)
		codes, scales, want := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x))), make([]float32, len(x))
		require.NoError(r, f.Encode(codes, scales, x, s))
		require.NoError(r, f.Decode(want, codes, scales, s))
		equal(r, x, want, blocks(x, nil))
		require.NoError(r, f.EncodeUniform(codes, scales, x, u, s))
		require.NoError(r, f.Decode(want, codes, scales, s))
		equal(r, x, want, blocks(x, u))

		tiles := make([]uint8, f.TileScales(rows, cols))
		require.NoError(r, f.EncodeTiles(codes, tiles, x, rows, cols, s))
		require.NoError(r, f.DecodeTiles(want, codes, tiles, rows, cols, s))
		equal(r, x, want, square(x, nil))
		require.Equal(r, square(x, nil), turned(x, nil), "a matrix and its transpose have the same values")
	})
	broken := make([]float32, rows*cols)
	broken[5] = float32(math.NaN())
	require.True(t, math.IsNaN(float64(blocks(broken, nil)[len(broken)-1])))
}

// equal compares values, so that zeros of either sign are alike.
func equal(t require.TestingT, x, want, got []float32) {
	for i := range want {
		require.True(t, want[i] == got[i], "%g becomes %g, want %g", x[i], got[i], want[i])
	}
}

// TestScaled: the largest magnitude of a group becomes the format's largest value
// and comes back, and every value is the format's nearest to x times that scale.
func TestScaled(t *testing.T) {
	const rows, n = 4, 24
	for name, s := range map[string]emulate.Scales{
		"tensor": {}, "rows": emulate.Row(n), "blocks": {Cols: 8}, "tiles": {Rows: 2, Cols: 4}, "powers of two": {Cols: n, Pow2: true}, "tensor, powers of two": {Pow2: true},
	} {
		x, groups := scaledSample(rows, n, s)
		u := uniforms(rand.New(rand.NewPCG(1, 5)), len(x), 17)
		for _, f := range elements {
			e, err := minifloat.NewEncoder(f, minifloat.Mode{})
			require.NoError(t, err)
			got := compiled(t, []int{rows, n}, func(x, u *Node) *Node { return emulate.Scaled(f, x, s, u) })
			nearest, random := got(x, nil), got(x, u)
			for i, scale := range scalesOf(x, groups, f.Max(), s.Pow2) {
				require.Equal(t, f.Decode(f.Encode(x[i]*scale))/scale, nearest[i], "%v, %s: %g", f, name, x[i])
				require.Equal(t, f.Decode(e.CodeUniform(x[i]*scale, u[i]))/scale, random[i], "%v, %s: %g, random", f, name, x[i])
			}
		}
		got := compiled(t, []int{rows, n}, func(x, u *Node) *Node { return emulate.Int8(x, s, u) })
		nearest, random := got(x, nil), got(x, u)
		for i, scale := range scalesOf(x, groups, 127, s.Pow2) {
			require.Equal(t, float32(math.RoundToEven(float64(x[i]*scale)))/scale, nearest[i], "int8, %s: %g", name, x[i])
			require.Equal(t, min(float32(math.Floor(float64(x[i]*scale+u[i]))), 127)/scale, random[i], "int8, %s: %g, random", name, x[i])
		}
	}
}

// scaledSample has rows of different sizes, one of zeros, and the group of each value.
func scaledSample(rows, n int, s emulate.Scales) (x []float32, groups []int) {
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range rows * n {
		x = append(x, float32(math.Ldexp(rng.NormFloat64(), 5*(i/n))))
		group := 0
		if s.Cols > 0 {
			group = i/n/max(1, s.Rows)*n + i%n/s.Cols
		}
		groups = append(groups, group)
	}
	clear(x[n : 2*n])
	return x, groups
}

// scalesOf is the scale of each value.
func scalesOf(x []float32, groups []int, most float32, pow2 bool) []float32 {
	amax := map[int]float32{}
	for i, v := range x {
		amax[groups[i]] = max(amax[groups[i]], float32(math.Abs(float64(v))))
	}
	out := make([]float32, len(x))
	for i, g := range groups {
		out[i] = most / amax[g]
		if pow2 {
			out[i] = float32(math.Exp2(math.Floor(math.Log2(float64(out[i])))))
		}
		if amax[g] == 0 {
			out[i] = 1
		}
	}
	return out
}

func TestBFloat16IsTheCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	x := values(rng, 1<<12, true)
	bits := make([]uint32, len(x))
	u, nearest, random := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for i, v := range x {
		for math.IsInf(float64(minifloat.BF16.Decode(minifloat.BF16.CodeBits(v, math.MaxUint32))), 0) && !math.IsInf(float64(v), 0) {
			v /= 2 // what rounds to infinity is the codec's Overflow to decide
			x[i] = v
		}
		bits[i] = rng.Uint32()
		u[i] = float32(bits[i]&0xFFFF) / 0x1p16
		nearest[i], random[i] = minifloat.BF16.Decode(minifloat.BF16.Encode(v)), minifloat.BF16.Decode(minifloat.BF16.CodeBits(v, bits[i]))
	}
	got := compiled(t, []int{len(x)}, func(x, u *Node) *Node { return emulate.BFloat16(x, u) })
	same(t, x, nearest, got(x, nil), "bf16")
	same(t, x, random, got(x, u), "bf16 with uniforms")
}

// TestSlope has the values of arXiv:2501.17116 with k = 5 and the bound 3, at a scale of 1.
func TestSlope(t *testing.T) {
	x := []float32{6, 0, .5, .125, .375, .25, 1.25, 2.5, 5, 1.4, 2.9, 5.5, -1.4, -6}
	want := []float64{.2, .2, .2, .34822, .34822, 3, 3, 3, 3, .30096, .23909, .34822, .30096, .2}
	got := compiled(t, []int{len(x)}, func(x, _ *Node) *Node { return emulate.Slope(x, emulate.Scales{}, 5) })(x, nil)
	for i := range want {
		require.InDelta(t, want[i], got[i], 1e-5, "%g", x[i])
	}
	// Between two values of the grid its mean is 0.5935: what the bound leaves of 1.
	mean := 0.0
	dense := make([]float32, 12001)
	for i := range dense {
		dense[i] = float32(i) / 2000
	}
	for _, v := range compiled(t, []int{len(dense)}, func(x, _ *Node) *Node { return emulate.Slope(x, emulate.Scales{}, 5) })(dense, nil) {
		mean += float64(v) / float64(len(dense))
	}
	require.InDelta(t, 0.5935, mean, 0.002)
}

func TestClampOutliers(t *testing.T) {
	x := make([]float32, 101)
	for i := range x {
		x[i] = float32(i*37%101 - 50) // -50 … 50 in some order
	}
	for what, want := range map[string]func(v float32) float32{
		"clamped": func(v float32) float32 { return min(max(v, -45), 45) },
		"rest":    func(v float32) float32 { return v - min(max(v, -45), 45) },
	} {
		got := compiled(t, []int{101}, func(x, _ *Node) *Node {
			clamped, rest := emulate.ClampOutliers(x, 0.951)
			if what == "rest" {
				return rest
			}
			return clamped
		})(x, nil)
		for i, v := range x {
			require.Equal(t, want(v), got[i], what)
		}
	}
}

// TestQuEST: ties go to zero, what reaches 6 is clipped and masked, and a block of
// one value has the least scale.
func TestQuEST(t *testing.T) {
	x := make([]float32, 3*mx.Block)
	for i := range mx.Block { // standard deviation 2.046…/0.48708: the scale is 2
		x[i] = float32(i%2*2-1) * 4.2
		x[mx.Block+i] = float32(i%2*2-1) * 2.0531 // a scale just above 1
	}
	x[mx.Block], x[mx.Block+2] = 0.75, 6
	for i := range mx.Block {
		x[2*mx.Block+i] = 0.3
	}
	run := func(mask bool) []float32 {
		return compiled(t, []int{3, mx.Block}, func(x, _ *Node) *Node {
			y, inside := emulate.QuEST(x)
			if mask {
				return inside
			}
			return y
		})(x, nil)
	}
	y, inside := run(false), run(true)
	require.Equal(t, []float32{-4, 4}, y[:2]) // 2.1 is nearest to 2
	require.Equal(t, []float32{0.5, 2, 6}, y[mx.Block:mx.Block+3])
	require.Equal(t, []float32{1, 1, 0}, inside[mx.Block:mx.Block+3])
	require.Equal(t, float32(6*0x1p-27), y[2*mx.Block]) // σ is 0
	require.Zero(t, inside[2*mx.Block])
}

// TestKey is package rounding's.
func TestKey(t *testing.T) {
	exec, err := NewExec(backend, func(count *Node) *Node { return emulate.Key(count, 0xABCD) })
	require.NoError(t, err)
	for _, count := range []uint32{0, 1, 12345, math.MaxUint32} {
		out, err := exec.Call(count)
		require.NoError(t, err)
		require.Equal(t, uint32(rounding.NewKey(count, 0xABCD)), out[0].Value())
	}
}

// TestUniforms are those of package rounding, so that a host repeats what a graph
// has rounded.
func TestUniforms(t *testing.T) {
	for _, n := range []int{1, 20, 23} {
		key := rounding.NewKey(7, 9)
		want := make([]float32, 35)
		key.Uniforms(want, 0, n)
		exec, err := NewExec(backend, func(key *Node) *Node { return emulate.Uniforms(key, shapes.Make(dtypes.Float32, 5, 7), n) })
		require.NoError(t, err)
		out, err := exec.Call(uint32(key))
		require.NoError(t, err)
		require.Equal(t, []int{5, 7}, out[0].Shape().Dimensions)
		require.Equal(t, want, tensors.MustCopyFlatData[float32](out[0]))
	}
}

func TestRefusals(t *testing.T) {
	for want, f := range map[string]func(x *Node) *Node{
		"blocks of 32 along the last axis": func(x *Node) *Node { return emulate.MX(mx.MXFP4, x, nil) },
		"blocks of 16":                     func(x *Node) *Node { return emulate.NVFP4(x, nil) },
		"tiles of 16":                      func(x *Node) *Node { return emulate.NVFP4Tiles(x, nil) },
		"blocks of 5":                      func(x *Node) *Node { return emulate.Scaled(minifloat.E4M3, x, emulate.Scales{Cols: 5}, nil) },
		"tiles of 4":                       func(x *Node) *Node { return emulate.Int8(x, emulate.Scales{Rows: 4, Cols: 3}, nil) },
		"count (Float32)":                  func(x *Node) *Node { return emulate.Key(x, 1) },
		"want float32":                     func(x *Node) *Node { return emulate.Element(minifloat.E4M3, ConvertDType(x, dtypes.Int32), nil) },
		"want one for each value":          func(x *Node) *Node { return emulate.Element(minifloat.E4M3, x, Transpose(x, 0, 1)) },
		"want a uint32 scalar":             func(x *Node) *Node { return emulate.Uniforms(x, x.Shape(), 3) },
	} {
		exec, err := NewExec(backend, func(x *Node) *Node { return f(x) })
		require.NoError(t, err)
		_, err = exec.Call([][]float32{{1, 2, 3}, {4, 5, 6}})
		require.ErrorContains(t, err, want)
	}
}

func BenchmarkElement(b *testing.B) {
	const n = 1 << 20
	x := tensors.FromFlatDataAndDimensions(values(rand.New(rand.NewPCG(1, 1)), n, false), n/256, 256)
	for name, f := range map[string]func(x *Node) *Node{
		"e4m3":  func(x *Node) *Node { return emulate.Element(minifloat.E4M3, x, nil) },
		"mxfp4": func(x *Node) *Node { return emulate.MX(mx.MXFP4, x, nil) },
		"nvfp4": func(x *Node) *Node { return emulate.NVFP4(x, nil) },
	} {
		b.Run(fmt.Sprint(name), func(b *testing.B) {
			exec, err := NewExec(backend, f)
			require.NoError(b, err)
			exec.MustCall1(x).MustFinalizeAll()
			b.SetBytes(4 * n)
			for b.Loop() {
				exec.MustCall1(x).MustFinalizeAll()
			}
		})
	}
}
