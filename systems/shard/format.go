package shard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

const (
	magic      = "\x89TOKS\r\n\x1a"
	version    = 1
	headerSize = 128
	indexEntry = 8 + 4 // an end and a size
	// Extension is the end of a shard's file name.
	Extension = ".tok"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header describes the tokens of a shard.
type Header struct {
	VocabSize int
	BOS, EOS  int32 // -1 when there is none
	Tokenizer [32]byte
}

// Validate reports every field that cannot be.
func (h Header) Validate() error {
	var errs []error
	if h.VocabSize < 1 || h.VocabSize > math.MaxInt32 {
		errs = append(errs, fmt.Errorf("shard: vocabulary size %d is outside [1, 2147483647]", h.VocabSize))
	}
	for _, s := range []struct {
		name string
		id   int32
	}{{"BOS", h.BOS}, {"EOS", h.EOS}} {
		if s.id < -1 || int(s.id) >= h.VocabSize {
			errs = append(errs, fmt.Errorf("shard: %s id %d is outside the vocabulary of %d", s.name, s.id, h.VocabSize))
		}
	}
	return errors.Join(errs...)
}

func (h Header) width() int {
	if h.VocabSize <= 1<<16 {
		return 2
	}
	return 4
}

// FormatError says where a file is not a shard.
type FormatError struct {
	File   string
	Offset int64
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("shard: %s: offset %d: %s", e.File, e.Offset, e.Reason)
}

// layout is the whole header.
type layout struct {
	Header
	part, parts         uint32
	docs, tokens, bytes uint64
	tokensCRC, indexCRC uint32
}

// indexAt is the offset of ends.
func (l layout) indexAt() int64 {
	return (headerSize + int64(l.tokens)*int64(l.width()) + 7) &^ 7
}

func (l layout) fileSize() int64 { return l.indexAt() + int64(l.docs)*indexEntry }

func (l layout) encode() []byte {
	b := make([]byte, headerSize)
	le := binary.LittleEndian
	copy(b, magic)
	le.PutUint32(b[8:], version)
	le.PutUint32(b[12:], uint32(l.width()))
	le.PutUint32(b[16:], uint32(l.VocabSize))
	le.PutUint32(b[20:], uint32(l.BOS))
	le.PutUint32(b[24:], uint32(l.EOS))
	le.PutUint32(b[28:], l.part)
	le.PutUint32(b[32:], l.parts)
	le.PutUint64(b[40:], l.docs)
	le.PutUint64(b[48:], l.tokens)
	le.PutUint64(b[56:], l.bytes)
	copy(b[64:], l.Tokenizer[:])
	le.PutUint32(b[96:], l.tokensCRC)
	le.PutUint32(b[100:], l.indexCRC)
	le.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
	return b
}

// decode reads a header and holds it against the size of its file.
func decode(file string, b []byte, size int64) (layout, error) {
	var l layout
	bad := func(at int64, format string, args ...any) (layout, error) {
		return layout{}, &FormatError{file, at, fmt.Sprintf(format, args...)}
	}
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return bad(0, "not a token shard: it begins with %q", b[:min(len(b), len(magic))])
	}
	if len(b) < headerSize {
		return bad(size, "truncated: the header takes %d bytes", headerSize)
	}
	le := binary.LittleEndian
	if v := le.Uint32(b[8:]); v != version {
		return bad(8, "version %d, this program reads %d", v, version)
	}
	if got, want := crc32.Checksum(b[:124], castagnoli), le.Uint32(b[124:]); got != want {
		return bad(124, "checksum of the header is %08x, not %08x", got, want)
	}
	vocab := le.Uint32(b[16:])
	if vocab > math.MaxInt32 {
		return bad(16, "vocabulary size %d", vocab)
	}
	l.Header = Header{VocabSize: int(vocab), BOS: int32(le.Uint32(b[20:])), EOS: int32(le.Uint32(b[24:]))}
	copy(l.Tokenizer[:], b[64:])
	if err := l.Validate(); err != nil {
		return bad(16, "%v", err)
	}
	if w := le.Uint32(b[12:]); int64(w) != int64(l.width()) {
		return bad(12, "%d bytes an id for a vocabulary of %d", w, vocab)
	}
	l.part, l.parts = le.Uint32(b[28:]), le.Uint32(b[32:])
	if l.part >= l.parts {
		return bad(28, "part %d of %d", l.part, l.parts)
	}
	if le.Uint32(b[36:]) != 0 || !bytes.Equal(b[104:124], make([]byte, 20)) {
		return bad(36, "reserved bytes are not zero")
	}
	l.docs, l.tokens, l.bytes = le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(b[56:])
	l.tokensCRC, l.indexCRC = le.Uint32(b[96:]), le.Uint32(b[100:])
	// Bounds first: the sums below must not overflow.
	if l.docs > uint64(size) || l.tokens > uint64(size) || l.fileSize() != size {
		return bad(size, "truncated or extended: the file has %d bytes, its header describes %d documents with %d tokens",
			size, l.docs, l.tokens)
	}
	return l, nil
}
