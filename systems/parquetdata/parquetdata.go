package parquetdata

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/systems/corpus"
)

// Config names the columns that make a document.
type Config struct {
	// Column holds the text. "" means the first of content, text and code.
	Column string
	// Origin groups documents; a list gives its first value. "" means that
	// the origin is the file's name, as it is where the value is null.
	Origin string
	// License is an SPDX expression; the values of a list are joined by AND.
	// "" means that the licence is not known.
	License string
}

// FormatError says where a file is not what it should be.
type FormatError struct {
	File   string
	Offset int64
	Reason string
	Err    error // the cause, or nil
}

func (e *FormatError) Error() string {
	s := fmt.Sprintf("parquetdata: %s: offset %d: %s", e.File, e.Offset, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// Source is the documents of one or more files. It is a corpus.Source.
type Source struct {
	pattern string
	files   []string
	cfg     Config
	rows    int64
}

// Open finds the files at path: a file, a directory (its *.parquet files) or a
// pattern as in path/filepath.Match such as "data/train-*.parquet". It reads
// the footer of every file, so that one that is damaged, or lacks a column, is
// an error now and not after hours.
func Open(path string, cfg Config) (*Source, error) {
	files, err := match(path)
	if err != nil {
		return nil, err
	}
	s := &Source{pattern: path, files: files, cfg: cfg}
	for _, name := range files {
		f, err := openFile(name)
		if err != nil {
			return nil, err
		}
		_, err = f.columns(cfg)
		s.rows += f.meta.NumRows
		if err := errors.Join(err, f.close()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func match(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		path = filepath.Join(path, "*.parquet")
	case err == nil:
		return []string{path}, nil
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(path, "*?["):
		return nil, fmt.Errorf("parquetdata: %w", err)
	}
	files, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("parquetdata: pattern %q: %w", path, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("parquetdata: no files match %s: %w", path, fs.ErrNotExist)
	}
	slices.Sort(files)
	return files, nil
}

// Name returns the path that Open was given.
func (s *Source) Name() string { return s.pattern }

// Rows is the number of rows of all files.
func (s *Source) Rows() int64 { return s.rows }

// Documents yields the text column's values, row by row. The ID of a document
// is file#row, rows counted from 0 in each file, or file#row.element in a list.
func (s *Source) Documents(ctx context.Context) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		n := 0
		for _, name := range s.files {
			for d, err := range s.file(ctx, name) {
				if n++; !yield(d, err) || err != nil {
					return
				}
			}
		}
		if n == 0 {
			yield(corpus.Document{}, fmt.Errorf("parquetdata: %s has no rows: %w", s.pattern, corpus.ErrEmpty))
		}
	}
}

// file yields the documents of one file.
func (s *Source) file(ctx context.Context, name string) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		f, err := openFile(name)
		if err != nil {
			yield(corpus.Document{}, err)
			return
		}
		defer f.close()
		f.documents(ctx, s.cfg, yield)
	}
}

func (f *file) documents(ctx context.Context, cfg Config, yield func(corpus.Document, error) bool) {
	cols, err := f.columns(cfg)
	if err != nil {
		yield(corpus.Document{}, err)
		return
	}
	first := int64(0) // row of the file with which the group begins
	for g, group := range f.meta.RowGroups {
		r := f.group(g, cols)
		more := r.documents(ctx, first, yield)
		r.close()
		if !more {
			return
		}
		first += group.NumRows
	}
}

// groupReader reads the columns of one row group side by side.
type groupReader struct {
	file                  *file
	text, origin, license *cursor // the last two may be nil
}

func (f *file) group(g int, cols columns) *groupReader {
	r := &groupReader{file: f, text: f.cursor(g, cols.text)}
	if cols.origin != nil {
		r.origin = f.cursor(g, cols.origin)
	}
	if cols.license != nil {
		r.license = f.cursor(g, cols.license)
	}
	return r
}

func (r *groupReader) close() {
	for _, c := range []*cursor{r.text, r.origin, r.license} {
		if c != nil {
			c.close()
		}
	}
}

// documents yields the group's documents and reports whether to go on.
func (r *groupReader) documents(ctx context.Context, first int64, yield func(corpus.Document, error) bool) bool {
	base := filepath.Base(r.file.name)
	label := corpus.Document{Origin: base} // of the current row
	labelled, element := int64(-1), 0
	for {
		if err := ctx.Err(); err != nil {
			yield(corpus.Document{}, err)
			return false
		}
		v, ok, err := r.text.next()
		if err == nil && ok && v.row != labelled {
			labelled, element = v.row, 0
			err = r.label(&label, base, v.row)
		}
		if err != nil {
			yield(corpus.Document{}, err)
			return false
		}
		if !ok {
			return true
		}
		d := label
		d.ID = fmt.Sprintf("%s#%d", base, first+v.row)
		if r.text.repeated {
			d.ID = fmt.Sprintf("%s.%d", d.ID, element)
			element++
		}
		if d.Null = v.null; !v.null {
			d.Text = slices.Clone(v.bytes)
		}
		if !yield(d, nil) {
			return false
		}
	}
}

// label reads what the columns beside the text say about a row.
func (r *groupReader) label(d *corpus.Document, base string, row int64) error {
	if r.origin != nil {
		values, err := r.origin.rowValues(row)
		if err != nil {
			return err
		}
		if d.Origin = base; len(values) > 0 && values[0] != "" {
			d.Origin = values[0]
		}
	}
	if r.license != nil {
		values, err := r.license.rowValues(row)
		if err != nil {
			return err
		}
		d.License = strings.Join(values, " AND ")
	}
	return nil
}
