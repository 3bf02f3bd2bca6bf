//go:build cgo && !noxla

package backend

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: without EnableAutoInstall(false) TestOpenNeedsNoNetwork fails, with
// an error about a download.

func TestOpenNeedsNoNetwork(t *testing.T) {
	plugins := isolate(t)
	require.NoError(t, os.Unsetenv("GOMLX_NO_AUTO_INSTALL"))
	require.NoError(t, os.WriteFile(filepath.Join(plugins, "pjrt_c_api_cpu_plugin.so"), []byte("not a library"), 0o600))
	_, _, err := Open(context.Background(), "xla", false, func(s string) { t.Error(s) })
	require.ErrorContains(t, err, "remove a broken plugin or choose --backend go")
	require.NotContains(t, err.Error(), "install ")
	require.NotContains(t, err.Error(), "fetch")
}
