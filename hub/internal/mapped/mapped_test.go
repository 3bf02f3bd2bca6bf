package mapped

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpen(t *testing.T) {
	for _, text := range []string{"mapped", ""} {
		path := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		o, err := Open(path)
		require.NoError(t, err)
		require.EqualValues(t, len(text), o.Size)
		if o.Data != nil {
			require.Equal(t, text, string(o.Data))
		}
		read := make([]byte, len(text))
		_, err = o.ReadAt(read, 0)
		require.NoError(t, err)
		require.Equal(t, text, string(read))
		require.NoError(t, o.Close())
	}
	_, err := Open(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
