package absmax_test

import (
	"flag"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/absmax"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Mutation: a scale of max|x|/128, or ties away from zero, fails
// TestEncodeIsTheFormula.

var draws = flag.Int("draws", 400_000, "draws of the test of the mean; 10000000 for all of it")

func encode(t require.TestingT, x []float32, block int) (codes []int8, scales []float32) {
	codes, scales = make([]int8, len(x)), make([]float32, absmax.Blocks(len(x), block))
	require.NoError(t, absmax.Encode(codes, scales, x, block))
	return codes, scales
}

// TestEncodeIsTheFormula: the formula in float64 with a rounding to float32 after
// each operation, which is the float32 operation.
func TestEncodeIsTheFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32(), 1, 80).Draw(t, "x")
		if rapid.Bool().Draw(t, "halves") { // codes on midpoints: the scale is 1/2
			for i := range x {
				x[i] = float32(rapid.IntRange(-127*2, 127*2).Draw(t, "quarters")) / 4
			}
			x[0] = 63.5
		}
		block := rapid.IntRange(1, 40).Draw(t, "block")
		codes, scales := encode(t, x, block)
		values := make([]float32, len(x))
		require.NoError(t, absmax.Decode(values, codes, scales, block))
		for b, s := range scales {
			part := x[b*block : min((b+1)*block, len(x))]
			amax := 0.0
			for _, v := range part {
				amax = math.Max(amax, math.Abs(float64(v)))
			}
			require.Equal(t, float32(amax/127), s)
			for i, v := range part {
				want := 0.0
				if s != 0 {
					want = math.Max(-127, math.Min(127, math.RoundToEven(float64(float32(float64(v)/float64(s))))))
				}
				require.Equal(t, int8(want), codes[b*block+i], "%v / %v", v, s)
				require.Equal(t, float32(want*float64(s)), values[b*block+i])
			}
		}
	})
}

// TestScaleInvariance: a power of two changes the scale and no code.
func TestScaleInvariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-1, 1), 4, 64).Draw(t, "x")
		y := make([]float32, len(x))
		x[0] = 1
		for i, v := range x {
			y[i] = v * 1024
		}
		codes, scales := encode(t, x, len(x))
		codes2, scales2 := encode(t, y, len(x))
		require.Equal(t, codes, codes2)
		require.Equal(t, scales[0]*1024, scales2[0])
	})
}

// TestMeanIsUnbiased: within 4 standard errors of x/s, from deterministic keys.
func TestMeanIsUnbiased(t *testing.T) {
	points := []float64{-126.9, -63.5, -1.75, -0.01, 0, 0.3, 0.5, 5, 100.25, 127}
	n := *draws / len(points)
	x, codes, scales := make([]float32, n+1), make([]int8, n+1), make([]float32, 1)
	x[n] = 127 // the scale is 1
	for k, p := range points {
		for i := range n {
			x[i] = float32(p)
		}
		require.NoError(t, absmax.EncodeKeyed(codes, scales, x, n+1, rounding.NewKey(3, 4), uint64(k*n)))
		require.Equal(t, float32(1), scales[0])
		sum := 0.0
		for _, c := range codes[:n] {
			sum += float64(c)
		}
		v := float64(float32(p))
		sigma := math.Sqrt((math.Floor(v) + 1 - v) * (v - math.Floor(v)))
		require.InDelta(t, v, sum/float64(n), 4*sigma/math.Sqrt(float64(n)))
	}
}

// TestKeyedIsByIndex: blocks of a tensor have the codes of the whole, and the
// uniforms may be given instead of the key.
func TestKeyedIsByIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block := rapid.IntRange(1, 600).Draw(t, "block")
		x := make([]float32, 3*block)
		for i := range x {
			x[i] = float32(math.Sin(float64(3 * i)))
		}
		key := rounding.Key(rapid.Uint32().Draw(t, "key"))
		whole, parts := make([]int8, len(x)), make([]int8, len(x))
		scales := make([]float32, 3)
		require.NoError(t, absmax.EncodeKeyed(whole, scales, x, block, key, 7))
		require.NoError(t, absmax.EncodeKeyed(parts[block:], scales[1:], x[block:], block, key, 7+uint64(block)))
		require.NoError(t, absmax.EncodeKeyed(parts[:block], scales[:1], x[:block], block, key, 7))
		require.Equal(t, whole, parts)
		u := make([]float32, len(x))
		key.Uniforms(u, 7, absmax.UniformBits)
		require.NoError(t, absmax.EncodeUniform(parts, scales, x, u, block))
		require.Equal(t, whole, parts)
		if block > 50 {
			nearest, _ := encode(t, x, block)
			require.NotEqual(t, nearest, whole)
		}
		// the largest of a block does not move
		last := 1 - float32(math.Ldexp(1, -absmax.UniformBits))
		require.NoError(t, absmax.EncodeUniform(parts[:2], scales[:2], []float32{3, -5}, []float32{last, last}, 1))
		require.Equal(t, []int8{127, -127}, parts[:2])
	})
}

func TestErrors(t *testing.T) {
	x, codes, scales := make([]float32, 5), make([]int8, 5), make([]float32, 2)
	require.Error(t, absmax.Encode(codes, scales, x, 0))
	require.Error(t, absmax.Encode(codes[:4], scales, x, 3))
	require.Error(t, absmax.Encode(codes, scales[:1], x, 3))
	require.Error(t, absmax.Decode(x, codes, scales, 5))
	require.Error(t, absmax.EncodeUniform(codes, scales, x, x[:2], 3))
	require.Error(t, absmax.EncodeKeyed(codes, scales, x, 5, 1, 0))
	for _, bad := range []float64{math.NaN(), math.Inf(-1)} {
		x[4] = float32(bad)
		require.ErrorContains(t, absmax.Encode(codes, scales, x, 3), "value 4")
		require.ErrorContains(t, absmax.EncodeUniform(codes, scales, x, make([]float32, 5), 3), "value 4")
		require.ErrorContains(t, absmax.EncodeKeyed(codes, scales, x, 3, 1, 0), "value 4")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	x, codes, scales := make([]float32, 300), make([]int8, 300), make([]float32, 3)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		_ = absmax.Encode(codes, scales, x, 128)
		_ = absmax.EncodeKeyed(codes, scales, x, 128, 1, 0)
		_ = absmax.Decode(x, codes, scales, 128)
	}))
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 2, 255}, float32(1), 2)
	f.Fuzz(func(t *testing.T, data []byte, scale float32, block int) {
		codes, scales := make([]int8, len(data)), make([]float32, 2)
		for i, b := range data {
			codes[i] = int8(b)
		}
		scales[0], scales[1] = scale, -scale
		err := absmax.Decode(make([]float32, len(data)), codes, scales, block)
		require.Equal(t, block >= 1 && (len(data)-1)/max(block, 1) == 1 && len(data) > 0, err == nil)
	})
}

func BenchmarkAbsmax(b *testing.B) {
	x, codes, scales := make([]float32, 1<<16), make([]int8, 1<<16), make([]float32, 1<<9)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	for name, f := range map[string]func(){
		"encode":     func() { _ = absmax.Encode(codes, scales, x, 128) },
		"stochastic": func() { _ = absmax.EncodeKeyed(codes, scales, x, 128, 1, 0) },
		"decode":     func() { _ = absmax.Decode(x, codes, scales, 128) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
