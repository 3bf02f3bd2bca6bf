package gguf

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"github.com/nanochat-go/nanochat/hub/internal/mapped"
	"github.com/nanochat-go/nanochat/precision/ggml"
)

// FormatError says what is wrong with a file and where.
type FormatError struct {
	File   string // path, or "" when read from memory
	Offset int64  // byte offset in the file
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("gguf: %s at offset %d: %s", e.File, e.Offset, e.Reason)
}

// File is an open GGUF file. Its methods may be called concurrently.
type File struct {
	Version uint32 // 2 or 3, which lie alike

	name      string
	r         io.ReaderAt
	mapped    []byte // the whole file, nil where it could not be mapped
	close     func() error
	start     int64 // of the data
	alignment int64
	metadata  []KV
	keys      map[string]int
	tensors   []Info
	index     map[string]int
}

// Open reads the header of the file at path. Close it after use.
func Open(path string) (*File, error) {
	opened, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	f, err := Read(opened, opened.Size, path)
	if err != nil {
		opened.Close()
		return nil, err
	}
	f.mapped, f.close = opened.Data, opened.Close
	return f, nil
}

// Read reads the header of a file of the given size; name is for errors.
func Read(r io.ReaderAt, size int64, name string) (*File, error) {
	f := &File{name: name, r: r, alignment: defaultAlignment, keys: map[string]int{}, index: map[string]int{}}
	h := &header{f: f, r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16), size: size}
	h.file()
	if h.err != nil {
		return nil, h.err
	}
	return f, nil
}

// Close releases the file.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// Metadata lists keys and values in the order of the file. They must not be changed.
func (f *File) Metadata() []KV { return f.metadata }

// Lookup returns the value of a key, nil if there is none.
func (f *File) Lookup(key string) any {
	if i, ok := f.keys[key]; ok {
		return f.metadata[i].Value
	}
	return nil
}

// Get returns the value of a key that must be there with the type of v.
func Get[V any](f *File, key string) (v V, err error) {
	found := f.Lookup(key)
	v, ok := found.(V)
	switch {
	case found == nil:
		return v, fmt.Errorf("gguf: %s has no key %q", f.name, key)
	case !ok:
		return v, fmt.Errorf("gguf: %s: key %q has type %T, want %T", f.name, key, found, v)
	}
	return v, nil
}

// GetOr is Get with a value for a key that is not there.
func GetOr[V any](f *File, key string, absent V) (V, error) {
	if f.Lookup(key) == nil {
		return absent, nil
	}
	return Get[V](f, key)
}

// Tensors lists the tensors in the order of the file.
func (f *File) Tensors() []Info { return f.tensors }

// Info describes the named tensor; ok says whether there is one.
func (f *File) Info(name string) (info Info, ok bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// View returns the bytes of the named tensor without copying where the file is
// mapped into memory, else a copy. They must not be written to nor used after Close.
func (f *File) View(name string) ([]byte, error) {
	t, ok := f.Info(name)
	if !ok {
		return nil, fmt.Errorf("gguf: %s has no tensor %q", f.name, name)
	}
	from := f.start + t.Offset
	if f.mapped != nil {
		return f.mapped[from : from+t.Size : from+t.Size], nil
	}
	data := make([]byte, t.Size)
	if n, err := f.r.ReadAt(data, from); n < len(data) {
		return nil, fmt.Errorf("gguf: %s: tensor %q: %w", f.name, name, err)
	}
	return data, nil
}

// Float32 returns the values of the named tensor, whose type package ggml converts.
func (f *File) Float32(name string) ([]float32, error) {
	data, err := f.View(name)
	if err != nil {
		return nil, err
	}
	t, _ := f.Info(name)
	v, err := Decode(t.Type, data, t.Elements())
	if err != nil {
		return nil, fmt.Errorf("gguf: %s: tensor %q: %w", f.name, name, err)
	}
	return v, nil
}

// header reads what lies before the data. After an error it reads nothing.
type header struct {
	f       *File
	r       *bufio.Reader
	at      int64
	size    int64
	err     error
	scratch [8]byte
}

// bad notes what is wrong at the current offset.
func (h *header) bad(format string, args ...any) {
	if h.err == nil {
		h.err = &FormatError{File: h.f.name, Offset: h.at, Reason: fmt.Sprintf(format, args...)}
	}
}

// need says whether n more bytes are in the file.
func (h *header) need(n int64, what string) bool {
	if h.err == nil && n > h.size-h.at {
		h.bad("the file ends inside %s", what)
	}
	return h.err == nil
}

// read fills b.
func (h *header) read(b []byte, what string) bool {
	if !h.need(int64(len(b)), what) {
		return false
	}
	if _, err := io.ReadFull(h.r, b); err != nil {
		h.err = fmt.Errorf("gguf: %s: %w", h.f.name, err)
		return false
	}
	h.at += int64(len(b))
	return true
}

// number reads a little-endian number of n bytes, up to 8; 0 after an error.
func (h *header) number(n int, what string) uint64 {
	h.scratch = [8]byte{}
	if !h.read(h.scratch[:n], what) {
		return 0
	}
	return le.Uint64(h.scratch[:])
}

func (h *header) string(limit uint64, what string) string {
	n := h.number(8, what)
	if n > limit {
		h.bad("%s of %d bytes, want at most %d", what, n, limit)
	}
	if !h.need(int64(min(n, math.MaxInt64)), what) {
		return ""
	}
	b := make([]byte, n)
	h.read(b, what)
	return string(b)
}

// file reads the header and checks that the data ends where the file does.
func (h *header) file() {
	var m [4]byte
	if h.read(m[:], "the magic bytes") && string(m[:]) != magic {
		h.at = 0
		h.bad("it begins with %q, not with %q", m[:], magic)
	}
	h.f.Version = uint32(h.number(4, "the version"))
	if v := h.f.Version; h.err == nil && v != 2 && v != 3 {
		h.bad("version %d, want 2 or 3", v)
	}
	tensors, keys := h.number(8, "the number of tensors"), h.number(8, "the number of keys")
	left := uint64(h.size - h.at)
	if h.err == nil && (keys > left/13 || tensors > left/24) { // the least that one takes
		h.bad("the file ends inside its %d keys and %d tensors", keys, tensors)
	}
	h.metadata(keys)
	for range tensors {
		if h.err != nil {
			return
		}
		h.tensor()
	}
	end := h.at
	if n := len(h.f.tensors); n > 0 && h.err == nil {
		h.f.start = padded(h.at, h.f.alignment)
		last := h.f.tensors[n-1]
		end = h.f.start + last.Offset + padded(last.Size, h.f.alignment)
	}
	if h.err == nil && end != h.size {
		h.at = min(end, h.size)
		h.bad("the tensors and their padding end at %d, the file at %d", end, h.size)
	}
}

// metadata reads n keys and values.
func (h *header) metadata(n uint64) {
	seen := map[string]bool{}
	for range n {
		start := h.at
		key := h.string(maxKey, "a key")
		if h.err == nil {
			if err := checkKey(key, seen); err != nil {
				h.at = start
				h.bad("%v", err)
			}
		}
		v := h.value(uint32(h.number(4, "the type of a value")))
		if h.err != nil {
			return
		}
		if key == alignmentKey {
			a, err := alignmentOf(v)
			if err != nil {
				h.bad("%v", err)
				return
			}
			h.f.alignment = a
		}
		h.f.keys[key] = len(h.f.metadata)
		h.f.metadata = append(h.f.metadata, KV{key, v})
	}
}

// value reads a value that is no element of an array.
func (h *header) value(kind uint32) any {
	const what = "a value"
	switch kind {
	case typeUint8:
		return uint8(h.number(1, what))
	case typeInt8:
		return int8(h.number(1, what))
	case typeUint16:
		return uint16(h.number(2, what))
	case typeInt16:
		return int16(h.number(2, what))
	case typeUint32:
		return uint32(h.number(4, what))
	case typeInt32:
		return int32(h.number(4, what))
	case typeFloat32:
		return math.Float32frombits(uint32(h.number(4, what)))
	case typeBool:
		return h.bool()
	case typeString:
		return h.string(maxCount, what)
	case typeUint64:
		return h.number(8, what)
	case typeInt64:
		return int64(h.number(8, what))
	case typeFloat64:
		return math.Float64frombits(h.number(8, what))
	case typeArray:
		element := uint32(h.number(4, "the type of an array"))
		return h.array(element, h.number(8, "the count of an array"))
	}
	h.bad("value type %d is not known", kind)
	return nil
}

func (h *header) bool() bool {
	v := h.number(1, "a boolean")
	if v > 1 {
		h.bad("a boolean of %d", v)
	}
	return v == 1
}

func (h *header) array(kind uint32, n uint64) any {
	const what = "an array"
	size := elementSize(kind)
	switch {
	case h.err != nil:
		return nil
	case kind == typeArray:
		h.bad("an array of arrays")
	case size == 0:
		h.bad("element type %d is not known", kind)
	case n > maxCount:
		h.bad("an array of %d elements, want at most %d", n, maxCount)
	}
	if !h.need(int64(n)*size, what) {
		return nil
	}
	switch kind {
	case typeUint8:
		return elements(n, func() uint8 { return uint8(h.number(1, what)) })
	case typeInt8:
		return elements(n, func() int8 { return int8(h.number(1, what)) })
	case typeUint16:
		return elements(n, func() uint16 { return uint16(h.number(2, what)) })
	case typeInt16:
		return elements(n, func() int16 { return int16(h.number(2, what)) })
	case typeUint32:
		return elements(n, func() uint32 { return uint32(h.number(4, what)) })
	case typeInt32:
		return elements(n, func() int32 { return int32(h.number(4, what)) })
	case typeFloat32:
		return elements(n, func() float32 { return math.Float32frombits(uint32(h.number(4, what))) })
	case typeBool:
		return elements(n, h.bool)
	case typeUint64:
		return elements(n, func() uint64 { return h.number(8, what) })
	case typeInt64:
		return elements(n, func() int64 { return int64(h.number(8, what)) })
	case typeFloat64:
		return elements(n, func() float64 { return math.Float64frombits(h.number(8, what)) })
	}
	texts := []string{} // grows with what is read: a string may be longer than its least
	for i := uint64(0); i < n && h.err == nil; i++ {
		texts = append(texts, h.string(maxCount, "a string of an array"))
	}
	return texts
}

func elements[E any](n uint64, read func() E) []E {
	v := make([]E, n)
	for i := range v {
		v[i] = read()
	}
	return v
}

// tensor reads the description of one tensor, which must begin where the one before
// it and its padding end.
func (h *header) tensor() {
	start := h.at
	name := h.string(maxKey, "the name of a tensor")
	n := h.number(4, "the number of dimensions")
	if n > maxDims {
		h.bad("tensor %q has %d dimensions, want at most %d", name, n, maxDims)
		return
	}
	shape := make([]int, n)
	for i := range shape {
		d := h.number(8, "a dimension")
		if d > math.MaxInt {
			h.bad("tensor %q has a dimension of %d", name, d)
		}
		shape[len(shape)-1-i] = int(d)
	}
	kind := ggml.Type(h.number(4, "the type of a tensor"))
	offset := h.number(8, "the offset of a tensor")
	if h.err != nil {
		return
	}
	want := int64(0)
	if n := len(h.f.tensors); n > 0 {
		last := h.f.tensors[n-1]
		want = last.Offset + padded(last.Size, h.f.alignment)
	}
	size, err := sizeOf(name, kind, shape)
	_, twice := h.f.index[name]
	switch {
	case err != nil:
		h.bad("tensor %q: %v", name, err)
	case twice:
		h.at = start
		h.bad("tensor %q occurs twice", name)
	case offset != uint64(want):
		h.bad("tensor %q begins at byte %d of the data, want %d", name, offset, want)
	case size > h.size-want:
		h.bad("tensor %q of %d bytes does not fit into the file", name, size)
	}
	h.f.index[name] = len(h.f.tensors)
	h.f.tensors = append(h.f.tensors, Info{Name: name, Type: kind, Shape: shape, Offset: want, Size: size})
}
