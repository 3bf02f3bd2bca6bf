package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Tensor is one tensor to write. Data yields its little-endian bytes when its
// turn comes, so that a file larger than memory can be written.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  func() ([]byte, error)
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
		return cmp.Or(cmp.Compare(b.DType.Size(), a.DType.Size()), cmp.Compare(a.Name, b.Name))
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
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	if len(metadata) > 0 {
		m, err := json.Marshal(metadata) // sorts the keys
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: metadata: %w", err)
		}
		fmt.Fprintf(&b, `"__metadata__":%s`, m)
	}
	end := int64(0)
	for i, t := range tensors {
		if t.Name == "__metadata__" || i > 0 && tensors[i-1].Name == t.Name {
			return nil, nil, fmt.Errorf("safetensors: tensor name %q is reserved or occurs twice", t.Name)
		}
		n := int64(t.DType.Size())
		if n == 0 {
			return nil, nil, fmt.Errorf("safetensors: tensor %q has unknown dtype %q", t.Name, t.DType)
		}
		for _, d := range t.Shape {
			n *= int64(d)
		}
		if b.Len() > 9 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(t.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		shape, _ := json.Marshal(append([]int{}, t.Shape...))
		fmt.Fprintf(&b, `%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, t.DType, shape, end, end+n)
		end += n
		sizes = append(sizes, n)
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	header = b.Bytes()
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header, sizes, nil
}

// WriteFile writes the file at path so that it exists whole or not at all: to
// a temporary sibling that is synced and then renamed.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err = Write(w, tensors, metadata); err != nil {
		return err
	}
	for _, finish := range []func() error{w.Flush, f.Sync, func() error { return f.Chmod(0o644) }, f.Close} {
		if err = finish(); err != nil {
			return fmt.Errorf("safetensors: %w", err)
		}
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	return nil
}
