package corpus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// ErrEmpty is wrapped by the error of a source that has no document to give.
var ErrEmpty = errors.New("no documents")

// Document is one text with its provenance.
type Document struct {
	// ID names the document within its source: a path, or file#row.
	ID string
	// Origin groups documents that belong together: a crate as name-version,
	// a repository, or the source's own name.
	Origin string
	// License is an SPDX expression, or empty where it is not known.
	License string
	// Text belongs to whoever receives the document.
	Text []byte
	// Oversize is the size in bytes of a text that the source did not load
	// because it is above the source's limit; Text is then nil. A Pipeline
	// counts such a document as removed for its size.
	Oversize int64
	// Null says that the source has an entry here but no text for it, as in a
	// column of a table. A Pipeline counts such a document as removed.
	Null bool
}

// Size is the document's size in bytes, also when it was not loaded.
func (d *Document) Size() int64 {
	if d.Oversize > 0 {
		return d.Oversize
	}
	return int64(len(d.Text))
}

// Source yields documents in an order that is the same every time. Documents
// may be called again for another pass. After an error the sequence ends.
type Source interface {
	Name() string
	Documents(ctx context.Context) iter.Seq2[Document, error]
}

// Concat is the documents of several sources, one source after the other. A
// source that is empty is an error, also when others are not: the user named
// it for a reason.
func Concat(sources ...Source) Source { return concat(sources) }

type concat []Source

func (c concat) Name() string {
	names := make([]string, len(c))
	for i, s := range c {
		names[i] = s.Name()
	}
	return strings.Join(names, ", ")
}

func (c concat) Documents(ctx context.Context) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if len(c) == 0 {
			yield(Document{}, fmt.Errorf("corpus: no sources: %w", ErrEmpty))
			return
		}
		for _, s := range c {
			for d, err := range s.Documents(ctx) {
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
	}
}

// Memory is a source over documents that are already in memory.
func Memory(name string, docs ...Document) Source { return memory{name, docs} }

type memory struct {
	name string
	docs []Document
}

func (m memory) Name() string { return m.name }

func (m memory) Documents(ctx context.Context) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		for _, d := range m.docs {
			if err := ctx.Err(); err != nil {
				yield(Document{}, err)
				return
			}
			if !yield(d, nil) {
				return
			}
		}
		if len(m.docs) == 0 {
			yield(Document{}, fmt.Errorf("corpus: %s: %w", m.name, ErrEmpty))
		}
	}
}
