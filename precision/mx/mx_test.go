package mx_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/internal/ref"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Mutation: rounding the product of RoundUp down instead of up, or TruncFree up
// from V itself, fails TestBlocksAreTheReference; a·S/6 instead of a·(S/6)
// fails TestNVFP4AtMidpoints.

var blocks = flag.Int("blocks", 20_000, "random blocks that are compared with the reference; 1000000 for all of it")

var elements = map[minifloat.Format]ref.Format{
	minifloat.E2M1: {Grid: ref.E2M1, Mantissa: 1}, minifloat.E4M3: {Grid: ref.E4M3, Mantissa: 3}, minifloat.E5M2: {Grid: ref.E5M2, Mantissa: 2},
}

var rules = []mx.ScaleRule{mx.Floor, mx.RoundUp, mx.Ceil, mx.Even, mx.TruncFree}

// randomBlock fills x with one of several kinds: normal values of any scale, any
// bits, grid values and midpoints with their neighbours, a bound of the rules,
// mostly zeros, subnormals.
func randomBlock(r *rand.Rand, x []float32) {
	scale := float32(math.Ldexp(1, r.IntN(240)-120))
	kind := r.IntN(6)
	for i := range x {
		switch kind {
		case 0:
			x[i] = float32(r.NormFloat64()) * scale
		case 1:
			x[i] = math.Float32frombits(r.Uint32())
			if r.IntN(40) > 0 && x[i]-x[i] != 0 { // seldom a block of NaN
				x[i] = scale
			}
		case 2:
			x[i] = neighbour(r, float32(r.IntN(33)-16)/4) * scale
		case 3:
			x[i] = neighbour(r, []float32{4, 6, 8, 256, 448, 512, 57344}[r.IntN(7)]) * scale
		case 4:
			x[i] = 0
			if r.IntN(8) == 0 {
				x[i] = float32(r.NormFloat64())
			}
		default:
			x[i] = math.Float32frombits(r.Uint32()&0x80000000 | r.Uint32N(1<<24))
		}
	}
}

// neighbour moves v by up to two units in the last place.
func neighbour(r *rand.Rand, v float32) float32 {
	if v == 0 {
		return v
	}
	return math.Float32frombits(math.Float32bits(v) + uint32(r.IntN(5)) - 2)
}

func TestBlocksAreTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, mx.Block)
	codes, scales := make([]uint8, mx.Block), make([]uint8, 1)
	for n := range *blocks {
		randomBlock(r, x)
		elem := []minifloat.Format{minifloat.E2M1, minifloat.E4M3, minifloat.E5M2}[n%3]
		rule := rules[n/3%len(rules)]
		f := mx.Format{Elem: elem, Scale: rule, Layout: mx.Bytes}
		require.NoError(t, f.Encode(codes, scales, x))
		scale, want := ref.MX(x, elements[elem], rule.String(), ref.TieEven)
		if int(scales[0]) != scale || !same(codes, want) {
			require.Equal(t, scale, int(scales[0]), "%s of %v", f, x)
			require.Equal(t, want, widen(codes), "%s of %v", f, x)
		}
	}
	t.Logf("%d blocks", *blocks)
}

func TestNVFP4IsTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const perTensor = 8
	n := perTensor * mx.NVBlock
	x, codes, scales := make([]float32, n), make([]uint8, n), make([]uint8, perTensor)
	f, tested := mx.NVFP4{Layout: mx.Bytes}, 0
	for tested < *blocks {
		randomBlock(r, x)
		amax, err := mx.AbsMax(x)
		if err != nil {
			require.Error(t, f.Encode(codes, scales, x, 1))
			continue
		}
		tensor := f.TensorScale(amax)
		require.Equal(t, ref.NVTensor(x), float64(tensor))
		require.NoError(t, f.Encode(codes, scales, x, tensor))
		for b := range scales {
			requireNV(t, codes[b*mx.NVBlock:(b+1)*mx.NVBlock], scales[b], x[b*mx.NVBlock:(b+1)*mx.NVBlock], tensor)
			tested++
		}
	}
	t.Logf("%d blocks", tested)
}

// requireNV compares a block with the reference.
func requireNV(t *testing.T, codes []uint8, scale uint8, x []float32, tensor float32) {
	t.Helper()
	wantScale, want := ref.NVFP4(x, float64(tensor))
	if int(scale) != wantScale || !same(codes, want) {
		require.Equal(t, wantScale, int(scale), "%v with tensor scale %v", x, tensor)
		require.Equal(t, want, widen(codes), "%v with tensor scale %v", x, tensor)
	}
}

// TestNVFP4AtMidpoints: block scales and elements within a few ulp of where the
// order of the operations decides.
func TestNVFP4AtMidpoints(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	x, codes, scales := make([]float32, mx.NVBlock), make([]uint8, mx.NVBlock), make([]uint8, 1)
	f := mx.NVFP4{Layout: mx.Bytes}
	for range *blocks {
		tensor := float32(math.Exp2(r.Float64()*20 - 10))
		i := r.IntN(len(ref.E4M3.Values) - 1)
		middle := (ref.E4M3.Values[i] + ref.E4M3.Values[i+1]) / 2
		x[0] = neighbour(r, float32(middle*6/float64(tensor)))
		scale, _ := ref.NVFP4(x[:1], float64(tensor))
		for j := 1; j < len(x); j++ { // midpoints of E2M1 under that scale
			k := r.IntN(7)
			v := (ref.E2M1.Values[k] + ref.E2M1.Values[k+1]) / 2
			x[j] = min(x[0], neighbour(r, float32(v*ref.E4M3.Value(scale)/float64(tensor))))
		}
		require.NoError(t, f.Encode(codes, scales, x, tensor))
		requireNV(t, codes, scales[0], x, tensor)
	}
}

func same(codes []uint8, want []int) bool {
	for i, c := range codes {
		if int(c) != want[i] {
			return false
		}
	}
	return true
}

func widen(codes []uint8) (out []int) {
	for _, c := range codes {
		out = append(out, int(c))
	}
	return out
}

// encode returns codes, one a byte, and scales of whole blocks.
func encode(t require.TestingT, f mx.Format, x []float32) (codes, scales []uint8) {
	codes, scales = make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x)))
	require.NoError(t, f.Encode(codes, scales, x))
	return codes, scales
}

func finiteBlock(t *rapid.T, n int) []float32 {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	x, scale := make([]float32, n), math.Ldexp(1, rapid.IntRange(-60, 60).Draw(t, "scale"))
	for i := range x {
		x[i] = float32(r.NormFloat64() * scale)
	}
	return x
}

// TestInvariants: powers of two move only the scale, a permutation only the
// codes, and no rule but Floor and Even saturates.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		elem := rapid.SampledFrom([]minifloat.Format{minifloat.E2M1, minifloat.E4M3, minifloat.E5M2}).Draw(t, "elements")
		f := mx.Format{Elem: elem, Layout: mx.Bytes}
		x := finiteBlock(t, mx.Block)
		floorCodes, floor := encode(t, f, x)
		k := rapid.IntRange(-20, 20).Draw(t, "k")
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = float32(math.Ldexp(float64(v), k))
		}
		codes, scales := encode(t, f, y)
		require.Equal(t, floorCodes, codes)
		require.Equal(t, int(floor[0])+k, int(scales[0]))

		turn := rapid.IntRange(0, mx.Block-1).Draw(t, "turn")
		copy(y, x[turn:])
		copy(y[mx.Block-turn:], x[:turn])
		codes, scales = encode(t, f, y)
		require.Equal(t, floor, scales)
		require.Equal(t, append(floorCodes[turn:len(floorCodes):len(floorCodes)], floorCodes[:turn]...), codes)

		for _, rule := range []mx.ScaleRule{mx.RoundUp, mx.Ceil, mx.TruncFree} {
			f.Scale = rule
			_, scales := encode(t, f, x)
			require.Contains(t, []uint8{floor[0], floor[0] + 1}, scales[0], "%s", rule)
			// RoundUp's product is rounded: it may let an ulp of V pass
			limit := float64(elem.Max()) * float64(minifloat.DecodeE8M0(scales[0])) * (1 + 0x1p-23)
			amax, err := mx.AbsMax(x)
			require.NoError(t, err)
			require.LessOrEqual(t, float64(amax), limit, "%s", rule)
		}
	})
}

// TestFloorClips: with Floor the largest value of 31.5 % of Gaussian blocks is
// beyond E2M1's range and that of 18 % beyond E4M3's, within 5 standard errors.
func TestFloorClips(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const n = 4000
	for elem, share := range map[minifloat.Format]float64{minifloat.E2M1: 0.315, minifloat.E4M3: 0.18} {
		f, clipped := mx.Format{Elem: elem, Layout: mx.Bytes}, 0
		x := make([]float32, mx.Block)
		for range n {
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
			_, scales := encode(t, f, x)
			amax, err := mx.AbsMax(x)
			require.NoError(t, err)
			if amax > elem.Max()*minifloat.DecodeE8M0(scales[0]) {
				clipped++
			}
		}
		require.InDelta(t, share, float64(clipped)/n, 0.005+5*math.Sqrt(share*(1-share)/n)) // shares are given to 0.5 %
	}
}

// TestNVFP4Invariants: a power of two changes only the tensor's scale.
func TestNVFP4Invariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := finiteBlock(t, 4*mx.NVBlock)
		k := rapid.IntRange(-20, 20).Draw(t, "k")
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = float32(math.Ldexp(float64(v), k))
		}
		for _, form := range []mx.Form{mx.Training, mx.Inference} {
			f := mx.NVFP4{Form: form}
			codes, scales, _ := encodeNV(t, f, x)
			codes2, scales2, _ := encodeNV(t, f, y)
			require.Equal(t, codes, codes2)
			require.Equal(t, scales, scales2)
		}
	})
}

func encodeNV(t require.TestingT, f mx.NVFP4, x []float32) (codes, scales []uint8, tensor float32) {
	amax, err := mx.AbsMax(x)
	require.NoError(t, err)
	codes, scales, tensor = make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x))), f.TensorScale(amax)
	require.NoError(t, f.Encode(codes, scales, x, tensor))
	return codes, scales, tensor
}

// TestRound: the rounding of elements is the option's, in both kinds of blocks.
func TestRound(t *testing.T) {
	x := make([]float32, mx.Block)
	x[0], x[1], x[2] = 6, 0.75, 1.25 // midpoints of codes 1 and 2, 2 and 3
	for round, want := range map[minifloat.Rounding][]uint8{
		minifloat.NearestEven: {7, 2, 2}, minifloat.NearestAway: {7, 2, 3}, minifloat.NearestZero: {7, 1, 2},
	} {
		codes, _ := encode(t, mx.Format{Round: round, Layout: mx.Bytes}, x)
		require.Equal(t, want, codes[:3])
		codes, _, _ = encodeNV(t, mx.NVFP4{Round: round, Layout: mx.Bytes}, x)
		require.Equal(t, want, codes[:3])
	}
}

// TestInfiniteFactor: torchao's reciprocal of a tensor's scale overflows for tensors
// below 7.9e-36; values saturate and zeros stay.
func TestInfiniteFactor(t *testing.T) {
	x := make([]float32, mx.NVBlock)
	x[1], x[2], x[3] = float32(math.Copysign(0, -1)), 1e-41, -1e-40
	for _, layout := range []mx.Layout{mx.Bytes, mx.PairNibble} {
		codes, _, tensor := encodeNV(t, mx.NVFP4{Form: mx.Inference, Layout: layout}, x)
		require.True(t, math.IsInf(float64(1/tensor), 1))
		want := []uint8{0, 8, 7, 15}
		if layout == mx.PairNibble {
			want = []uint8{0x80, 0xF7}
		}
		require.Equal(t, want, codes[:len(want)])
	}
}

// TestThreeQuartersIsUnbiased: Floor with stochastic rounding is biased where it
// saturates; times 3/4 it is not (arXiv:2502.20586).
func TestThreeQuartersIsUnbiased(t *testing.T) {
	const n = 3000
	x, values := make([]float32, n*mx.Block), make([]float32, n*mx.Block)
	for i := range x {
		x[i] = 7.9 // of a range up to 6
	}
	mean := func(f mx.Format) float64 {
		codes, scales := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x)))
		require.NoError(t, f.EncodeKeyed(codes, scales, x, 11, 0))
		require.NoError(t, f.Decode(values, codes, scales))
		sum := 0.0
		for _, v := range values {
			sum += float64(v)
		}
		return sum / float64(len(values))
	}
	require.Equal(t, 6.0, mean(mx.MXFP4))
	f := mx.MXFP4
	f.ThreeQuarters = true
	scaled := 0.75 * 7.9 // between 4 and 6
	sigma := math.Sqrt((6 - scaled) * (scaled - 4))
	require.InDelta(t, 7.9, mean(f)*4/3, 4*sigma*4/3/math.Sqrt(float64(len(x))))
}

// TestKeyedIsByIndex: blocks of a tensor have the codes of the whole, and the
// uniforms may be given instead of the key.
func TestKeyedIsByIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := finiteBlock(t, 6*mx.Block)
		key := rounding.Key(rapid.Uint32().Draw(t, "key"))
		cut := mx.Block * rapid.IntRange(0, 6).Draw(t, "cut")
		u := make([]float32, len(x))
		key.Uniforms(u, 0, minifloat.E2M1.UniformBits())
		f, g := mx.MXFP4, mx.NVFP4{}
		whole, parts := make([]uint8, len(x)/2), make([]uint8, len(x)/2)
		scales := make([]uint8, len(x)/mx.NVBlock)
		require.NoError(t, f.EncodeKeyed(whole, scales[:6], x, key, 0))
		require.NoError(t, f.EncodeKeyed(parts[cut/2:], scales[cut/mx.Block:6], x[cut:], key, uint64(cut)))
		require.NoError(t, f.EncodeKeyed(parts[:cut/2], scales[:cut/mx.Block], x[:cut], key, 0))
		require.Equal(t, whole, parts)
		require.NoError(t, f.EncodeUniform(parts, scales[:6], x, u))
		require.Equal(t, whole, parts)
		nearest, _ := encode(t, f, x)
		require.NotEqual(t, nearest, whole)

		amax, err := mx.AbsMax(x)
		require.NoError(t, err)
		tensor := g.TensorScale(amax)
		require.NoError(t, g.EncodeKeyed(whole, scales, x, tensor, key, 0))
		require.NoError(t, g.EncodeKeyed(parts[cut/2:], scales[cut/mx.NVBlock:], x[cut:], tensor, key, uint64(cut)))
		require.NoError(t, g.EncodeKeyed(parts[:cut/2], scales[:cut/mx.NVBlock], x[:cut], tensor, key, 0))
		require.Equal(t, whole, parts)
		require.NoError(t, g.EncodeUniform(parts, scales, x, u, tensor))
		require.Equal(t, whole, parts)
	})
}
