package disk

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: renaming before write has returned fails TestWholeOrNotAtAll.

func TestWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	text := func(s string, err error) func(w io.Writer) error {
		return func(w io.Writer) error {
			if _, err := io.WriteString(w, s); err != nil {
				return err
			}
			return err
		}
	}
	require.NoError(t, WriteFile(path, text("first", nil)))
	require.ErrorIs(t, WriteFile(path, text("second", io.ErrClosedPipe)), io.ErrClosedPipe)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first", string(got))
	require.NoError(t, WriteFile(path, text("third", nil)))
	got, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "third", string(got))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing temporary stays")
	err = WriteFile(filepath.Join(dir, "missing", "f"), text("", nil))
	require.True(t, errors.Is(err, os.ErrNotExist), "%v", err)
}
