package corpus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FetchCrates writes the .rs files of the listed crates that pass [Code] to
// the folder dir, each under name-version, with a manifest of origins, licences
// and counts. Dir reads such a folder back with origin and licence.
//
// The folder is made beside its place, under a name that begins with dir's and
// ".partial", and renamed when it is complete. A folder that is there already
// is left alone: it is the result when it was made from the same entries, and
// an error otherwise, unless it is empty.
func FetchCrates(ctx context.Context, list, dir string) (*Manifest, error) {
	c, err := readCrates(list)
	if err != nil {
		return nil, err
	}
	if m, err := existing(c, dir); m != nil || err != nil {
		return m, err
	}
	archives, err := c.archives(ctx)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, filepath.Base(filepath.Clean(dir))+".partial-")
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	defer os.RemoveAll(tmp) // nothing is left there after the rename
	m, err := c.writeFiles(ctx, tmp, archives)
	if err != nil {
		return nil, err
	}
	if err := writeManifest(tmp, m); err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil { // MkdirTemp's is for one user
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty one
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	return m, nil
}

// existing returns the manifest of a complete folder of the same list, nil
// when the folder is not there or empty, and otherwise an error.
func existing(c *crates, dir string) (*Manifest, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	m, err := loadManifest(dir)
	if err != nil {
		return nil, err
	}
	if m == nil || m.List != c.hash() {
		return nil, fmt.Errorf("corpus: %s holds something else than the crates of %s: choose another folder", dir, c.path)
	}
	return m, nil
}

// writeFiles writes what the filters keep and counts it.
func (c *crates) writeFiles(ctx context.Context, root string, archives []archive) (*Manifest, error) {
	m := &Manifest{Format: manifestFormat, List: c.hash(), Crates: make([]CrateInfo, len(archives))}
	at := map[string]*CrateInfo{}
	for k, a := range archives {
		m.Crates[k] = a.CrateInfo
		m.Crates[k].Files, m.Crates[k].Bytes = 0, 0
		at[a.Origin()] = &m.Crates[k]
	}
	p := NewPipeline(c, Code()...)
	for d, err := range p.Documents(ctx) {
		if err != nil {
			return nil, err
		}
		path := filepath.Join(root, filepath.FromSlash(d.ID))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, fmt.Errorf("corpus: %w", err)
		}
		if err := writeNew(path, d.Text); err != nil {
			return nil, err
		}
		at[d.Origin].Files++
		at[d.Origin].Bytes += d.Size()
	}
	counts := p.Counts()
	m.Kept, m.Removed = counts.Kept, counts.Removed
	return m, nil
}

// writeNew writes a file that must not be there: two entries of an archive
// may have one name, also by the rules of a file system that folds case.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	return nil
}

func writeManifest(dir string, m *Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	return writeNew(filepath.Join(dir, manifestName), append(text, '\n'))
}
