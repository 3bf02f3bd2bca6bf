package track

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// journal appends records to metrics.jsonl. Every record is one write, so a
// killed process loses at most the one being written.
type journal struct {
	file *os.File
}

// createJournal begins a file that must not be there yet.
func createJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{f}, nil
}

// resumeJournal opens a file and drops from it what comes after a step, and
// lines that are no records; dropped and damaged count them. A file that is not
// there is created.
func resumeJournal(path string, step int) (j *journal, dropped, damaged int, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, 0, err
	}
	kept := make([]byte, 0, len(text))
	for line := range bytes.Lines(text) {
		r, err := parse(line)
		switch {
		case err != nil || !bytes.HasSuffix(line, []byte("\n")):
			damaged++
		case r.Step > step:
			dropped++
		default:
			kept = append(kept, line...)
		}
	}
	if len(kept) != len(text) {
		if err := replace(path, kept); err != nil {
			return nil, 0, 0, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, 0, 0, err
	}
	return &journal{f}, dropped, damaged, nil
}

// replace puts text in the place of a file so that a crash leaves the old or
// the new one.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (j *journal) add(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("%s: %w", j.file.Name(), err)
	}
	_, err = j.file.Write(append(line, '\n'))
	return err
}

func (j *journal) sync() error { return j.file.Sync() }

func (j *journal) close() error { return j.file.Close() }
