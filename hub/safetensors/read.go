package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/hub/internal/mapped"
)

// maxHeader is the largest header that readers of the format accept.
const maxHeader = 100_000_000

// FormatError says what is wrong with a file and where.
type FormatError struct {
	File   string // path, or "" when read from memory
	Offset int64  // byte offset in the file
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("safetensors: %s at offset %d: %s", e.File, e.Offset, e.Reason)
}

// Info describes one tensor of a file.
type Info struct {
	Name  string
	DType DType
	Shape []int
	// From and To are the tensor's bytes, counted from the start of the data.
	From, To int64
}

// Elements is the product of the shape.
func (i Info) Elements() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// File is an open safetensors file. Its methods may be called concurrently.
type File struct {
	Metadata map[string]string

	name    string
	r       io.ReaderAt
	mapped  []byte // the whole file, nil where it could not be mapped
	close   func() error
	start   int64 // of the data
	tensors []Info
	index   map[string]int
}

// Open reads the header of the file at path. Close it after use.
func Open(path string) (*File, error) {
	opened, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
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
	f := &File{name: name, r: r, index: map[string]int{}}
	var prefix [8]byte
	if size < 8 {
		return nil, f.bad(size, "the file ends inside the 8-byte header length")
	}
	if _, err := r.ReadAt(prefix[:], 0); err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", name, err)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader {
		return nil, f.bad(0, fmt.Sprintf("header length %d is above the limit of %d: not a safetensors file?", n, maxHeader))
	}
	if int64(n) > size-8 {
		return nil, f.bad(size, fmt.Sprintf("the file ends inside the header of %d bytes", n))
	}
	header := make([]byte, n)
	if _, err := r.ReadAt(header, 8); err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", name, err)
	}
	f.start = 8 + int64(n)
	if err := f.parse(header); err != nil {
		return nil, err
	}
	return f, f.check(size - f.start)
}

func (f *File) bad(offset int64, reason string) error {
	return &FormatError{File: f.name, Offset: offset, Reason: reason}
}

// entry is a tensor as the header has it.
type entry struct {
	DType   DType         `json:"dtype"`
	Shape   []json.Number `json:"shape"` // numbers, because a null would decode to a 0
	Offsets []json.Number `json:"data_offsets"`
}

// parse decodes the JSON header token by token, because a map would hide names
// that occur twice.
func (f *File) parse(header []byte) error {
	d := json.NewDecoder(bytes.NewReader(header))
	fail := func(reason string) error { return f.bad(8+d.InputOffset(), reason) }
	if !utf8.Valid(header) {
		return fail("the header is not UTF-8")
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') || header[0] != '{' {
		return fail("the header is not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fail("header: " + err.Error())
		}
		name, _ := t.(string)
		if name == "__metadata__" {
			if f.Metadata != nil {
				return fail("__metadata__ occurs twice")
			}
			if err := d.Decode(&f.Metadata); err != nil {
				return fail("__metadata__: " + err.Error())
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return fail(fmt.Sprintf("tensor %q: %v", name, err))
		}
		if _, twice := f.index[name]; twice {
			return fail(fmt.Sprintf("tensor %q occurs twice", name))
		}
		info, reason := e.info(name)
		if reason != "" {
			return fail(fmt.Sprintf("tensor %q: %s", name, reason))
		}
		f.index[name] = -1
		f.tensors = append(f.tensors, info)
	}
	if _, err := d.Token(); err != nil {
		return fail("header: " + err.Error())
	}
	if rest := bytes.TrimRight(header[d.InputOffset():], " "); len(rest) > 0 {
		return fail("text after the header's JSON object")
	}
	return nil
}

// info checks one entry by itself.
func (e entry) info(name string) (info Info, reason string) {
	size := uint64(e.DType.Size())
	if size == 0 {
		return info, fmt.Sprintf("unknown dtype %q", e.DType)
	}
	if e.Shape == nil || len(e.Offsets) != 2 {
		return info, "want dtype, shape and two data_offsets"
	}
	total := size
	shape := make([]int, len(e.Shape))
	for i, text := range e.Shape {
		d, err := strconv.ParseUint(text.String(), 10, 64)
		if err != nil {
			return info, fmt.Sprintf("%q in the shape is not a size", text)
		}
		hi, lo := bits.Mul64(total, d)
		if hi != 0 || lo > 1<<62 || d > math.MaxInt {
			return info, fmt.Sprintf("shape %v is too large", e.Shape)
		}
		total, shape[i] = lo, int(d)
	}
	from, errFrom := strconv.ParseUint(e.Offsets[0].String(), 10, 62)
	to, errTo := strconv.ParseUint(e.Offsets[1].String(), 10, 62)
	if errFrom != nil || errTo != nil {
		return info, fmt.Sprintf("data_offsets %v are not offsets", e.Offsets)
	}
	if from > to || to-from != total {
		return info, fmt.Sprintf("data_offsets %v, %s%v needs %d bytes", e.Offsets, e.DType, e.Shape, total)
	}
	return Info{Name: name, DType: e.DType, Shape: shape, From: int64(from), To: int64(to)}, ""
}

// check verifies that the tensors tile the data exactly.
func (f *File) check(size int64) error {
	slices.SortFunc(f.tensors, func(a, b Info) int {
		if a.From != b.From {
			return int(min(max(a.From-b.From, -1), 1))
		}
		if a.To != b.To {
			return int(min(max(a.To-b.To, -1), 1))
		}
		return strings.Compare(a.Name, b.Name)
	})
	end := int64(0)
	for i, t := range f.tensors {
		if t.From != end {
			return f.bad(f.start+end, fmt.Sprintf("tensor %q starts at data byte %d, the one before it ends at %d", t.Name, t.From, end))
		}
		end = t.To
		f.index[t.Name] = i
	}
	if end != size {
		return f.bad(f.start+min(end, size), fmt.Sprintf("the header describes %d bytes of data, the file has %d", end, size))
	}
	return nil
}

// Close releases the file.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// Tensors lists the tensors in the order of their bytes.
func (f *File) Tensors() []Info { return f.tensors }

// Info describes the named tensor; ok says whether there is one.
func (f *File) Info(name string) (info Info, ok bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// View returns the raw little-endian bytes of the named tensor without
// copying where the file is mapped into memory, else a copy. They must not be
// written to nor used after Close.
func (f *File) View(name string) ([]byte, error) {
	t, ok := f.Info(name)
	if ok && f.mapped != nil {
		from, to := f.start+t.From, f.start+t.To
		return f.mapped[from:to:to], nil
	}
	return f.Bytes(name)
}

// Bytes reads the raw little-endian bytes of the named tensor.
func (f *File) Bytes(name string) ([]byte, error) {
	t, ok := f.Info(name)
	if !ok {
		return nil, f.missing(name)
	}
	data := make([]byte, t.To-t.From)
	return data, f.readAt(data, t, 0)
}

func (f *File) missing(name string) error {
	return fmt.Errorf("safetensors: %s has no tensor %q", f.name, name)
}

// readAt fills b with the tensor's bytes from the given one on.
func (f *File) readAt(b []byte, t Info, from int64) error {
	if len(b) == 0 {
		return nil
	}
	if n, err := f.r.ReadAt(b, f.start+t.From+from); n < len(b) {
		return fmt.Errorf("safetensors: %s: tensor %q: %w", f.name, t.Name, err)
	}
	return nil
}

// Float32 reads the named tensor, of a floating-point type of 16 bits or more,
// as float32.
func (f *File) Float32(name string) ([]float32, error) {
	t, ok := f.Info(name)
	if !ok {
		return nil, f.missing(name)
	}
	if !t.DType.float() {
		return nil, fmt.Errorf("safetensors: tensor %q of %s is %s, want a floating-point type", name, f.name, t.DType)
	}
	out := make([]float32, t.Elements())
	size := t.DType.Size()
	chunk := make([]byte, min(len(out)*size, 1<<16))
	for i := 0; i < len(out); {
		part := out[i:min(i+len(chunk)/size, len(out))]
		raw := chunk[:len(part)*size]
		if err := f.readAt(raw, t, int64(i*size)); err != nil {
			return nil, err
		}
		decode(t.DType, part, raw)
		i += len(part)
	}
	return out, nil
}

// Names lists the tensors' names in the order of their bytes.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i, t := range f.tensors {
		names[i] = t.Name
	}
	return names
}
