package gguf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/ggml"
)

// Mutation: offsets not padded, dimensions in the order of Shape, or a bool of four
// bytes fail TestGoldenGgufquant and TestMinimalFile.

// goldenFile describes a GGUF file.
type goldenFile struct {
	File struct {
		Path      string
		SHA256    string
		Version   uint32
		Alignment int64
		Bytes     int64
		Count     int `json:"kv_count"`
		KV        map[string]any
		Merges    []string
		Tokens    int
		Tensors   []struct {
			Name, Type  string
			Dims        []int
			Offset      int64
			Bytes       int64 `json:"nbytes"`
			Sum         float64
			AbsSum      float64 `json:"abs_sum"`
			First, Last []float64
		}
		Tolerance struct {
			Kind  string
			Value float64
		}
	}
}

func goldenDir() string {
	if dir := os.Getenv("NANOCHAT_GOLDEN"); dir != "" {
		return dir
	}
	return filepath.Join("testdata", "golden")
}

// TestGoldenGgufquant reads a file of another program: every key, every tensor's
// place, type, sums and ends; written again it is the same.
func TestGoldenGgufquant(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(goldenDir(), "ggufquant.json"))
	if os.IsNotExist(err) {
		t.Skip("there is no golden family ggufquant")
	}
	require.NoError(t, err)
	var golden goldenFile
	require.NoError(t, json.Unmarshal(text, &golden))
	want := golden.File
	if want.Path == "" {
		t.Skip("the golden family ggufquant describes no file")
	}
	path := filepath.Join(goldenDir(), want.Path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want.SHA256, fmt.Sprintf("%x", sha256.Sum256(data)))
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, want.Version, f.Version)
	require.Equal(t, want.Alignment, f.alignment)
	require.Len(t, f.Metadata(), want.Count)
	require.Len(t, f.Tensors(), len(want.Tensors))
	for key, v := range want.KV {
		goldenValue(t, key, v, f.Lookup(key))
	}
	tokens, err := Get[[]string](f, "tokenizer.ggml.tokens")
	require.NoError(t, err)
	require.Len(t, tokens, want.Tokens)
	merges, err := Get[[]string](f, "tokenizer.ggml.merges")
	require.NoError(t, err)
	require.Equal(t, want.Merges, merges)
	for i, w := range want.Tensors {
		got := f.Tensors()[i]
		require.Equal(t, w.Name, got.Name)
		require.Equal(t, w.Type, got.Type.String())
		slices.Reverse(w.Dims)
		require.Equal(t, w.Dims, got.Shape, w.Name)
		require.Equal(t, w.Offset, f.start+got.Offset)
		require.Equal(t, w.Bytes, got.Size)
		v, err := f.Float32(w.Name)
		require.NoError(t, err)
		sum, absSum := 0.0, 0.0
		for _, x := range v {
			sum, absSum = sum+float64(x), absSum+math.Abs(float64(x))
		}
		require.InDelta(t, w.Sum, sum, 1e-9*w.AbsSum, w.Name)
		require.InDelta(t, w.AbsSum, absSum, 1e-9*w.AbsSum, w.Name)
		for k, x := range w.First {
			require.Equal(t, float32(x), v[k], w.Name)
		}
		for k, x := range w.Last {
			require.Equal(t, float32(x), v[len(v)-len(w.Last)+k], w.Name)
		}
	}
	require.Equal(t, data, again(t, f))
	t.Logf("golden ggufquant: 1 file of %d tensors", len(want.Tensors))
}

// goldenValue compares a JSON value with one of the file. A list that ends in "..."
// is the beginning of one.
func goldenValue(t *testing.T, key string, want, got any) {
	t.Helper()
	list, isList := want.([]any)
	if !isList {
		if number, ok := want.(float64); ok {
			want = fmt.Sprint(number)
			switch v := got.(type) { // as JSON has it
			case float32:
				got = float64(v)
			case uint8, int64, uint32, int32, float64:
				var f float64
				_, err := fmt.Sscan(fmt.Sprint(v), &f)
				require.NoError(t, err)
				got = f
			}
			got = fmt.Sprint(got)
		}
		require.Equal(t, want, got, key)
		return
	}
	text, err := json.Marshal(got)
	require.NoError(t, err)
	var values []any
	require.NoError(t, json.Unmarshal(text, &values), key)
	if n := len(list); n > 0 && list[n-1] == "..." {
		list, values = list[:n-1], values[:n-1]
	}
	require.Equal(t, list, values, key)
}

// again is the file as Write writes what was read of it.
func again(t require.TestingT, f *File) []byte {
	var list []Tensor
	for _, info := range f.Tensors() {
		list = append(list, Tensor{info.Name, info.Type, info.Shape, func() ([]byte, error) { return f.View(info.Name) }})
	}
	var b bytes.Buffer
	require.NoError(t, Write(&b, f.Metadata(), list))
	return b.Bytes()
}

// minimal is one key and one tensor of the values 0 to 31.
func minimal(t *testing.T, kind ggml.Type) []byte {
	x := make([]float32, 32)
	for i := range x {
		x[i] = float32(i)
		if kind == ggml.Q8_0 {
			x[i] = float32(i-16) / 8
		}
	}
	var b bytes.Buffer
	require.NoError(t, Write(&b, []KV{{"general.architecture", "test"}}, []Tensor{FromFloat32("t", kind, []int{32}, x)}))
	return b.Bytes()
}

// TestMinimalFile: files that GGML wrote, by their SHA-256.
func TestMinimalFile(t *testing.T) {
	data := minimal(t, ggml.F32)
	require.Len(t, data, 256)
	require.Equal(t, "e5419626bcb50c5142c3cb0671e648121f2b3fa227b501d8cab2a8cd2bea26e2", hash(data))
	data = minimal(t, ggml.Q8_0)
	require.Len(t, data, 192)
	require.Equal(t, "1eda357c4ffad1e6fda749ef01f62ecf11156dec91f2d2f80afc20c5d25ebe40", hash(data))
	var b bytes.Buffer
	require.NoError(t, Write(&b, []KV{{"general.architecture", "test"}}, nil))
	require.Len(t, b.Bytes(), 68, "no tensors, no padding")
	b.Reset()
	require.NoError(t, Write(&b, nil, nil))
	require.Len(t, b.Bytes(), 24)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
