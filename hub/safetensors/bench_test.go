package safetensors

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// model is a file of 64 matrices, 16 MiB in all.
func model() []Tensor {
	var list []Tensor
	for i := range 64 {
		list = append(list, FromFloat32("layers."+string(rune('A'+i))+".weight", []int{256, 256}, make([]float32, 1<<16)))
	}
	return list
}

const modelBytes = 64 << 18

func BenchmarkWrite(b *testing.B) {
	list := model()
	b.SetBytes(modelBytes)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, Write(io.Discard, list, nil))
	}
}

func BenchmarkWriteFile(b *testing.B) {
	list, path := model(), filepath.Join(b.TempDir(), "model.safetensors")
	b.SetBytes(modelBytes)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, WriteFile(path, list, nil))
	}
}

func benchmarkFile(b *testing.B) *File {
	path := filepath.Join(b.TempDir(), "model.safetensors")
	require.NoError(b, WriteFile(path, model(), nil))
	f, err := Open(path)
	require.NoError(b, err)
	b.Cleanup(func() { f.Close() })
	b.SetBytes(modelBytes)
	b.ReportAllocs()
	return f
}

func BenchmarkFloat32(b *testing.B) {
	f := benchmarkFile(b)
	for b.Loop() {
		for _, name := range f.Names() {
			_, err := f.Float32(name)
			require.NoError(b, err)
		}
	}
}

func BenchmarkBytes(b *testing.B) {
	f := benchmarkFile(b)
	for b.Loop() {
		for _, name := range f.Names() {
			_, err := f.Bytes(name)
			require.NoError(b, err)
		}
	}
}

// BenchmarkView copies nothing: its bytes per second are not a speed of reading.
func BenchmarkView(b *testing.B) {
	f := benchmarkFile(b)
	for b.Loop() {
		for _, name := range f.Names() {
			_, err := f.View(name)
			require.NoError(b, err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "model.safetensors")
	require.NoError(b, WriteFile(path, model(), nil))
	b.ReportAllocs()
	for b.Loop() {
		f, err := Open(path)
		require.NoError(b, err)
		require.NoError(b, f.Close())
	}
}
