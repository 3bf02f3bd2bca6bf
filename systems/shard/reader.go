package shard

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// Reader reads one shard. Its methods may be called from several goroutines.
type Reader struct {
	file   *os.File
	src    io.ReaderAt // the file
	path   string
	head   layout
	mapped []byte    // nil where the file is read in place
	index  []byte    // ends and sizes, a part of mapped or a copy
	pool   *resident // of the set, or its own
}

// Open opens a shard and checks its header and index.
func Open(path string) (*Reader, error) { return open(path, true) }

// OpenInPlace opens a shard without mapping it: every document is read from
// the file, and 12 bytes of index for each are held in memory.
func OpenInPlace(path string) (*Reader, error) { return open(path, false) }

func open(path string, mapping bool) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	r := &Reader{file: f, src: f, path: path}
	r.pool = &resident{readers: []*Reader{r}}
	if err := r.load(mapping); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) load(mapping bool) error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("shard: %s is a directory; open it with OpenSet", r.path)
	}
	if mapping && info.Size() >= headerSize {
		if r.mapped, err = mapFile(r.file, info.Size()); err != nil {
			return fmt.Errorf("shard: mapping %s: %w", r.path, err)
		}
	}
	return r.parse(info.Size())
}

// parse reads header and index and checks them.
func (r *Reader) parse(size int64) (err error) {
	head := make([]byte, min(headerSize, size))
	if _, err := r.src.ReadAt(head, 0); err != nil && err != io.EOF {
		return r.bad(0, "%v", err)
	}
	if r.head, err = decode(r.path, head, size); err != nil {
		return err
	}
	at := r.head.indexAt()
	if r.mapped != nil {
		r.index = r.mapped[at:]
		return r.checkIndex()
	}
	r.index = make([]byte, size-at)
	if _, err := r.src.ReadAt(r.index, at); err != nil && err != io.EOF {
		return r.bad(at, "%v", err)
	}
	return r.checkIndex()
}

func (r *Reader) checkIndex() error {
	at := r.head.indexAt()
	if got := crc32.Checksum(r.index, castagnoli); got != r.head.indexCRC {
		return r.bad(at, "checksum of the index is %08x, not %08x", got, r.head.indexCRC)
	}
	var last, sum uint64
	for i := range r.NumDocs() {
		end := r.end(i)
		if end < last || end > r.head.tokens {
			return r.bad(at+int64(i)*8, "document %d ends at token %d, the one before at %d, the last token is %d",
				i, end, last, r.head.tokens)
		}
		last = end
		sum += uint64(r.DocBytes(i))
	}
	if last != r.head.tokens || sum != r.head.bytes {
		return r.bad(at, "the index holds %d tokens and %d bytes, the header %d and %d",
			last, sum, r.head.tokens, r.head.bytes)
	}
	return nil
}

func (r *Reader) bad(at int64, format string, args ...any) error {
	return &FormatError{r.path, at, fmt.Sprintf(format, args...)}
}

// Path is the name that the shard was opened under.
func (r *Reader) Path() string { return r.path }

// Header describes the tokens.
func (r *Reader) Header() Header { return r.head.Header }

// Part says which part, from 0, of how many this shard is.
func (r *Reader) Part() (part, parts int) { return int(r.head.part), int(r.head.parts) }

// NumDocs is the number of documents.
func (r *Reader) NumDocs() int { return int(r.head.docs) }

// NumTokens is the number of tokens of all documents.
func (r *Reader) NumTokens() int64 { return int64(r.head.tokens) }

// NumBytes is the number of bytes of text of all documents.
func (r *Reader) NumBytes() int64 { return int64(r.head.bytes) }

func (r *Reader) end(i int) uint64 { return binary.LittleEndian.Uint64(r.index[i*8:]) }

func (r *Reader) start(i int) uint64 {
	if i == 0 {
		return 0
	}
	return r.end(i - 1)
}

// DocLen is the number of tokens of document i.
func (r *Reader) DocLen(i int) int { return int(r.end(i) - r.start(i)) }

// DocBytes is the number of bytes of text of document i.
func (r *Reader) DocBytes(i int) int {
	return int(binary.LittleEndian.Uint32(r.index[r.NumDocs()*8+i*4:]))
}

// Doc is the ids of document i.
func (r *Reader) Doc(i int) ([]int32, error) {
	n := r.DocLen(i)
	return r.AppendTokens(make([]int32, 0, n), i, 0, n)
}

// AppendTokens appends tokens from up to but without to of document i to dst.
func (r *Reader) AppendTokens(dst []int32, i, from, to int) ([]int32, error) {
	if from < 0 || to < from || to > r.DocLen(i) {
		return dst, fmt.Errorf("shard: %s: tokens %d to %d of document %d, which has %d", r.path, from, to, i, r.DocLen(i))
	}
	width := int64(r.head.width())
	at, n := headerSize+(int64(r.start(i))+int64(from))*width, int64(to-from)*width
	var raw []byte
	if r.mapped != nil {
		raw = r.mapped[at : at+n]
		defer r.pool.touched(n)
	} else {
		raw = make([]byte, n)
		if _, err := r.src.ReadAt(raw, at); err != nil {
			return dst, r.bad(at, "%v", err)
		}
	}
	return decodeIDs(dst, raw, int(width)), nil
}

func decodeIDs(dst []int32, raw []byte, width int) []int32 {
	if width == 2 {
		for ; len(raw) >= 2; raw = raw[2:] {
			dst = append(dst, int32(binary.LittleEndian.Uint16(raw)))
		}
		return dst
	}
	for ; len(raw) >= 4; raw = raw[4:] {
		dst = append(dst, int32(binary.LittleEndian.Uint32(raw)))
	}
	return dst
}

// Verify reads the whole shard: the checksum of the tokens, every id below the
// vocabulary size, and the padding.
func (r *Reader) Verify() error {
	width := r.head.width()
	end := headerSize + int64(r.head.tokens)*int64(width)
	var crc uint32
	chunk := make([]byte, 1<<20)
	for at := int64(headerSize); at < end; {
		raw := chunk[:min(int64(len(chunk)), end-at)]
		if _, err := r.src.ReadAt(raw, at); err != nil {
			return r.bad(at, "%v", err)
		}
		crc = crc32.Update(crc, castagnoli, raw)
		for i := 0; i < len(raw); i += width {
			id := uint32(raw[i]) | uint32(raw[i+1])<<8
			if width == 4 {
				id |= uint32(raw[i+2])<<16 | uint32(raw[i+3])<<24
			}
			if id >= uint32(r.head.VocabSize) {
				return r.bad(at+int64(i), "id %d is outside the vocabulary of %d", id, r.head.VocabSize)
			}
		}
		at += int64(len(raw))
	}
	if crc != r.head.tokensCRC {
		return r.bad(headerSize, "checksum of the tokens is %08x, not %08x", crc, r.head.tokensCRC)
	}
	pad := make([]byte, r.head.indexAt()-end)
	if _, err := r.src.ReadAt(pad, end); err != nil && err != io.EOF {
		return r.bad(end, "%v", err)
	}
	for _, b := range pad {
		if b != 0 {
			return r.bad(end, "padding is not zero")
		}
	}
	return nil
}

// Close unmaps and closes the file. The reader must not be used after it.
func (r *Reader) Close() error {
	err := unmapFile(r.mapped)
	r.mapped, r.index = nil, nil
	if e := r.file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("shard: closing %s: %w", r.path, err)
	}
	return nil
}
