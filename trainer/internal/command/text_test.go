package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: leaving out what a directory holds that is not UTF-8 without
// counting it makes TestTexts fail.

// writeFile makes a file, with its directories, below dir.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func collect(t *testing.T, paths ...string) (string, *texts, error) {
	t.Helper()
	all := &texts{paths: paths}
	var b bytes.Buffer
	err := all.each(context.Background(), func(text []byte) bool { b.Write(text); return true })
	return b.String(), all, err
}

func TestTexts(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "d/a.txt", "one\n")
	writeFile(t, dir, "d/b/c", "zwei ä\n")
	writeFile(t, dir, "d/image", "\x89PNG\xff\n")
	notes := writeFile(t, dir, "notes.md", "three\n")
	text, all, err := collect(t, filepath.Join(dir, "d"), notes)
	require.NoError(t, err)
	require.Equal(t, "one\nzwei ä\nthree\n", text)
	require.Equal(t, 3, all.files)
	require.EqualValues(t, len(text), all.bytes)
	var said []string
	all.report(func(format string, _ ...any) { said = append(said, format) })
	require.Len(t, said, 1, "the image is not passed over in silence")

	for path, want := range map[string]string{
		filepath.Join(dir, "gone"):                     "no such file",
		writeFile(t, dir, "latin1.txt", "caf\xe9 au"):  "byte 3 is not UTF-8",
		writeFile(t, dir, "empty.txt", ""):             "no UTF-8 text in it",
		filepath.Dir(writeFile(t, dir, "e/x", "\xff")): "no UTF-8 text in it",
	} {
		_, _, err := collect(t, notes, path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

// TestTextsStop: a consumer that has enough ends the reading.
func TestTextsStop(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"d/a", "d/b", "d/c"} {
		writeFile(t, dir, name, name)
	}
	n := 0
	require.NoError(t, (&texts{paths: []string{filepath.Join(dir, "d"), filepath.Join(dir, "gone")}}).each(context.Background(), func([]byte) bool {
		n++
		return n < 2
	}))
	require.Equal(t, 2, n)
}

func TestInvalidUTF8(t *testing.T) {
	for text, want := range map[string]int{"": -1, "ä": -1, "a\xff": 1, "ä\xc3": 2, "\uFFFDx\xe9x": 4} {
		require.Equal(t, want, invalidUTF8([]byte(text)), "%q", text)
	}
}
