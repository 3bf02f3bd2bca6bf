package shard

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// temporary marks a file that is being written.
const temporary = ".partial"

// Writer writes one shard. It is for one goroutine.
type Writer struct {
	path string
	file *os.File
	buf  *bufio.Writer
	head layout
	ends []uint64
	size []uint32
	raw  []byte
	err  error // the first failure; everything after it repeats it
	done bool
}

// Create starts a shard at path, which must not exist. Until Close has
// succeeded nothing lies under that name.
func Create(path string, h Header) (*Writer, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("shard: %s: %w", path, fs.ErrExist)
	}
	f, err := os.Create(path + temporary)
	if err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	w := &Writer{path: path, file: f, buf: bufio.NewWriterSize(f, 1<<20), head: layout{Header: h, parts: 1}}
	_, w.err = w.buf.Write(make([]byte, headerSize))
	return w, w.err
}

// Add appends a document: its ids, and the number of bytes of its text. After
// an error that is not about the document, the writer only repeats it.
func (w *Writer) Add(ids []int32, bytes int) error {
	if w.err != nil {
		return w.err
	}
	if w.done {
		return fmt.Errorf("shard: %s: Add after Close", w.path)
	}
	if bytes < 0 || int64(bytes) > math.MaxUint32 {
		return fmt.Errorf("shard: %s: document %d has %d bytes, outside [0, 4 GiB)", w.path, w.head.docs, bytes)
	}
	raw, err := encodeIDs(w.raw[:0], ids, w.head.VocabSize, w.head.width())
	if err != nil {
		return fmt.Errorf("shard: %s: document %d: %w", w.path, w.head.docs, err)
	}
	w.raw = raw
	if _, err := w.buf.Write(raw); err != nil {
		w.err = fmt.Errorf("shard: %w", err)
		return w.err
	}
	w.head.tokensCRC = crc32.Update(w.head.tokensCRC, castagnoli, raw)
	w.head.docs++
	w.head.tokens += uint64(len(ids))
	w.head.bytes += uint64(bytes)
	w.ends = append(w.ends, w.head.tokens)
	w.size = append(w.size, uint32(bytes))
	return nil
}

func encodeIDs(dst []byte, ids []int32, vocab, width int) ([]byte, error) {
	for _, id := range ids {
		if uint32(id) >= uint32(vocab) {
			return dst, fmt.Errorf("id %d is outside the vocabulary of %d", id, vocab)
		}
		if width == 2 {
			dst = append(dst, byte(id), byte(id>>8))
		} else {
			dst = append(dst, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
		}
	}
	return dst, nil
}

// NumDocs is the number of documents added so far.
func (w *Writer) NumDocs() int { return int(w.head.docs) }

// NumTokens is the number of tokens added so far.
func (w *Writer) NumTokens() int64 { return int64(w.head.tokens) }

// NumBytes is the number of bytes of text added so far.
func (w *Writer) NumBytes() int64 { return int64(w.head.bytes) }

// Close completes the file and gives it its name. After an error nothing is
// left behind.
func (w *Writer) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	return w.publish(0, 1)
}

// Abort gives up the file and removes what was written. After Close it does
// nothing, so that it may be deferred.
func (w *Writer) Abort() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
		os.Remove(w.path + temporary)
	}
	w.done = true
}

// finish writes the index. The header comes last, in publish.
func (w *Writer) finish() (err error) {
	if w.done {
		return fmt.Errorf("shard: %s: closed twice", w.path)
	}
	defer func() {
		if err != nil {
			w.Abort()
		}
		w.done = true
	}()
	if w.err != nil {
		return w.err
	}
	pad := w.head.indexAt() - headerSize - int64(w.head.tokens)*int64(w.head.width())
	index := make([]byte, 0, len(w.ends)*indexEntry)
	for _, e := range w.ends {
		index = binary.LittleEndian.AppendUint64(index, e)
	}
	for _, s := range w.size {
		index = binary.LittleEndian.AppendUint32(index, s)
	}
	w.head.indexCRC = crc32.Checksum(index, castagnoli)
	_, err1 := w.buf.Write(make([]byte, pad))
	_, err2 := w.buf.Write(index)
	w.ends, w.size, w.raw = nil, nil, nil
	if err := errors.Join(err1, err2, w.buf.Flush(), w.file.Close()); err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	w.buf = nil // a set keeps its finished writers, which should cost nothing
	return nil
}

// publish writes the header, which makes the file valid, and renames it.
func (w *Writer) publish(part, parts int) error {
	w.head.part, w.head.parts = uint32(part), uint32(parts)
	err := writeHeader(w.path+temporary, w.head.encode())
	if err == nil {
		err = os.Rename(w.path+temporary, w.path)
	}
	if err != nil {
		w.Abort()
		return fmt.Errorf("shard: %w", err)
	}
	w.file = nil // nothing is left to abort
	return syncDir(filepath.Dir(w.path))
}

func writeHeader(path string, head []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
