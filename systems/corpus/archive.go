package corpus

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// unpackLimit is the most that an archive may unpack to.
const unpackLimit = 2 << 30

// archive is a crate and where its .crate file lies.
type archive struct {
	CrateInfo
	path string
}

// read gives the crate's .rs files to emit, one at a time. The compressed file
// is held in memory meanwhile, so that what is read is what was verified.
func (a archive) read(ctx context.Context, emit func(Document) error) error {
	raw, err := os.ReadFile(a.path)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	if sum := sumOf(raw); sum != a.SHA256 {
		return fmt.Errorf("corpus: %s has changed while it was read", a.path)
	}
	err = eachFile(raw, a.Origin(), func(name string, size int64, r io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if path.Ext(name) != ".rs" {
			return nil
		}
		d := Document{ID: a.Origin() + "/" + name, Origin: a.Origin(), License: a.License}
		if size > readLimit {
			d.Oversize = size
			return emit(d)
		}
		d.Text = make([]byte, size)
		if _, err := io.ReadFull(r, d.Text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return emit(d)
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("corpus: %s: %w", a.path, err)
	}
	return err
}

// eachFile visits the regular files of a .crate file: a gzipped tar whose
// entries all lie under origin. Names are given without that folder.
func eachFile(raw []byte, origin string, visit func(name string, size int64, r io.Reader) error) error {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	defer z.Close()
	limited := &io.LimitedReader{R: z, N: unpackLimit}
	files := tar.NewReader(limited)
	for {
		h, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if limited.N <= 0 {
				return fmt.Errorf("unpacks to more than %d bytes", int64(unpackLimit))
			}
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name, ok := strings.CutPrefix(h.Name, origin+"/")
		if !ok || !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("entry %q lies outside %s", h.Name, origin)
		}
		if err := visit(name, h.Size, files); err != nil {
			return err
		}
	}
}

// licenseLine is how cargo writes the licence into a package's Cargo.toml.
var licenseLine = regexp.MustCompile(`(?m)^license\s*=\s*"([^"\n]*)"`)

// licenseOf is the licence that the crate itself declares, or "".
func licenseOf(raw []byte, origin string) (license string, err error) {
	err = eachFile(raw, origin, func(name string, size int64, r io.Reader) error {
		if name != "Cargo.toml" {
			return nil
		}
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return err
		}
		_, pkg, _ := bytes.Cut(append([]byte("\n"), text...), []byte("\n[package]"))
		pkg, _, _ = bytes.Cut(pkg, []byte("\n["))
		if m := licenseLine.FindSubmatch(pkg); m != nil {
			license = string(m[1])
		}
		return errStop
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return license, err
}
