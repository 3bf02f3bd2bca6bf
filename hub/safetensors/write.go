package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/hub/internal/disk"
)

// Tensor is one tensor to write. Data yields its little-endian bytes when its
// turn comes, so that a file larger than memory can be written.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  func() ([]byte, error)
}

// FromBytes is a tensor whose little-endian bytes are data.
func FromBytes(name string, d DType, shape []int, data []byte) Tensor {
	return Tensor{Name: name, DType: d, Shape: shape, Data: func() ([]byte, error) { return data, nil }}
}

// FromFloat32 is a tensor of float32 values.
func FromFloat32(name string, shape []int, v []float32) Tensor {
	return Tensor{Name: name, DType: F32, Shape: shape, Data: func() ([]byte, error) { return Float32Bytes(v), nil }}
}

// Write writes the tensors and the metadata (which may be nil) to w. It is an
// error if a name occurs twice, is reserved, or Data has another size than
// dtype and shape say.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(slices.Index(order, a.DType)-slices.Index(order, b.DType), cmp.Compare(a.Name, b.Name))
	})
	header, sizes, err := makeHeader(tensors, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for i, t := range tensors {
		data, err := t.Data()
		if err != nil {
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		if int64(len(data)) != sizes[i] {
			return fmt.Errorf("safetensors: tensor %q has %d bytes, %s%v needs %d", t.Name, len(data), t.DType, t.Shape, sizes[i])
		}
		if _, err := w.Write(data); err != nil {
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// makeHeader returns length, JSON and padding, and each tensor's bytes.
func makeHeader(tensors []Tensor, metadata map[string]string) (header []byte, sizes []int64, err error) {
	b := append(make([]byte, 8), '{')
	if len(metadata) > 0 {
		b = append(b, `"__metadata__":{`...)
		for _, key := range slices.Sorted(maps.Keys(metadata)) {
			b = append(append(append(quote(b, key), ':'), quote(nil, metadata[key])...), ',')
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, nil, fmt.Errorf("safetensors: metadata %q is not UTF-8", key)
			}
		}
		b[len(b)-1] = '}'
	}
	seen := map[string]bool{"__metadata__": true}
	end := int64(0)
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, nil, fmt.Errorf("safetensors: tensor name %q is reserved or occurs twice", t.Name)
		}
		seen[t.Name] = true
		n, err := t.bytes()
		if err == nil && n > math.MaxInt64-end {
			err = errors.New("the file is too large")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		if len(b) > 9 {
			b = append(b, ',')
		}
		shape := strings.ReplaceAll(fmt.Sprint(append([]int{}, t.Shape...)), " ", ",")
		b = fmt.Appendf(quote(b, t.Name), `:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, t.DType, shape, end, end+n)
		end += n
		sizes = append(sizes, n)
	}
	b = append(b, '}')
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	if len(b)-8 > maxHeader {
		return nil, nil, fmt.Errorf("safetensors: a header of %d bytes is above the format's limit of %d", len(b)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return b, sizes, nil
}

// bytes is the size that dtype and shape give.
func (t Tensor) bytes() (int64, error) {
	size := uint64(t.DType.Size())
	if size == 0 {
		return 0, fmt.Errorf("unknown dtype %q", t.DType)
	}
	if !utf8.ValidString(t.Name) {
		return 0, errors.New("the name is not UTF-8")
	}
	for _, d := range t.Shape {
		hi, lo := bits.Mul64(size, uint64(d))
		if d < 0 || hi != 0 || lo > 1<<62 {
			return 0, fmt.Errorf("shape %v is negative or too large", t.Shape)
		}
		size = lo
	}
	return int64(size), nil
}

// quote appends s as a JSON string in which only what must be is escaped.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' && strings.ContainsRune("\b\t\n\f\r", r):
			b = append(b, '\\', "btn_fr"[r-'\b'])
		case r < ' ':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// WriteFile writes the file at path so that it exists whole or not at all, also
// after a power failure.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	var format error // of Write, which has said where it comes from
	err := disk.WriteFile(path, func(w io.Writer) error {
		format = Write(w, tensors, metadata)
		return format
	})
	if err != nil && format == nil {
		err = fmt.Errorf("safetensors: %w", err)
	}
	return err
}
