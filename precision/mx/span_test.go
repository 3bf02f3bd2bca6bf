package mx_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Many blocks at a time against each of them alone: the tests beside these compare
// single blocks with the reference, and a block of NVFP4 alone goes through no
// vector instruction.
//
// Mutation: numbering the uniforms from the beginning of a span, or leaving the
// codes of NaN blocks as they come, fails TestTensorsAreTheirBlocks; the factors of
// the first strip for all fail TestWideTiles.

// drawTensor draws blocks of which some have an infinity or NaN, at any place of an
// array.
func drawTensor(t *rapid.T, blocks, block int, finite bool) []float32 {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	from := rapid.IntRange(0, 9).Draw(t, "from")
	x := make([]float32, from+blocks*block)[from:]
	for i := 0; i < len(x); i += block {
		b := x[i : i+block]
		randomBlock(r, b)
		switch _, err := mx.AbsMax(b); {
		case finite && err != nil:
			clear(b)
		case !finite && r.IntN(8) == 0:
			b[r.IntN(block)] = []float32{float32(math.Inf(-1)), float32(math.NaN()), math.Float32frombits(0xFFC00001)}[r.IntN(3)]
		}
	}
	return x
}

// ways are the roundings of a tensor's values from a given one on.
func ways[F any](nearest func(F, []uint8, []uint8, []float32) error, keyed func(F, []uint8, []uint8, []float32, rounding.Key, uint64) error, key rounding.Key) map[string]func(F, []uint8, []uint8, []float32, int) error {
	return map[string]func(F, []uint8, []uint8, []float32, int) error{
		"nearest": func(f F, codes, scales []uint8, x []float32, _ int) error { return nearest(f, codes, scales, x) },
		"keyed": func(f F, codes, scales []uint8, x []float32, first int) error {
			return keyed(f, codes, scales, x, key, uint64(first))
		},
	}
}

var layouts = []mx.Layout{mx.PairNibble, mx.SplitHalf, mx.Bytes}

func TestTensorsAreTheirBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := mx.Format{
			Elem:  rapid.SampledFrom([]minifloat.Format{minifloat.E2M1, minifloat.E4M3, minifloat.E5M2}).Draw(t, "elements"),
			Scale: rapid.SampledFrom(rules).Draw(t, "rule"), ThreeQuarters: rapid.Bool().Draw(t, "three quarters"),
			Round: rapid.SampledFrom([]minifloat.Rounding{minifloat.NearestEven, minifloat.NearestAway}).Draw(t, "round"),
		}
		if f.Elem == minifloat.E2M1 {
			f.Layout = rapid.SampledFrom(layouts).Draw(t, "layout")
		}
		blocks := rapid.IntRange(0, 70).Draw(t, "blocks")
		x := drawTensor(t, blocks, mx.Block, false)
		for name, encode := range ways(mx.Format.Encode, mx.Format.EncodeKeyed, 5) {
			codes, scales := make([]uint8, f.CodeBytes(len(x))), make([]uint8, blocks)
			values, bytes := make([]float32, len(x)), f.CodeBytes(mx.Block)
			require.NoError(t, encode(f, codes, scales, x, 0))
			require.NoError(t, f.Decode(values, codes, scales))
			alone, scale, back := make([]uint8, bytes), make([]uint8, 1), make([]float32, mx.Block)
			for i := range blocks {
				b := x[i*mx.Block:][:mx.Block]
				require.NoError(t, encode(f, alone, scale, b, i*mx.Block))
				require.Equal(t, scale[0], scales[i], name)
				require.Equal(t, alone, codes[i*bytes:][:bytes], "%s %s block %d: %v", name, f, i, b)
				require.NoError(t, f.Decode(back, alone, scale))
				requireSameFloats(t, back, values[i*mx.Block:][:mx.Block])
				if scale[0] == mx.NaNScale {
					require.Equal(t, make([]uint8, bytes), alone)
				}
			}
		}
	})
}

func requireSameFloats(t require.TestingT, want, got []float32) {
	for i, v := range want {
		if math.Float32bits(v) != math.Float32bits(got[i]) && (v == v || got[i] == got[i]) {
			require.Equal(t, v, got[i], "value %d", i)
		}
	}
}

func TestNVFP4TensorsAreTheirBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := mx.NVFP4{
			Form:   rapid.SampledFrom([]mx.Form{mx.Training, mx.Inference}).Draw(t, "form"),
			Layout: rapid.SampledFrom(layouts).Draw(t, "layout"),
		}
		tensor := float32(math.Ldexp(1.7, rapid.SampledFrom([]int{-130, -3, 0, 9, 126}).Draw(t, "tensor")))
		blocks := rapid.IntRange(0, 140).Draw(t, "blocks")
		x := drawTensor(t, blocks, mx.NVBlock, true)
		nearest := func(f mx.NVFP4, codes, scales []uint8, x []float32) error { return f.Encode(codes, scales, x, tensor) }
		keyed := func(f mx.NVFP4, codes, scales []uint8, x []float32, key rounding.Key, first uint64) error {
			return f.EncodeKeyed(codes, scales, x, tensor, key, first)
		}
		for name, encode := range ways(nearest, keyed, 5) {
			codes, scales := make([]uint8, f.CodeBytes(len(x))), make([]uint8, blocks)
			values, bytes := make([]float32, len(x)), f.CodeBytes(mx.NVBlock)
			require.NoError(t, encode(f, codes, scales, x, 0))
			require.NoError(t, f.Decode(values, codes, scales, tensor))
			alone, scale, back := make([]uint8, bytes), make([]uint8, 1), make([]float32, mx.NVBlock)
			for i := range blocks {
				b := x[i*mx.NVBlock:][:mx.NVBlock]
				require.NoError(t, encode(f, alone, scale, b, i*mx.NVBlock))
				require.Equal(t, scale[0], scales[i], name)
				require.Equal(t, alone, codes[i*bytes:][:bytes], "%s block %d under %v: %v", name, i, tensor, b)
				require.NoError(t, f.Decode(back, alone, scale, tensor))
				requireSameFloats(t, back, values[i*mx.NVBlock:][:mx.NVBlock])
			}
		}
		if blocks > 0 {
			x[rapid.IntRange(0, len(x)-1).Draw(t, "at")] = float32(math.Inf(1))
			require.ErrorContains(t, f.Encode(make([]uint8, f.CodeBytes(len(x))), make([]uint8, blocks), x, tensor), "is +Inf")
		}
	})
}

// TestWideTiles: rows of more tiles than are converted at a time.
func TestWideTiles(t *testing.T) {
	const rows, cols = 2 * mx.NVBlock, 70 * mx.NVBlock
	r := rand.New(rand.NewPCG(9, 9))
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp2(float64(r.IntN(8))))
	}
	f := mx.NVFP4{Layout: mx.Bytes}
	codes, scales := make([]uint8, len(x)), make([]uint8, f.TileScales(rows, cols))
	require.NoError(t, f.EncodeTiles(codes, scales, x, rows, cols, 2))
	values := make([]float32, len(x))
	require.NoError(t, f.DecodeTiles(values, codes, scales, rows, cols, 2))
	tile, got, alone := make([]float32, 256), make([]float32, 256), make([]uint8, 256)
	for i, want := range scales {
		first := i/(cols/mx.NVBlock)*mx.NVBlock*cols + i%(cols/mx.NVBlock)*mx.NVBlock
		for j := range mx.NVBlock {
			copy(tile[j*mx.NVBlock:][:mx.NVBlock], x[first+j*cols:])
			copy(got[j*mx.NVBlock:][:mx.NVBlock], values[first+j*cols:])
		}
		scale, back := make([]uint8, 1), make([]float32, 256)
		require.NoError(t, f.EncodeTiles(alone, scale, tile, mx.NVBlock, mx.NVBlock, 2))
		require.Equal(t, want, scale[0], "tile %d", i)
		require.NoError(t, f.DecodeTiles(back, alone, scale, mx.NVBlock, mx.NVBlock, 2))
		require.Equal(t, back, got, "tile %d", i)
	}
}
