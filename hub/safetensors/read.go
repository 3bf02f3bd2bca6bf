package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"
	"strings"
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
	close   func() error
	start   int64 // of the data
	tensors []Info
	index   map[string]int
}

// Open reads the header of the file at path. Close it after use.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	file, err := Read(f, st.Size(), path)
	if err != nil {
		f.Close()
		return nil, err
	}
	file.close = f.Close
	return file, nil
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
	DType   DType    `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// parse decodes the JSON header token by token, because a map would hide names
// that occur twice.
func (f *File) parse(header []byte) error {
	d := json.NewDecoder(bytes.NewReader(header))
	fail := func(reason string) error { return f.bad(8+d.InputOffset(), reason) }
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fail("the header is not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fail("header: " + err.Error())
		}
		name, _ := t.(string)
		if name == "__metadata__" {
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
	for i, d := range e.Shape {
		hi, lo := bits.Mul64(total, d)
		if hi != 0 || lo > 1<<62 {
			return info, fmt.Sprintf("shape %v is too large", e.Shape)
		}
		total, shape[i] = lo, int(d)
	}
	from, to := e.Offsets[0], e.Offsets[1]
	if from > to || to > 1<<62 || to-from != total {
		return info, fmt.Sprintf("%d bytes at [%d, %d), %s%v needs %d", to-from, from, to, e.DType, e.Shape, total)
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

// Bytes reads the raw little-endian bytes of the named tensor.
func (f *File) Bytes(name string) ([]byte, error) {
	t, ok := f.Info(name)
	if !ok {
		return nil, fmt.Errorf("safetensors: %s has no tensor %q", f.name, name)
	}
	data := make([]byte, t.To-t.From)
	if _, err := f.r.ReadAt(data, f.start+t.From); err != nil && len(data) > 0 {
		return nil, fmt.Errorf("safetensors: %s: tensor %q: %w", f.name, name, err)
	}
	return data, nil
}

// Float32 reads the named tensor, of a floating-point type, as float32.
func (f *File) Float32(name string) ([]float32, error) {
	data, err := f.Bytes(name)
	if err != nil {
		return nil, err
	}
	t, _ := f.Info(name)
	v, err := toFloat32(t.DType, data)
	if err != nil {
		return nil, fmt.Errorf("%w (tensor %q of %s)", err, name, f.name)
	}
	return v, nil
}
