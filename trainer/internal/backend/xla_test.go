//go:build cgo && !noxla

package backend

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: without EnableAutoInstall(false) TestOpenNeedsNoNetwork fails, with
// an error about a download.

func TestOpenNeedsNoNetwork(t *testing.T) {
	const child = "BACKEND_TEST_CHILD"
	if os.Getenv(child) == "" { // a process of its own: a plugin that was loaded stays loaded
		cmd := exec.Command(os.Args[0], "-test.run=^TestOpenNeedsNoNetwork$", "-test.count=1")
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	plugins := isolate(t)
	require.NoError(t, os.Unsetenv("GOMLX_NO_AUTO_INSTALL"))
	require.NoError(t, os.WriteFile(filepath.Join(plugins, "pjrt_c_api_cpu_plugin.so"), []byte("not a library"), 0o600))
	_, _, err := Open(context.Background(), "xla", false, func(s string) { t.Error(s) })
	require.ErrorContains(t, err, "remove a broken plugin or choose --backend go")
	require.NotContains(t, err.Error(), "install ")
	require.NotContains(t, err.Error(), "fetch")
}
