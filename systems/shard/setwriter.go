package shard

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SetWriter writes a set of shards NAME-00000.tok, …. It is for one goroutine.
type SetWriter struct {
	dir, name string
	head      Header
	limit     int64
	full      []*Writer // complete but for their header
	now       *Writer
	docs      int
	tokens    int64
	bytes     int64
	done      bool
}

// CreateSet starts a set in dir, which is made when it is not there. A file
// begins when the one before has shardTokens tokens; 0 means
// DefaultShardTokens. Shards of that name must not exist; what an interrupted
// run has left half-written is removed.
func CreateSet(dir, name string, h Header, shardTokens int64) (*SetWriter, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	if name == "" || strings.ContainsAny(name, `*?[]\/`) {
		return nil, fmt.Errorf("shard: %q cannot name a set", name)
	}
	if shardTokens <= 0 {
		shardTokens = DefaultShardTokens
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	for _, e := range entries {
		if e.Name() == name+Extension || isPart(e.Name(), name) {
			return nil, fmt.Errorf("shard: %s: %w; remove the set or choose another directory", filepath.Join(dir, e.Name()), fs.ErrExist)
		}
		if old, ok := strings.CutSuffix(e.Name(), temporary); ok && isPart(old, name) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("shard: %w", err)
			}
		}
	}
	return &SetWriter{dir: dir, name: name, head: h, limit: shardTokens}, nil
}

// isPart reports whether file is NAME-ddddd.tok.
func isPart(file, name string) bool {
	mid, ok := strings.CutPrefix(file, name+"-")
	if !ok {
		return false
	}
	mid, ok = strings.CutSuffix(mid, Extension)
	return ok && len(mid) >= 5 && strings.Trim(mid, "0123456789") == ""
}

// Add appends a document as Writer.Add does.
func (w *SetWriter) Add(ids []int32, bytes int) error {
	if w.done {
		return fmt.Errorf("shard: %s: Add after Close", w.name)
	}
	if w.now != nil && (w.now.NumTokens() >= w.limit || w.now.NumDocs() >= maxShardDocs) {
		if err := w.roll(); err != nil {
			return err
		}
	}
	if w.now == nil {
		next, err := Create(filepath.Join(w.dir, partName(w.name, len(w.full))), w.head)
		if err != nil {
			return err
		}
		w.now = next
	}
	if err := w.now.Add(ids, bytes); err != nil {
		return err
	}
	w.docs++
	w.tokens += int64(len(ids))
	w.bytes += int64(bytes)
	return nil
}

func (w *SetWriter) roll() error {
	if err := w.now.finish(); err != nil {
		return err
	}
	w.full = append(w.full, w.now)
	w.now = nil
	return nil
}

// NumDocs is the number of documents added so far.
func (w *SetWriter) NumDocs() int { return w.docs }

// NumTokens is the number of tokens added so far.
func (w *SetWriter) NumTokens() int64 { return w.tokens }

// NumBytes is the number of bytes of text added so far.
func (w *SetWriter) NumBytes() int64 { return w.bytes }

// Close completes the set and gives the files their names. A set without
// documents is an error, and leaves nothing behind.
func (w *SetWriter) Close() error {
	if w.done {
		return fmt.Errorf("shard: %s: closed twice", w.name)
	}
	defer w.Abort() // of what is not published
	if w.docs == 0 {
		return fmt.Errorf("shard: set %s in %s has no documents", w.name, w.dir)
	}
	if w.now != nil {
		if err := w.roll(); err != nil {
			return err
		}
	}
	for i, f := range w.full {
		if err := f.publish(i, len(w.full)); err != nil {
			return err
		}
	}
	return nil
}

// Abort gives up the set and removes what has not got its name. After Close it
// does nothing, so that it may be deferred.
func (w *SetWriter) Abort() {
	w.done = true
	for _, f := range w.full {
		f.Abort()
	}
	if w.now != nil {
		w.now.Abort()
	}
}
