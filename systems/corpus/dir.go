package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// readLimit is the largest file that Dir loads. It only guards memory: the
// usual size filter is far below.
const readLimit = 64 << 20

// Dir is the regular files under path whose name ends in one of exts, or all
// of them when exts is empty. An extension may be written with or without its
// dot. When path is a file, it is the only document, whatever its name.
//
// The walk is in lexical order within each directory. The root may be a
// symbolic link; links below it are not followed, so that no loop and no
// document is walked twice. Folders called ".git" are left out. A file or
// directory that cannot be read ends the walk with an error that names it.
//
// When the root holds the manifest that [FetchCrates] writes, the documents
// carry the crate as their origin and its licence, only the folders of the
// manifest are read, and a crate whose files are not those of the manifest, by
// number and bytes, is an error at the end of the walk. Otherwise the origin
// is the root's own name.
func Dir(path string, exts ...string) Source {
	d := &dir{root: path}
	for _, e := range exts {
		if e = strings.TrimPrefix(e, "."); e != "" {
			d.exts = append(d.exts, "."+e)
		}
	}
	return d
}

type dir struct {
	root string
	exts []string
}

func (d *dir) Name() string { return d.root }

func (d *dir) wants(name string) bool {
	return len(d.exts) == 0 || slices.ContainsFunc(d.exts, func(e string) bool {
		return len(name) > len(e) && strings.HasSuffix(name, e)
	})
}

// errStop ends a walk whose consumer asked for no more.
var errStop = errors.New("stop")

func (d *dir) Documents(ctx context.Context) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		n := 0
		err := d.walk(ctx, func(doc Document) error {
			n++
			if !yield(doc, nil) {
				return errStop
			}
			return nil
		})
		if err == nil && n == 0 {
			err = fmt.Errorf("corpus: %s holds no %s files: %w", d.root, strings.Join(d.exts, ", "), ErrEmpty)
		}
		if err != nil && err != errStop {
			yield(Document{}, err)
		}
	}
}

func (d *dir) walk(ctx context.Context, emit func(Document) error) error {
	root, err := filepath.EvalSymlinks(d.root)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	origin := filepath.Base(filepath.Clean(d.root))
	if !info.IsDir() {
		doc := Document{ID: origin, Origin: origin}
		if err := load(&doc, root); err != nil {
			return err
		}
		return emit(doc)
	}
	crates, err := openFolder(root)
	if err != nil {
		return err
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("corpus: walking %s: %w", path, err)
		}
		if e.IsDir() {
			if e.Name() == ".git" && path != root {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() || !d.wants(e.Name()) {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return fmt.Errorf("corpus: %w", err)
		}
		doc := Document{ID: filepath.ToSlash(rel), Origin: origin}
		if crates != nil && !crates.describe(&doc) {
			return nil
		}
		if err := load(&doc, path); err != nil {
			return err
		}
		if crates != nil {
			crates.count(&doc)
		}
		return emit(doc)
	})
	if err == nil && crates != nil && d.wants("a.rs") {
		err = crates.complete()
	}
	return err
}

// load reads path into doc, or notes its size when it is above the limit. The
// size is checked while reading too: a file may grow, and special files say 0.
func load(doc *Document, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	if info.Size() > readLimit {
		doc.Oversize = info.Size()
		return nil
	}
	text := make([]byte, info.Size())
	n, err := io.ReadFull(f, text)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("corpus: %w", err)
	}
	doc.Text = text[:n]
	if n == len(text) {
		rest, err := io.ReadAll(io.LimitReader(f, readLimit+1-int64(n)))
		if err != nil {
			return fmt.Errorf("corpus: %w", err)
		}
		if n+len(rest) > readLimit {
			doc.Text, doc.Oversize = nil, int64(n+len(rest))
			return nil
		}
		doc.Text = append(doc.Text, rest...)
	}
	return nil
}
