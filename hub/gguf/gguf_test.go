package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/ggml"
)

// Mutation: dropping the check of the end in header.file fails TestTruncation, of
// counts against what is left TestHugeCounts, of running offsets TestRefused.

func read(data []byte) (*File, error) { return Read(bytes.NewReader(data), int64(len(data)), "test") }

// values draws a value of each type.
func values(t *rapid.T) []any {
	text := rapid.String().Draw(t, "text")
	n := rapid.Uint64().Draw(t, "number")
	f := rapid.Float32().Draw(t, "float")
	list := []any{uint8(n), int8(n), uint16(n), int16(n), uint32(n), int32(n), n, int64(n), f, float64(f), n%2 == 0, text}
	k := rapid.IntRange(0, 3).Draw(t, "length")
	return append(list, make([]uint8, k), slices.Repeat([]int8{int8(n)}, k), slices.Repeat([]uint16{uint16(n)}, k), slices.Repeat([]int16{int16(n)}, k),
		slices.Repeat([]uint32{uint32(n)}, k), slices.Repeat([]int32{int32(n)}, k), slices.Repeat([]uint64{n}, k), slices.Repeat([]int64{int64(n)}, k),
		slices.Repeat([]float32{f}, k), slices.Repeat([]float64{float64(f)}, k), slices.Repeat([]bool{true, false}, k), slices.Repeat([]string{text, ""}, k))
}

// TestRoundTrip: every type of value and tensor, any shape and alignment.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var metadata []KV
		alignment := int64(defaultAlignment)
		if rapid.Bool().Draw(t, "aligned") {
			alignment = 1 << rapid.IntRange(0, 9).Draw(t, "alignment")
			metadata = append(metadata, KV{alignmentKey, uint32(alignment)})
		}
		for i, v := range values(t) {
			metadata = append(metadata, KV{fmt.Sprintf("key.%d", i), v})
		}
		var tensors []Tensor
		for i, kind := range rapid.SliceOf(rapid.SampledFrom(ggml.Types())).Draw(t, "types") {
			shape := append(rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "shape"), kind.Block()*rapid.IntRange(0, 2).Draw(t, "blocks"))
			raw := make([]byte, kind.Bytes(Info{Shape: shape}.Elements()))
			for j := range raw {
				raw[j] = byte(i + j)
			}
			tensors = append(tensors, Tensor{fmt.Sprintf("t%d", i), kind, shape, func() ([]byte, error) { return raw, nil }})
		}
		var b bytes.Buffer
		require.NoError(t, Write(&b, metadata, tensors))
		f, err := read(b.Bytes())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%#v", metadata), fmt.Sprintf("%#v", f.Metadata()))
		require.Len(t, f.Tensors(), len(tensors))
		for i, in := range tensors {
			info := f.Tensors()[i]
			require.Equal(t, in.Shape, info.Shape)
			require.Zero(t, info.Offset%alignment)
			raw, err := f.View(in.Name)
			require.NoError(t, err)
			want, _ := in.Data()
			require.Equal(t, want, raw)
		}
		require.Equal(t, b.Bytes(), again(t, f))
	})
}

// small is a file with every kind of thing in it.
func small(t require.TestingT) []byte {
	var b bytes.Buffer
	require.NoError(t, Write(&b, []KV{{"general.architecture", "test"}, {alignmentKey, uint32(64)}, {"a.bool", true}, {"a.list", []string{"x", "yz"}},
		{"a.numbers", []int32{1, -1}}, {"a.float", float32(2)}}, []Tensor{
		FromFloat32("w", ggml.F16, []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}),
		FromFloat32("q", ggml.Q8_0, []int{1, 32}, make([]float32, 32)),
		FromFloat32("s", ggml.F32, []int{}, []float32{7})}))
	return b.Bytes()
}

// TestTruncation: a file cut anywhere, or longer by a byte, is an error that names the
// place.
func TestTruncation(t *testing.T) {
	data := small(t)
	for n := range data {
		_, err := read(data[:n])
		var format *FormatError
		require.ErrorAs(t, err, &format, "cut at %d", n)
		require.LessOrEqual(t, format.Offset, int64(n))
	}
	_, err := read(append(slices.Clone(data), 0))
	require.ErrorContains(t, err, fmt.Sprintf("end at %d, the file at %d", len(data), len(data)+1))
	f, err := read(data)
	require.NoError(t, err)
	require.Equal(t, data, again(t, f))
	v, err := f.Float32("w")
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3, 4, 5, 6}, v)
}

// replaced is data with the first old replaced by new, which must be there.
func replaced(t *testing.T, data []byte, old, new string) []byte {
	t.Helper()
	require.Contains(t, string(data), old)
	return []byte(strings.Replace(string(data), old, new, 1))
}

func TestRefused(t *testing.T) {
	u32 := func(v uint32) string { return string(le.AppendUint32(nil, v)) }
	u64 := func(v uint64) string { return string(le.AppendUint64(nil, v)) }
	data := small(t)
	for name, c := range map[string]struct{ old, new, want string }{
		"magic":           {"GGUF", "GGUf", "begins with"},
		"version 1":       {"GGUF" + u32(3), "GGUF" + u32(1), "version 1"},
		"version 4":       {"GGUF" + u32(3), "GGUF" + u32(4), "version 4"},
		"big endian":      {"GGUF" + u32(3), "GGUF" + u32(3<<24), "version"},
		"twice a key":     {"a.list", "a.bool", `"a.bool" occurs twice`},
		"alignment":       {u32(4) + u32(64), u32(4) + u32(24), "alignment is 24"},
		"alignment type":  {u32(4) + u32(64), u32(5) + u32(64), "type int32"},
		"boolean":         {u32(7) + "\x01", u32(7) + "\x02", "boolean of 2"},
		"array of arrays": {"a.list" + u32(9) + u32(8), "a.list" + u32(9) + u32(9), "array of arrays"},
		"value type":      {"a.float" + u32(6), "a.float" + u32(13), "type 13"},
		"offset":          {u32(8) + u64(64), u32(8) + u64(0), `tensor "q" begins at byte 0 of the data, want 64`},
		"tensor type":     {u64(32) + u64(1) + u32(8), u64(32) + u64(1) + u32(43), "unknown type 43"},
		"row":             {u64(32) + u64(1) + u32(8), u64(33) + u64(1) + u32(8), "no whole blocks of Q8_0"},
		"dimensions":      {"w" + u32(2), "w" + u32(5), "5 dimensions"},
		"twice a tensor":  {u64(1) + "q", u64(1) + "w", `"w" occurs twice`},
		"size":            {u64(3) + u64(2), u64(3) + u64(1<<60), "too large"},
		"beyond the file": {u64(3) + u64(2), u64(3) + u64(1<<40), "does not fit"},
	} {
		_, err := read(replaced(t, data, c.old, c.new))
		require.ErrorContains(t, err, c.want, name)
		var format *FormatError
		require.ErrorAs(t, err, &format, name)
	}
	require.NotPanics(t, func() { _, _ = read(nil) })
}

// TestWriterRefuses what the reader would.
func TestWriterRefuses(t *testing.T) {
	one := []float32{1}
	for want, c := range map[string]struct {
		kv      []KV
		tensors []Tensor
	}{
		"0 bytes":                  {[]KV{{"", uint32(1)}}, nil},
		"65536 bytes":              {[]KV{{strings.Repeat("k", 65536), uint32(1)}}, nil},
		`"a" occurs twice`:         {[]KV{{"a", true}, {"a", false}}, nil},
		"type int cannot":          {[]KV{{"a", 1}}, nil},
		"type [][]string cannot":   {[]KV{{"a", [][]string{}}}, nil},
		"alignment is 24":          {[]KV{{alignmentKey, uint32(24)}}, nil},
		"type uint64, want uint32": {[]KV{{alignmentKey, uint64(32)}}, nil},
		"64 bytes, want 1 to 63":   {nil, []Tensor{FromFloat32(strings.Repeat("n", 64), ggml.F32, []int{1}, one)}},
		"a second one":             {nil, []Tensor{FromFloat32("n", ggml.F32, []int{1}, one), FromFloat32("n", ggml.F32, []int{1}, one)}},
		"rows of 33":               {nil, []Tensor{FromFloat32("n", ggml.Q8_0, []int{33}, make([]float32, 33))}},
		"rows of 1 ":               {nil, []Tensor{FromFloat32("n", ggml.Q8_0, []int{}, one)}},
		"5 dimensions":             {nil, []Tensor{FromFloat32("n", ggml.F32, []int{1, 1, 1, 1, 1}, one)}},
		"negative":                 {nil, []Tensor{FromFloat32("n", ggml.F32, []int{-1}, nil)}},
		"unknown type 36":          {nil, []Tensor{FromFloat32("n", 36, []int{1}, one)}},
		"has 4 bytes":              {nil, []Tensor{FromFloat32("n", ggml.F32, []int{2}, one)}},
		"value 0 is NaN":           {nil, []Tensor{FromFloat32("n", ggml.Q8_0, []int{32}, slices.Repeat([]float32{float32(math.NaN())}, 32))}},
	} {
		require.ErrorContains(t, Write(&bytes.Buffer{}, c.kv, c.tensors), want)
	}
	var b bytes.Buffer
	require.NoError(t, Write(&b, nil, []Tensor{FromFloat32(strings.Repeat("n", 63), ggml.F32, []int{0}, nil)}))
	_, err := read(b.Bytes())
	require.NoError(t, err, "63 bytes of name and no values")
}

// TestHugeCounts: what a file claims to have is not allocated.
func TestHugeCounts(t *testing.T) {
	head := func(tensors, keys uint64) []byte {
		return le.AppendUint64(le.AppendUint64(le.AppendUint32([]byte(magic), 3), tensors), keys)
	}
	key := append(head(0, 1), appendString(nil, "k")...)
	array := func(kind uint32, n uint64) []byte {
		return append(le.AppendUint64(le.AppendUint32(le.AppendUint32(slices.Clone(key), typeArray), kind), n), make([]byte, 64)...)
	}
	for _, data := range [][]byte{
		head(math.MaxUint64, 0), head(0, math.MaxUint64), head(1<<40, 1<<40),
		le.AppendUint64(head(0, 1), math.MaxUint64), le.AppendUint64(head(0, 1), 60000),
		le.AppendUint64(le.AppendUint32(slices.Clone(key), typeString), 1<<29),
		array(typeUint8, 1<<29), array(typeFloat64, 1<<30), array(typeString, 1<<28), array(typeFloat64, math.MaxUint64),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(data)
		runtime.ReadMemStats(&after)
		require.Error(t, err)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<18), "%.40q", data)
	}
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	require.NoError(t, WriteFile(path, []KV{{"a", uint32(7)}}, []Tensor{FromFloat32("w", ggml.F32, []int{2}, []float32{1, 2})}))
	f, err := Open(path)
	require.NoError(t, err)
	v, err := Get[uint32](f, "a")
	require.NoError(t, err)
	require.Equal(t, uint32(7), v)
	_, err = Get[int32](f, "a")
	require.ErrorContains(t, err, `key "a" has type uint32, want int32`)
	_, err = Get[int32](f, "b")
	require.ErrorContains(t, err, `no key "b"`)
	other, err := GetOr(f, "b", "default")
	require.NoError(t, err)
	require.Equal(t, "default", other)
	_, err = f.View("v")
	require.ErrorContains(t, err, `no tensor "v"`)
	w, err := f.Float32("w")
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2}, w)
	require.NoError(t, f.Close())

	broken := Tensor{"w", ggml.F32, []int{2}, func() ([]byte, error) { return nil, errors.New("no data") }}
	require.ErrorContains(t, WriteFile(path, nil, []Tensor{broken}), `gguf: tensor "w": no data`)
	f, err = Open(path)
	require.NoError(t, err, "the file before is still there")
	require.NoError(t, f.Close())
	_, err = Open(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestOpaque: types without a codec can be copied, and say so when they are decoded.
func TestOpaque(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Write(&b, nil, []Tensor{{"w", 13, []int{1, 256}, func() ([]byte, error) { return make([]byte, 176), nil }}}))
	f, err := read(b.Bytes())
	require.NoError(t, err)
	require.Equal(t, b.Bytes(), again(t, f))
	_, err = f.Float32("w")
	require.ErrorContains(t, err, `tensor "w": ggml: type 13 is not one of`)
}

// TestManyThreads: parts of a tensor are converted side by side to the same bytes.
func TestManyThreads(t *testing.T) {
	v := make([]float32, 3*chunk+256)
	for i := range v {
		v[i] = float32(math.Sin(float64(i)))
	}
	for _, kind := range []ggml.Type{ggml.TQ2_0, ggml.F16} {
		got, err := Encode(kind, v)
		require.NoError(t, err)
		want := make([]byte, kind.Bytes(len(v)))
		require.NoError(t, kind.Encode(want, v))
		require.Equal(t, want, got)
		back, err := Decode(kind, got, len(v))
		require.NoError(t, err)
		values := make([]float32, len(v))
		require.NoError(t, kind.Decode(values, want))
		require.Equal(t, values, back)
	}
	v[chunk+5] = float32(math.Inf(1))
	_, err := Encode(ggml.TQ2_0, v)
	require.ErrorContains(t, err, fmt.Sprintf("from value %d on: ggml: TQ2_0 block 0", chunk))
	_, err = Decode(ggml.TQ2_0, make([]byte, 65), 256)
	require.ErrorContains(t, err, "65 bytes")
	_, err = Encode(ggml.TQ2_0, v[:255])
	require.ErrorContains(t, err, "no whole blocks")
}

// FuzzRead: whatever the bytes, Read returns; what it accepts has its tensors inside
// the file and can be written and read again.
func FuzzRead(f *testing.F) {
	f.Add(small(f))
	f.Add([]byte("GGUF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := read(data)
		if err != nil {
			return
		}
		for _, info := range file.Tensors() {
			raw, err := file.View(info.Name)
			require.NoError(t, err)
			require.Len(t, raw, int(info.Size))
			if info.Type.Block() > 0 {
				_, err := file.Float32(info.Name)
				require.NoError(t, err)
			}
		}
		written := again(t, file)
		second, err := read(written)
		require.NoError(t, err)
		require.Equal(t, written, again(t, second))
		require.Len(t, written, len(data), "padding aside they are the same")
	})
}
