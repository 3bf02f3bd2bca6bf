package ternary

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/ggml"
)

// Mutation: planes that begin at bit 1 instead of 0 fail TestPackOracles.

func TestPackOracles(t *testing.T) {
	codes := []int8{-1, 0, 1, -1, 0, 1, -1, 0}
	packed := make([]uint8, 2)
	require.NoError(t, Pack(packed, codes, InOrder))
	require.Equal(t, "2449", hex.EncodeToString(packed)) // 0 1 2 0 | 1 2 0 1, lowest bits first
	require.NoError(t, Pack(packed, codes, 2))
	require.Equal(t, "1861", hex.EncodeToString(packed)) // 0 2 1 0 | 1 0 2 1
	require.NoError(t, Pack(packed, codes[:5], 2))
	require.Equal(t, "1801", hex.EncodeToString(packed)) // 0 2 1 | 1 0: what is missing has no bits
}

// TestPackIsTQ2: with its stride the bytes are those of the block type.
func TestPackIsTQ2(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, codes, packed := make([]float32, 256), make([]int8, 256), make([]uint8, 64)
		for i := range w {
			codes[i] = int8(rapid.IntRange(-1, 1).Draw(t, "code"))
			w[i] = float32(codes[i])
		}
		block := make([]byte, 66)
		require.NoError(t, ggml.TQ2_0.Encode(block, w))
		if block[64] == 0 && block[65] == 0 {
			return // all zeros
		}
		require.NoError(t, Pack(packed, codes, TQ2Stride))
		require.Equal(t, block[:64], packed)
	})
}

func TestUnpackUndoesPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codes := rapid.SliceOfN(rapid.Int8Range(-1, 1), 0, 600).Draw(t, "codes")
		stride := rapid.SampledFrom([]int{InOrder, 3, TQ2Stride, WideStride}).Draw(t, "stride")
		packed, back := make([]uint8, PackedBytes(len(codes), stride)), make([]int8, len(codes))
		require.NoError(t, Pack(packed, codes, stride))
		require.NoError(t, Unpack(back, packed, stride))
		require.Equal(t, codes, back)
		if len(codes) > 0 {
			codes[len(codes)/2] = rapid.SampledFrom([]int8{2, 3, -2, 127, -128}).Draw(t, "bad")
			require.ErrorContains(t, Pack(packed, codes, stride), "not one of")
			require.ErrorContains(t, Unpack(back[:1], []uint8{3}, InOrder), "byte 0")
		}
		require.Error(t, Pack(append(packed, 0), codes, stride))
		require.Error(t, Unpack(back, packed, 0))
	})
}

// TestGroups: each group has the codes and the scale that AbsMean gives it alone;
// the boundary |w| = scale/2 is zero.
func TestGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SliceOfN(rapid.Float32Range(-10, 10), 1, 50).Draw(t, "w")
		group := rapid.IntRange(1, 60).Draw(t, "group")
		codes, scales := make([]int8, len(w)), make([]float32, (len(w)+group-1)/group)
		require.NoError(t, AbsMeanGroups(codes, scales, w, group))
		back := make([]float32, len(w))
		require.NoError(t, Dequantize(back, codes, scales, group))
		for g, s := range scales {
			from, to := g*group, min((g+1)*group, len(w))
			alone, scale := AbsMean(w[from:to])
			require.Equal(t, alone, codes[from:to])
			require.Equal(t, scale, s)
			for i, c := range alone {
				require.Equal(t, float32(c)*scale, back[from+i])
			}
		}
		require.Error(t, AbsMeanGroups(codes, scales, w, 0))
		require.Error(t, Dequantize(back, codes, append(scales, 1), group))
	})
	codes, scale := AbsMean([]float32{0.5, -0.5, 1.5, -1.5})
	require.Equal(t, float32(1), scale)
	require.Equal(t, []int8{0, 0, 1, -1}, codes)
}

func TestPackingAllocatesNothing(t *testing.T) {
	codes, packed, w, scales := make([]int8, 512), make([]uint8, 128), make([]float32, 512), make([]float32, 4)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		_ = Pack(packed, codes, WideStride)
		_ = Unpack(codes, packed, WideStride)
		_ = AbsMeanGroups(codes, scales, w, 128)
		_ = Dequantize(w, codes, scales, 128)
	}))
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{0x24, 0x49}, 8, 1)
	f.Fuzz(func(t *testing.T, src []byte, n, stride int) {
		codes := make([]int8, min(max(n, 0), 4*len(src)))
		if Unpack(codes, src, stride) != nil {
			return
		}
		back := make([]byte, len(src))
		require.NoError(t, Pack(back, codes, stride))
		require.NoError(t, Unpack(codes, back, stride))
	})
}

func BenchmarkPack(b *testing.B) {
	codes, packed := make([]int8, 1<<16), make([]uint8, 1<<14)
	for i := range codes {
		codes[i] = int8(i%3) - 1
	}
	for name, f := range map[string]func(){
		"pack":   func() { _ = Pack(packed, codes, WideStride) },
		"unpack": func() { _ = Unpack(codes, packed, WideStride) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(codes)))
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
