package gguf

import (
	"errors"
	"fmt"
	"io"

	"github.com/nanochat-go/nanochat/hub/internal/disk"
	"github.com/nanochat-go/nanochat/precision/ggml"
)

// The first bytes of a file, the version that is written, and how data is aligned
// where general.alignment does not say.
const (
	magic            = "GGUF"
	version          = 3
	defaultAlignment = 32
	alignmentKey     = "general.alignment"
	maxKey           = 65535
	maxCount         = 1 << 30 // of the bytes of a string and the elements of an array
)

// Tensor is one tensor to write. Data yields its bytes, blocks of Type in rows,
// when its turn comes, so that a file larger than memory can be written.
type Tensor struct {
	Name  string
	Type  ggml.Type
	Shape []int // row-major, see Info
	Data  func() ([]byte, error)
}

// FromFloat32 is a tensor of values that are converted to type t when it is written.
func FromFloat32(name string, t ggml.Type, shape []int, v []float32) Tensor {
	return Tensor{Name: name, Type: t, Shape: shape, Data: func() ([]byte, error) { return Encode(t, v) }}
}

// Write writes metadata and tensors, both in their order. It is an error, and nothing
// is written, if a reader would refuse them: see the package comment.
func Write(w io.Writer, metadata []KV, tensors []Tensor) error {
	header, sizes, alignment, err := makeHeader(metadata, tensors)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	zeros := make([]byte, alignment)
	for i, t := range tensors {
		data, err := t.Data()
		if err != nil {
			return fmt.Errorf("gguf: tensor %q: %w", t.Name, err)
		}
		if int64(len(data)) != sizes[i] {
			return fmt.Errorf("gguf: tensor %q has %d bytes, %s%v needs %d", t.Name, len(data), t.Type, t.Shape, sizes[i])
		}
		for _, b := range [][]byte{data, zeros[:padded(sizes[i], alignment)-sizes[i]]} {
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("gguf: tensor %q: %w", t.Name, err)
			}
		}
	}
	return nil
}

// WriteFile writes the file at path so that it exists whole or not at all, also
// after a power failure.
func WriteFile(path string, metadata []KV, tensors []Tensor) error {
	var format error // of Write, which has said where it comes from
	err := disk.WriteFile(path, func(w io.Writer) error {
		format = Write(w, metadata, tensors)
		return format
	})
	if err != nil && format == nil {
		err = fmt.Errorf("gguf: %w", err)
	}
	return err
}

// makeHeader returns everything before the data, and each tensor's bytes.
func makeHeader(metadata []KV, tensors []Tensor) (b []byte, sizes []int64, alignment int64, err error) {
	b = le.AppendUint32([]byte(magic), version)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), uint64(len(metadata)))
	alignment = defaultAlignment
	keys, names := map[string]bool{}, map[string]bool{}
	for _, kv := range metadata {
		if err := checkKey(kv.Key, keys); err != nil {
			return nil, nil, 0, err
		}
		if kv.Key == alignmentKey {
			if alignment, err = alignmentOf(kv.Value); err != nil {
				return nil, nil, 0, err
			}
		}
		start := len(b)
		if b, err = appendValue(appendString(b, kv.Key), kv.Value); err != nil {
			return nil, nil, 0, fmt.Errorf("key %q: %w", kv.Key, err)
		}
		if len(b)-start > maxCount {
			return nil, nil, 0, fmt.Errorf("key %q: a value of %d bytes, readers accept %d", kv.Key, len(b)-start, maxCount)
		}
	}
	offset := int64(0)
	for _, t := range tensors {
		size, err := sizeOf(t.Name, t.Type, t.Shape)
		if err == nil && names[t.Name] {
			err = errors.New("a second one of this name")
		}
		if err == nil && size > 1<<62-offset {
			err = errors.New("the file is too large")
		}
		if err != nil {
			return nil, nil, 0, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		names[t.Name] = true
		b = le.AppendUint32(appendString(b, t.Name), uint32(len(t.Shape)))
		for i := range t.Shape {
			b = le.AppendUint64(b, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		b = le.AppendUint64(le.AppendUint32(b, uint32(t.Type)), uint64(offset))
		sizes, offset = append(sizes, size), offset+padded(size, alignment)
	}
	if len(tensors) > 0 {
		b = append(b, make([]byte, padded(int64(len(b)), alignment)-int64(len(b)))...)
	}
	return b, sizes, alignment, nil
}

// checkKey refuses keys that are empty, too long or in seen, to which it adds them.
func checkKey(key string, seen map[string]bool) error {
	switch {
	case key == "" || len(key) > maxKey:
		return fmt.Errorf("a key of %d bytes, want 1 to %d", len(key), maxKey)
	case seen[key]:
		return fmt.Errorf("key %q occurs twice", key)
	}
	seen[key] = true
	return nil
}

// alignmentOf checks the value of general.alignment.
func alignmentOf(v any) (int64, error) {
	n, ok := v.(uint32)
	if !ok {
		return 0, fmt.Errorf("%s has type %T, want uint32", alignmentKey, v)
	}
	if n == 0 || n&(n-1) != 0 || n > 1<<20 {
		return 0, fmt.Errorf("%s is %d, want a power of two up to 2²⁰", alignmentKey, n)
	}
	return int64(n), nil
}
