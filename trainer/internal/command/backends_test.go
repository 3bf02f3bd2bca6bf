package command

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
)

// Mutation: leaving out what to do about a missing plugin makes TestBackends
// fail.

func TestBackends(t *testing.T) {
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", t.TempDir())
	t.Setenv("GOMLX_NO_AUTO_INSTALL", "1")
	c, out, _ := common("")
	got, err := Backends(context.Background(), c)
	require.NoError(t, err)
	r := got.(BackendsResult)
	require.Equal(t, backend.List(), r.Backends)
	require.Equal(t, "go", r.Auto)
	for _, s := range r.Backends {
		require.Contains(t, out.String(), s.Name)
		require.Contains(t, out.String(), s.Detail)
	}
	require.Contains(t, out.String(), "xla   not available")
	require.Contains(t, out.String(), "auto  takes go")
	require.Regexp(t, "pip download|CGO_ENABLED", out.String())
}
