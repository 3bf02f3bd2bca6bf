package mapped

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("mapped"), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data, unmap := File(f, 6)
	if data != nil {
		require.Equal(t, "mapped", string(data))
	}
	require.NoError(t, unmap())
}
