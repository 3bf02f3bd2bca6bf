package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: dropping the `end != size` check in File.check makes
// TestTruncation fail.

func write(t require.TestingT, tensors []Tensor, metadata map[string]string) []byte {
	var b bytes.Buffer
	require.NoError(t, Write(&b, tensors, metadata))
	return b.Bytes()
}

func read(data []byte) (*File, error) { return Read(bytes.NewReader(data), int64(len(data)), "test") }

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z."é\\]{1,12}`), 0, 6, rapid.ID).Draw(t, "names")
		var tensors []Tensor
		want := map[string][]float32{}
		for _, name := range names {
			shape := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 3).Draw(t, "shape")
			n := Info{Shape: shape}.Elements()
			v := rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "values")
			want[name] = v
			tensors = append(tensors, FromFloat32(name, shape, v))
		}
		data := write(t, tensors, map[string]string{"format": "pt"})
		f, err := read(data)
		require.NoError(t, err)
		require.Equal(t, "pt", f.Metadata["format"])
		require.Len(t, f.Tensors(), len(names))
		for _, in := range tensors {
			got, err := f.Float32(in.Name)
			require.NoError(t, err)
			require.Equal(t, Float32Bytes(want[in.Name]), Float32Bytes(got))
			info, _ := f.Info(in.Name)
			require.Equal(t, append([]int{}, in.Shape...), info.Shape)
		}
		require.Equal(t, data, write(t, tensors, map[string]string{"format": "pt"}), "equal tensors give equal bytes")
		require.Zero(t, (binary.LittleEndian.Uint64(data))%8)
	})
}

func sample(t require.TestingT) []byte {
	return write(t, []Tensor{
		FromFloat32("b", []int{2, 2}, []float32{1, 2, 3, 4}),
		FromFloat32("a", []int{3}, []float32{5, 6, 7}),
		{Name: "c", DType: U8, Shape: []int{5}, Data: func() ([]byte, error) { return []byte("hello"), nil }},
	}, nil)
}

func TestTruncation(t *testing.T) {
	data := sample(t)
	for n := range data {
		_, err := read(data[:n])
		var bad *FormatError
		require.ErrorAs(t, err, &bad, "cut to %d bytes", n)
	}
	_, err := read(append(bytes.Clone(data), 0))
	require.Error(t, err, "a byte too many")
}

func header(json string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(json)))
	return append(append(b, json...), make([]byte, data)...)
}

func TestRefused(t *testing.T) {
	cases := []struct{ name, json, want string }{
		{"twice", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "twice"},
		{"overlap", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "starts at"},
		{"hole", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "starts at"},
		{"size", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}}`, "needs 4"},
		{"overflow", `{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,2]}}`, "too large"},
		{"dtype", `{"a":{"dtype":"F5","shape":[1],"data_offsets":[0,2]}}`, "unknown dtype"},
		{"negative", `{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,2]}}`, "tensor"},
		{"not an object", `[]`, "not a JSON object"},
		{"text after", `{} x`, "text after"},
		{"null in shape", `{"a":{"dtype":"U8","shape":[null],"data_offsets":[0,2]}}`, "not a size"},
		{"fraction", `{"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}}`, "not a size"},
		{"null offset", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[null,2]}}`, "not offsets"},
		{"backwards", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}`, "needs 2"},
		{"metadata twice", `{"__metadata__":{"a":"b"},"__metadata__":{},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "occurs twice"},
		{"metadata number", `{"__metadata__":{"a":1}}`, "__metadata__"},
		{"space first", ` {"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "not a JSON object"},
		{"not UTF-8", "{\"a\xff\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", "UTF-8"},
		{"no shape", `{"a":{"dtype":"U8","data_offsets":[0,2]}}`, "want dtype"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(header(c.json, 2))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "offset")
		})
	}
	huge := binary.LittleEndian.AppendUint64(nil, math.MaxUint64)
	_, err := read(append(huge, '{'))
	require.ErrorContains(t, err, "limit")
}

func TestHalfPrecision(t *testing.T) {
	half := map[uint16]float32{0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: 1.0 / (1 << 24), 0x8000: float32(math.Copysign(0, -1)), 0x7c00: float32(math.Inf(1)), 0x3555: 0.33325195}
	for bits, want := range half {
		require.Equal(t, math.Float32bits(want), math.Float32bits(halfToFloat32(bits)), "%04x", bits)
	}
	require.True(t, math.IsNaN(float64(halfToFloat32(0x7e00))))
	data := write(t, []Tensor{{Name: "x", DType: BF16, Shape: []int{1}, Data: func() ([]byte, error) { return []byte{0x80, 0x3f}, nil }}}, nil)
	f, err := read(data)
	require.NoError(t, err)
	v, err := f.Float32("x")
	require.NoError(t, err)
	require.Equal(t, []float32{1}, v)
}

func TestWriteFileLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.safetensors")
	broken := Tensor{Name: "x", DType: F32, Shape: []int{1}, Data: func() ([]byte, error) { return nil, errors.New("gone") }}
	require.ErrorContains(t, WriteFile(path, []Tensor{broken}, nil), "gone")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, WriteFile(path, []Tensor{FromFloat32("x", nil, []float32{3})}, nil))
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	v, err := f.Float32("x")
	require.NoError(t, err)
	require.Equal(t, []float32{3}, v)
	_, err = f.Float32("y")
	require.ErrorContains(t, err, `no tensor "y"`)
}

func TestWriteRefuses(t *testing.T) {
	one := FromFloat32("x", []int{1}, []float32{1})
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{one, one}, nil), "twice")
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{FromFloat32("x", []int{2}, []float32{1})}, nil), "needs 8")
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{{Name: "x", DType: "F5"}}, nil), "unknown dtype")
	other := FromBytes("x", U8, []int{1}, []byte{1})
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{one, other}, nil), "twice", "also with another type")
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{FromFloat32("x", []int{-1, -1}, []float32{1})}, nil), "negative")
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{FromFloat32("x", []int{1 << 40, 1 << 40}, nil)}, nil), "too large")
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{FromFloat32("x\xff", nil, []float32{1})}, nil), "UTF-8")
	require.ErrorContains(t, Write(&bytes.Buffer{}, []Tensor{one}, map[string]string{"a": "\xff"}), "UTF-8")
}

// TestReferenceBytes compares with a file that the reference writer made of the
// same tensors (testdata/README.md).
func TestReferenceBytes(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "reference.safetensors"))
	require.NoError(t, err)
	f, err := Open(filepath.Join("testdata", "reference.safetensors"))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, "line\n\"quoted\" <é>", f.Metadata["note"])
	var tensors []Tensor
	for _, info := range f.Tensors() {
		data, err := f.View(info.Name)
		require.NoError(t, err)
		copied, err := f.Bytes(info.Name)
		require.NoError(t, err)
		require.Equal(t, copied, data)
		require.Zero(t, info.From%int64(info.DType.Size()), "%s is aligned", info.Name)
		tensors = append(tensors, FromBytes(info.Name, info.DType, info.Shape, data))
	}
	require.Len(t, f.Names(), 13)
	require.Equal(t, f.Tensors()[0].Name, f.Names()[0])
	_, err = f.View("nothing")
	require.ErrorContains(t, err, "no tensor")
	rand.Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
	require.Equal(t, want, write(t, tensors, f.Metadata))

	for _, name := range []string{"f64", "f32", "f16", "bf16"} {
		v, err := f.Float32(name)
		require.NoError(t, err)
		require.Equal(t, []float32{0.5, -2, 1024}, v, name)
	}
	_, err = f.Float32("i32")
	require.ErrorContains(t, err, "floating-point")
}

// TestEveryType compares with a file of the reference writer that has a tensor
// of every type of whole bytes.
func TestEveryType(t *testing.T) {
	path := filepath.Join("testdata", "types.safetensors")
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	var tensors []Tensor
	var types []DType
	for _, info := range f.Tensors() {
		require.Equal(t, []int{3}, info.Shape)
		data, err := f.Bytes(info.Name)
		require.NoError(t, err)
		require.Len(t, data, 3*info.DType.Size())
		types = append(types, info.DType)
		tensors = append(tensors, FromBytes(info.Name, info.DType, info.Shape, data))
	}
	require.Equal(t, order, types)
	rand.Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
	require.Equal(t, want, write(t, tensors, f.Metadata))
}

// TestLargeFloat32 goes over the chunks that Float32 reads in.
func TestLargeFloat32(t *testing.T) {
	v := make([]float32, 3<<14+5)
	half := make([]byte, 2*len(v))
	for i := range v {
		v[i] = float32(i % 251)
		binary.LittleEndian.PutUint16(half[2*i:], uint16(math.Float32bits(v[i])>>16)) // exact below 256
	}
	f, err := read(write(t, []Tensor{FromFloat32("a", []int{len(v)}, v), FromBytes("b", BF16, []int{len(v)}, half)}, nil))
	require.NoError(t, err)
	for _, name := range f.Names() {
		got, err := f.Float32(name)
		require.NoError(t, err)
		require.Equal(t, v, got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample(f))
	f.Add(header(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2))
	f.Add(header(`{"__metadata__":{"k":"v"}}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := read(data)
		if err != nil {
			return
		}
		total := int64(0)
		for _, info := range file.Tensors() {
			b, err := file.Bytes(info.Name)
			require.NoError(t, err)
			total += int64(len(b))
		}
		require.LessOrEqual(t, total, int64(len(data)))
	})
}
