package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/systems/corpus"
)

// texts reads UTF-8 text from files and directories.
type texts struct {
	paths    []string
	files    int
	bytes    int64
	binary   int // files of directories that are not UTF-8
	tooLarge int // files of directories above what corpus.Dir loads
}

// each calls yield for the text of every file at the paths, in order, until it
// returns false. A file that was named must be UTF-8; files of directories that
// are not are counted and left out. A path without any text is an error.
func (t *texts) each(ctx context.Context, yield func(text []byte) bool) error {
	for _, path := range t.paths {
		before, stopped := t.bytes, false
		err := t.read(ctx, path, func(text []byte) bool {
			t.files++
			t.bytes += int64(len(text))
			stopped = !yield(text)
			return !stopped
		})
		if err != nil || stopped {
			return err
		}
		if t.bytes == before {
			return fmt.Errorf("text %s: no UTF-8 text in it: give a file or directory with some", path)
		}
	}
	return nil
}

// read calls yield for every text at one path.
func (t *texts) read(ctx context.Context, path string, yield func(text []byte) bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("text %s: %w: give a file or directory that exists", path, cause(err))
	}
	if !info.IsDir() {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("text %s: %w", path, cause(err))
		}
		if at := invalidUTF8(text); at >= 0 {
			return fmt.Errorf("text %s: byte %d is not UTF-8: convert the file to UTF-8", path, at)
		}
		yield(text)
		return nil
	}
	for d, err := range corpus.Dir(path).Documents(ctx) {
		switch {
		case errors.Is(err, corpus.ErrEmpty):
			return nil // said by the caller
		case err != nil:
			return err
		case d.Oversize > 0:
			t.tooLarge++
		case !utf8.Valid(d.Text):
			t.binary++
		case !yield(d.Text):
			return nil
		}
	}
	return nil
}

// report says what was left out, if anything.
func (t *texts) report(notice func(format string, args ...any)) {
	if t.binary > 0 {
		notice("left out: %d files that are not UTF-8 text", t.binary)
	}
	if t.tooLarge > 0 {
		notice("left out: %d large files; name a file itself to read it whatever its size", t.tooLarge)
	}
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, -1 if none.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
}

// cause is what the operating system says about a path, without the path.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
