package mx_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
)

// Mutation: writing the earlier value of a pair to the high half fails
// TestLayouts, and one scale for a row of tiles TestTilesTranspose.

// ramp is (i-16)·0.375 for i from 0.
func ramp() []float32 {
	x := make([]float32, mx.Block)
	for i := range x {
		x[i] = float32(i-16) * 0.375
	}
	return x
}

func TestLayouts(t *testing.T) {
	f := mx.MXFP4
	want := map[mx.Layout]string{
		mx.Bytes:      spread("fffeeeedddccbaa90122344555666677"),
		mx.PairNibble: "ffefeede" + "ddccab9a" + "10224354" + "55666677",
		mx.SplitHalf:  "0f1f2f2e" + "3e4e4e5d" + "5d5d6c6c" + "6b6a7a79",
	}
	packed := map[mx.Layout][]uint8{}
	for layout, bytes := range want {
		f.Layout = layout
		codes, scales := encode(t, f, ramp())
		require.Equal(t, bytes, hex.EncodeToString(codes), "%s", layout)
		require.Equal(t, []uint8{127}, scales)
		packed[layout] = codes
		values := make([]float32, mx.Block)
		require.NoError(t, f.Decode(values, codes, scales))
		require.Equal(t, []float32{-6, -6, -6, -4}, values[:4])
	}
	for from, src := range packed {
		for to, dst := range packed {
			got := make([]uint8, len(dst))
			require.NoError(t, mx.Repack(got, to, src, from, mx.Block))
			require.Equal(t, dst, got, "%s to %s", from, to)
		}
	}
	half := make([]uint8, 16) // blocks of 16: the second half is 8 values later
	require.NoError(t, mx.Repack(half, mx.SplitHalf, packed[mx.Bytes], mx.Bytes, mx.NVBlock))
	require.Equal(t, "dfdfcfcebeaeae9d5051626263647475", hex.EncodeToString(half))
	for _, bad := range []error{
		mx.Repack(half, mx.SplitHalf, packed[mx.Bytes], mx.Bytes, 15),
		mx.Repack(half[:15], mx.SplitHalf, packed[mx.Bytes], mx.Bytes, 16),
		mx.Repack(half, 9, packed[mx.Bytes], mx.Bytes, 16),
	} {
		require.Error(t, bad)
	}
}

// spread writes one hexadecimal digit a byte.
func spread(digits string) (out string) {
	for _, d := range digits {
		out += "0" + string(d)
	}
	return out
}

// TestTilesTranspose: the values of a matrix are those of its transpose.
func TestTilesTranspose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := 16*rapid.IntRange(1, 3).Draw(t, "rows"), 16*rapid.IntRange(1, 3).Draw(t, "cols")
		x := finiteBlock(t, rows*cols)
		x[0] *= 100 // tiles of other scales
		layout := rapid.SampledFrom([]mx.Layout{mx.PairNibble, mx.SplitHalf, mx.Bytes}).Draw(t, "layout")
		values := tiles(t, layout, x, rows, cols)
		turned := transpose(tiles(t, layout, transpose(x, rows, cols), cols, rows), cols, rows)
		require.Equal(t, values, turned)
		if rows*cols > 256 {
			codes, scales, tensor := encodeNV(t, mx.NVFP4{}, x)
			byRow := make([]float32, len(x))
			require.NoError(t, mx.NVFP4{}.Decode(byRow, codes, scales, tensor))
			require.NotEqual(t, byRow, values)
		}
	})
}

func tiles(t require.TestingT, layout mx.Layout, x []float32, rows, cols int) []float32 {
	f := mx.NVFP4{Layout: layout}
	amax, err := mx.AbsMax(x)
	require.NoError(t, err)
	codes, scales := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.TileScales(rows, cols))
	require.NoError(t, f.EncodeTiles(codes, scales, x, rows, cols, f.TensorScale(amax)))
	values := make([]float32, len(x))
	require.NoError(t, f.DecodeTiles(values, codes, scales, rows, cols, f.TensorScale(amax)))
	return values
}

func transpose(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for i := range rows {
		for j := range cols {
			y[j*rows+i] = x[i*cols+j]
		}
	}
	return y
}

func TestErrors(t *testing.T) {
	x, codes, scales := make([]float32, 64), make([]uint8, 32), make([]uint8, 4)
	nan := append(make([]float32, 31), float32(math.NaN()), 0)[:32]
	fp8 := mx.MXFP8E4M3
	fp8.Layout = mx.SplitHalf
	f := mx.NVFP4{}
	for name, err := range map[string]error{
		"block":     mx.MXFP4.Encode(codes[:20], scales[:1], x[:40]),
		"codes":     mx.MXFP4.Encode(codes[:31], scales[:2], x),
		"scales":    mx.MXFP4.Decode(x, codes, scales[:1]),
		"layout":    fp8.Encode(make([]uint8, 64), scales[:2], x),
		"rule":      mx.Format{Scale: 7}.Encode(codes, scales[:2], x),
		"format":    mx.Format{Elem: 7}.Encode(make([]uint8, 64), scales[:2], x),
		"uniforms":  mx.MXFP4.EncodeUniform(codes, scales[:2], x, x[:1]),
		"nv block":  f.Encode(codes[:20], scales[:2], x[:40], 1),
		"nv scale":  f.Encode(codes, scales, x, 0),
		"nv scale2": f.Decode(x, codes, scales, float32(math.Inf(1))),
		"nv nan":    f.Encode(codes[:16], scales[:2], nan, 1),
		"nv form":   mx.NVFP4{Form: 4}.Decode(x, codes, scales, 1),
		"nv noise":  f.EncodeUniform(codes, scales, x, x[:1], 1),
		"tiles":     f.EncodeTiles(codes, scales[:0], x, 4, 16, 1),
		"tiles2":    f.DecodeTiles(x, codes, scales[:0], -16, 16, 1),
		"abs":       func() error { _, err := mx.AbsMax(nan); return err }(),
	} {
		require.Error(t, err, name)
	}
	_, err := mx.ParseRule("round")
	require.ErrorContains(t, err, "rceil")
	require.Equal(t, "mxfp8_e5m2/floor mxfp4/floor", mx.MXFP8E5M2.String()+" "+mx.MXFP4.String())
	require.Equal(t, []float64{4.25, 8.25, 4.5}, []float64{mx.MXFP4.BitsPerValue(), mx.MXFP8E4M3.BitsPerValue(), f.BitsPerValue()})
}

func TestNothingIsAllocated(t *testing.T) {
	x, codes, scales := make([]float32, 256), make([]uint8, 256), make([]uint8, 16)
	f := mx.NVFP4{}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		_ = mx.MXFP4.Encode(codes[:128], scales[:8], x)
		_ = mx.MXFP8E5M2.Encode(codes, scales[:8], x)
		_ = mx.MXFP4.EncodeKeyed(codes[:128], scales[:8], x, 1, 0)
		_ = mx.MXFP4.Decode(x, codes[:128], scales[:8])
		_ = f.Encode(codes[:128], scales, x, 1)
		_ = f.Decode(x, codes[:128], scales, 1)
		_ = f.EncodeTiles(codes[:128], scales[:1], x, 16, 16, 1)
	}))
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x00\x7f\xff0123456789abcdef"), uint8(0), float32(1))
	f.Add(make([]byte, 66), uint8(4), float32(448))
	f.Add(bytes.Repeat([]byte{0xb7}, 66), uint8(1), float32(1)) // 1.875 of a power of two, which E4M3 lacks in its last binade
	f.Fuzz(func(t *testing.T, data []byte, kind uint8, tensor float32) {
		format := mx.Format{Elem: minifloat.Format(kind % 3), Layout: mx.Layout(kind / 3 % 4)}
		n := len(data) / 2 * mx.Block / format.CodeBytes(mx.Block) // any number, also of no whole block
		codes, scales := data[:len(data)/2], data[len(data)/2:]
		_ = format.Decode(make([]float32, n), codes, scales)
		_ = mx.NVFP4{Layout: format.Layout, Form: mx.Form(kind / 12 % 3)}.Decode(make([]float32, n), codes, scales, tensor)
		n = n / mx.Block * mx.Block
		if len(scales) < n/mx.Block || format.CodeBytes(n) > len(codes) {
			return
		}
		codes, scales = codes[:format.CodeBytes(n)], scales[:n/mx.Block]
		values, back := make([]float32, n), make([]uint8, len(codes))
		if format.Decode(values, codes, scales) != nil {
			return
		}
		for i, v := range values {
			s := minifloat.DecodeE8M0(scales[i/mx.Block])
			require.True(t, v != v || math.Abs(float64(v)) <= float64(format.Elem.Max())*float64(s) || math.IsInf(float64(v), 0))
		}
		// once quantised, always the same values, unless they have left float32 or,
		// moved to the last binade of the format by the new scale, lie above its end
		again := make([]float32, n)
		require.NoError(t, format.Encode(back, scales, values))
		require.NoError(t, format.Decode(again, back, scales))
		for i, v := range values {
			block := values[i/mx.Block*mx.Block:][:mx.Block]
			if _, err := mx.AbsMax(block); err == nil && scales[i/mx.Block] > 0 {
				end := format.Elem.Max() * minifloat.DecodeE8M0(scales[i/mx.Block])
				require.Equal(t, min(max(v, -end), end), again[i])
			}
		}
	})
}

// FuzzRepack: there and back is the same, for any number of bytes.
func FuzzRepack(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), uint8(1), true)
	f.Add(bytes.Repeat([]byte{0x07}, 32), uint8(2), false)
	f.Fuzz(func(t *testing.T, src []byte, kind uint8, wide bool) {
		from, to, block := mx.Layout(kind%4), mx.Layout(kind/4%4), mx.NVBlock
		if wide {
			block = mx.Block
		}
		size := len(src)
		switch {
		case from == mx.Bytes && to != mx.Bytes:
			size /= 2
		case from != mx.Bytes && to == mx.Bytes:
			size *= 2
		}
		dst, back := make([]byte, size), make([]byte, len(src))
		if mx.Repack(dst, to, src, from, block) != nil {
			return
		}
		require.NoError(t, mx.Repack(back, from, dst, to, block))
		if from == mx.Bytes && slices.ContainsFunc(src, func(b byte) bool { return b > 0xF }) {
			return // no codes
		}
		require.Equal(t, append([]byte{}, src...), back)
	})
}

// FuzzDecodeTiles: rows and columns of any number are refused unless the values,
// codes and scales are there.
func FuzzDecodeTiles(f *testing.F) {
	f.Add(make([]byte, 130), 16, 16, uint8(0))
	f.Add(make([]byte, 260), 16, -16, uint8(5))
	f.Add(make([]byte, 9), math.MaxInt, 16, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, rows, cols int, kind uint8) {
		format := mx.NVFP4{Layout: mx.Layout(kind % 4), Form: mx.Form(kind / 4 % 3)}
		tiles := len(data) / (format.CodeBytes(256) + 1)
		codes, scales := data[tiles:], data[:tiles]
		codes = codes[:tiles*format.CodeBytes(256)]
		x := make([]float32, 256*tiles)
		err := format.DecodeTiles(x, codes, scales, rows, cols, 1)
		if good := rows > 0 && cols > 0 && rows%16 == 0 && cols%16 == 0 && rows/16*(cols/16) == tiles && format.Layout < 3 && format.Form < 2; good {
			require.NoError(t, err)
		} else {
			require.Error(t, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	x := make([]float32, 1<<16)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	codes, scales := make([]uint8, len(x)), make([]uint8, len(x)/mx.NVBlock)
	rceil := mx.MXFP4
	rceil.Scale = mx.RoundUp
	for _, f := range []mx.Format{mx.MXFP4, rceil, mx.MXFP8E4M3} {
		codes, scales := codes[:f.CodeBytes(len(x))], scales[:f.Scales(len(x))]
		b.Run(f.String(), speed(x, func() error { return f.Encode(codes, scales, x) }))
		b.Run(f.String()+"/stochastic", speed(x, func() error { return f.EncodeKeyed(codes, scales, x, 1, 0) }))
	}
	split := mx.Format{Layout: mx.SplitHalf}
	b.Run(split.String()+"/ggml", speed(x, func() error { return split.Encode(codes[:len(x)/2], scales[:len(x)/mx.Block], x) }))
	nv := mx.NVFP4{}
	b.Run("nvfp4", speed(x, func() error { return nv.Encode(codes[:len(x)/2], scales, x, 2688) }))
}

func BenchmarkDecode(b *testing.B) {
	x := make([]float32, 1<<16)
	codes, scales := make([]uint8, len(x)), make([]uint8, len(x)/mx.NVBlock)
	for i := range codes {
		codes[i] = uint8(i * 7)
	}
	for i := range scales {
		scales[i] = 100
	}
	for _, f := range []mx.Format{mx.MXFP4, mx.MXFP8E4M3} {
		b.Run(f.String(), speed(x, func() error { return f.Decode(x, codes[:f.CodeBytes(len(x))], scales[:f.Scales(len(x))]) }))
	}
	split := mx.Format{Layout: mx.SplitHalf}
	b.Run(split.String()+"/ggml", speed(x, func() error { return split.Decode(x, codes[:len(x)/2], scales[:len(x)/mx.Block]) }))
	nv := mx.NVFP4{}
	b.Run("nvfp4", speed(x, func() error { return nv.Decode(x, codes[:len(x)/2], scales, 2688) }))
}

// speed measures f by the float32 side of the conversion.
func speed(x []float32, f func() error) func(*testing.B) {
	return func(b *testing.B) {
		b.SetBytes(int64(4 * len(x)))
		b.ReportAllocs()
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
