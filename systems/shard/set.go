package shard

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
)

const (
	// residentBytes is how much may be touched before pages are given back.
	residentBytes = 64 << 20
	// faultBytes is what one page fault maps at least: the kernel maps what
	// is cached around the address.
	faultBytes = 64 << 10
	// DefaultShardTokens is where a SetWriter begins the next file.
	DefaultShardTokens = 64 << 20
	// maxShardDocs bounds the index that a writer holds, to 48 MB.
	maxShardDocs = 4 << 20
)

// resident counts the mapped bytes that readers have touched.
type resident struct {
	readers []*Reader
	bytes   atomic.Int64
}

func (p *resident) touched(n int64) {
	if now := p.bytes.Add(max(n, faultBytes)); now > residentBytes && p.bytes.CompareAndSwap(now, 0) {
		for _, r := range p.readers {
			giveBack(r.mapped)
		}
	}
}

// Set is several shards of one corpus as one sequence of documents. Its
// methods may be called from several goroutines.
type Set struct {
	readers       []*Reader
	first         []int // number of the first document of each shard
	docs          int
	tokens, bytes int64
}

// OpenSet opens the shards at path: a directory (its *.tok files), a file, or
// a pattern as in path/filepath.Match such as "data/train-*.tok". The shards
// of one name must be complete, and all must agree on their Header.
func OpenSet(path string) (*Set, error) {
	files, err := setFiles(path)
	if err != nil {
		return nil, err
	}
	return OpenFiles(files...)
}

func setFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		path = filepath.Join(path, "*"+Extension)
	case err == nil:
		return []string{path}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("shard: %w", err)
	case !strings.ContainsAny(path, "*?["):
		return nil, fmt.Errorf("shard: %w", err)
	}
	files, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("shard: pattern %q: %w", path, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("shard: no files match %s; make them with `data prepare`: %w", path, fs.ErrNotExist)
	}
	slices.Sort(files)
	return files, nil
}

// OpenFiles opens the named shards as one set, in the order given. Shards that
// are parts of a set must all be there.
func OpenFiles(files ...string) (*Set, error) {
	if len(files) == 0 {
		return nil, errors.New("shard: no files")
	}
	s := &Set{}
	pool := &resident{}
	for _, f := range files {
		r, err := Open(f)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.readers = append(s.readers, r)
		s.first = append(s.first, s.docs)
		s.docs += r.NumDocs()
		s.tokens += r.NumTokens()
		s.bytes += r.NumBytes()
		r.pool = pool
	}
	pool.readers = s.readers
	if err := s.check(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// check holds the shards against each other.
func (s *Set) check() error {
	type group struct{ parts, seen int }
	groups := map[string]group{}
	for _, r := range s.readers {
		if r.Header() != s.Header() {
			return fmt.Errorf("shard: %s and %s differ in vocabulary, special ids or tokenizer; prepare them with the same tokenizer",
				s.readers[0].path, r.path)
		}
		part, parts := r.Part()
		if parts == 1 {
			continue
		}
		name, ok := strings.CutSuffix(r.path, partName("", part))
		if !ok {
			return fmt.Errorf("shard: %s is part %d of %d, which its name does not say; it was renamed", r.path, part, parts)
		}
		g := groups[name]
		if g.seen > 0 && g.parts != parts {
			return fmt.Errorf("shard: %s is one of %d parts, others of that name of %d", r.path, parts, g.parts)
		}
		groups[name] = group{parts, g.seen + 1}
	}
	for name, g := range groups {
		if g.seen != g.parts {
			return fmt.Errorf("shard: %s-*%s: %d of %d parts are here", name, Extension, g.seen, g.parts)
		}
	}
	return nil
}

// Header describes the tokens of all shards.
func (s *Set) Header() Header { return s.readers[0].Header() }

// NumDocs is the number of documents.
func (s *Set) NumDocs() int { return s.docs }

// NumTokens is the number of tokens of all documents.
func (s *Set) NumTokens() int64 { return s.tokens }

// NumBytes is the number of bytes of text of all documents.
func (s *Set) NumBytes() int64 { return s.bytes }

// locate finds document i.
func (s *Set) locate(i int) (*Reader, int) {
	k := sort.SearchInts(s.first, i+1) - 1
	return s.readers[k], i - s.first[k]
}

// DocLen is the number of tokens of document i.
func (s *Set) DocLen(i int) int {
	r, j := s.locate(i)
	return r.DocLen(j)
}

// DocBytes is the number of bytes of text of document i.
func (s *Set) DocBytes(i int) int {
	r, j := s.locate(i)
	return r.DocBytes(j)
}

// Doc is the ids of document i.
func (s *Set) Doc(i int) ([]int32, error) {
	r, j := s.locate(i)
	return r.Doc(j)
}

// AppendTokens appends tokens from up to but without to of document i to dst.
func (s *Set) AppendTokens(dst []int32, i, from, to int) ([]int32, error) {
	r, j := s.locate(i)
	return r.AppendTokens(dst, j, from, to)
}

// Fingerprint identifies the content and the order of the set, by the headers
// of its shards: they hold the counts and the checksums of everything else.
func (s *Set) Fingerprint() [32]byte {
	h := sha256.New()
	for _, r := range s.readers {
		h.Write(r.head.encode())
	}
	return [32]byte(h.Sum(nil))
}

// Verify verifies every shard.
func (s *Set) Verify() error {
	for _, r := range s.readers {
		if err := r.Verify(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes every shard.
func (s *Set) Close() error {
	var errs []error
	for _, r := range s.readers {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

func partName(name string, part int) string { return fmt.Sprintf("%s-%05d%s", name, part, Extension) }
