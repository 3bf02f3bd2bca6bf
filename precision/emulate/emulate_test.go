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
// and comes back, and nothing is further off than half a step.
func TestScaled(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	const rows, n = 4, 24
	x := make([]float32, rows*n)
	for i := range x {
		x[i] = float32(math.Ldexp(rng.NormFloat64(), 5*(i/n)))
	}
	clear(x[n : 2*n])
	for _, f := range elements {
		for _, group := range []int{0, n, 8} {
			got := compiled(t, []int{rows, n}, func(x, _ *Node) *Node { return emulate.Scaled(f, x, group, nil) })(x, nil)
			size := group
			if size == 0 {
				size = len(x)
			}
			for start := 0; start < len(x); start += size {
				amax := float32(0)
				for _, v := range x[start : start+size] {
					amax = max(amax, float32(math.Abs(float64(v))))
				}
				scale := f.Max() / amax
				if amax == 0 {
					scale = 1
				}
				for i := start; i < start+size; i++ {
					want := f.Decode(f.Encode(x[i]*scale)) / scale
					require.Equal(t, want, got[i], "%v in groups of %d: %g", f, group, x[i])
				}
			}
		}
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
		"blocks of 5":                      func(x *Node) *Node { return emulate.Scaled(minifloat.E4M3, x, 5, nil) },
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
