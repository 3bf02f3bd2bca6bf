//go:build cgo && !noxla

package backend

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: without EnableAutoInstall(false) TestOpenNeedsNoNetwork fails, with
// an error about a download.

func TestOpenNeedsNoNetwork(t *testing.T) {
	// A process of its own: go-xla reads its search path when it starts, and a
	// plugin that was loaded stays loaded.
	const child = "BACKEND_TEST_CHILD"
	if os.Getenv(child) == "" {
		plugins := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(plugins, "pjrt_c_api_cpu_plugin.so"), []byte("not a library"), 0o600))
		cmd := exec.Command(os.Args[0], "-test.run=^TestOpenNeedsNoNetwork$", "-test.count=1")
		for _, e := range os.Environ() {
			if !strings.HasPrefix(e, "GOMLX_NO_AUTO_INSTALL=") && !strings.HasPrefix(e, "PJRT_PLUGIN_LIBRARY_PATH=") {
				cmd.Env = append(cmd.Env, e)
			}
		}
		cmd.Env = append(cmd.Env, child+"=1", "HOME="+t.TempDir(), "PJRT_PLUGIN_LIBRARY_PATH="+plugins)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	_, _, err := Open(context.Background(), "xla", false, func(s string) { t.Error(s) })
	require.ErrorContains(t, err, "remove a broken plugin or choose --backend go")
	require.NotContains(t, err.Error(), "install ")
	require.NotContains(t, err.Error(), "fetch")
}
