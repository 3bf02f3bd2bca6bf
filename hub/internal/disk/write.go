package disk

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
)

// WriteFile makes the file at path hold what write writes. It exists whole or not
// at all, also after a power failure: a temporary sibling is written, synced and
// renamed, whereupon the directory is synced.
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err = write(w); err != nil {
		return err
	}
	for _, finish := range []func() error{w.Flush, f.Sync, func() error { return f.Chmod(0o644) }, f.Close} {
		if err = finish(); err != nil {
			return err
		}
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	// Not every system can sync a directory; the rename has happened either way.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync()
		dir.Close()
	}
	return nil
}
