package gguf

import (
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"

	"github.com/nanochat-go/nanochat/precision/ggml"
)

// maxName and maxDims are what readers of the format accept.
const (
	maxName = 63
	maxDims = 4
)

// Info describes one tensor of a file.
type Info struct {
	Name string
	Type ggml.Type
	// Shape is row-major: [out, in] for a linear, whose file says {in, out}. The last
	// axis is the one along which values share blocks.
	Shape []int
	// Offset is where the tensor's bytes begin in the data, and Size their number.
	Offset, Size int64
}

// Elements is the product of the shape.
func (i Info) Elements() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// layout is the block of a type: how many values and bytes.
type layout struct{ values, bytes int64 }

// opaque are the types that the format knows and package ggml does not convert.
var opaque = map[ggml.Type]layout{
	6: {32, 22}, 7: {32, 24}, // Q5_0, Q5_1
	10: {256, 84}, 11: {256, 110}, 13: {256, 176}, // Q2_K, Q3_K, Q5_K
	16: {256, 66}, 17: {256, 74}, 18: {256, 98}, 19: {256, 50}, 20: {32, 18}, // IQ2_XXS, IQ2_XS, IQ3_XXS, IQ1_S, IQ4_NL
	21: {256, 110}, 22: {256, 82}, 23: {256, 136}, 29: {256, 56}, // IQ3_S, IQ2_S, IQ4_XS, IQ1_M
	24: {1, 1}, 25: {1, 2}, 26: {1, 4}, 27: {1, 8}, 28: {1, 8}, // I8, I16, I32, I64, F64
	41: {128, 18}, // Q1_0
}

// layoutOf returns the block of a type, ok if the type is known.
func layoutOf(t ggml.Type) (l layout, ok bool) {
	if n := t.Block(); n > 0 {
		return layout{int64(n), int64(t.Bytes(n))}, true
	}
	l, ok = opaque[t]
	return l, ok
}

// sizeOf is the number of bytes of a tensor, or what is wrong with it.
func sizeOf(name string, t ggml.Type, shape []int) (int64, error) {
	switch {
	case name == "" || len(name) > maxName:
		return 0, fmt.Errorf("its name has %d bytes, want 1 to %d", len(name), maxName)
	case len(shape) > maxDims:
		return 0, fmt.Errorf("%d dimensions, want at most %d", len(shape), maxDims)
	}
	l, ok := layoutOf(t)
	if !ok {
		return 0, fmt.Errorf("unknown type %d", uint32(t))
	}
	n, row := uint64(1), int64(1)
	for i, d := range shape {
		hi, lo := bits.Mul64(n, uint64(d))
		if d < 0 || hi != 0 || lo > math.MaxInt64/256 {
			return 0, fmt.Errorf("shape %v is negative or too large", shape)
		}
		n = lo
		if i == len(shape)-1 {
			row = int64(d)
		}
	}
	if row%l.values != 0 {
		return 0, fmt.Errorf("rows of %d values are no whole blocks of %s, which have %d", row, t, l.values)
	}
	return int64(n) / l.values * l.bytes, nil
}

// padded is n rounded up to a multiple of alignment.
func padded(n, alignment int64) int64 { return (n + alignment - 1) / alignment * alignment }

// chunk is about how many values one thread converts at a time.
const chunk = 1 << 16

// Encode converts values, rows of whole blocks, to type t on all processors.
func Encode(t ggml.Type, v []float32) ([]byte, error) {
	out := make([]byte, t.Bytes(len(v)))
	err := inParts(t, len(v), func(from, to int) error {
		return t.Encode(out[t.Bytes(from):t.Bytes(to)], v[from:to])
	})
	return out, err
}

// Decode converts n values of type t back on all processors.
func Decode(t ggml.Type, data []byte, n int) ([]float32, error) {
	out := make([]float32, n)
	if len(data) != t.Bytes(n) { // the parts could not tell
		return nil, t.Decode(out, data)
	}
	err := inParts(t, n, func(from, to int) error {
		return t.Decode(out[from:to], data[t.Bytes(from):t.Bytes(to)])
	})
	return out, err
}

// inParts calls convert for parts of whole blocks that cover n values. It returns the
// error of the first part that has one.
func inParts(t ggml.Type, n int, convert func(from, to int) error) error {
	if t.Block() == 0 || n%t.Block() != 0 {
		return convert(0, n) // the codec says what is wrong
	}
	parts := (n + chunk - 1) / chunk
	errs := make([]error, parts)
	workers := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range parts {
		workers <- struct{}{}
		wg.Go(func() {
			errs[i] = convert(i*chunk, min((i+1)*chunk, n))
			<-workers
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return fmt.Errorf("from value %d on: %w", i*chunk, errs[i])
	}
	return nil
}
