package mapped

import (
	"errors"
	"os"
)

// Opened is an open file whose contents may be mapped.
type Opened struct {
	*os.File
	Size int64
	Data []byte // the whole file, nil where it could not be mapped

	unmap func() error
}

// Open opens the file at path and maps it. Close it after use.
func Open(path string) (*Opened, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	o := &Opened{File: f, Size: st.Size()}
	o.Data, o.unmap = file(f, o.Size)
	return o, nil
}

// Close ends the mapping, so that Data must not be read any more, and closes the file.
func (o *Opened) Close() error { return errors.Join(o.unmap(), o.File.Close()) }
