package gguf

import (
	"io"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/ggml"
)

func wave(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Sin(float64(i)))
	}
	return v
}

// BenchmarkEncode converts one matrix on all processors.
func BenchmarkEncode(b *testing.B) {
	v := wave(1 << 22)
	for _, kind := range []ggml.Type{ggml.TQ2_0, ggml.TQ1_0, ggml.Q8_0, ggml.F16} {
		b.Run(kind.String(), func(b *testing.B) {
			b.SetBytes(int64(4 * len(v)))
			for b.Loop() {
				if _, err := Encode(kind, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWrite writes sixteen matrices of 4 MB each, in float32.
func BenchmarkWrite(b *testing.B) {
	v := wave(1 << 20)
	var list []Tensor
	for i := range 16 {
		list = append(list, FromFloat32(string(rune('a'+i)), ggml.F32, []int{1024, 1024}, v))
	}
	b.SetBytes(int64(16 * 4 * len(v)))
	for b.Loop() {
		if err := Write(io.Discard, nil, list); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen reads the header of a file with a vocabulary of 32 768 tokens.
func BenchmarkOpen(b *testing.B) {
	tokens := make([]string, 1<<15)
	for i := range tokens {
		tokens[i] = "token" + string(rune(0x4000+i%0x4000))
	}
	path := filepath.Join(b.TempDir(), "m.gguf")
	require.NoError(b, WriteFile(path, []KV{{"tokens", tokens}}, []Tensor{FromFloat32("w", ggml.F32, []int{1}, []float32{1})}))
	for b.Loop() {
		f, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
