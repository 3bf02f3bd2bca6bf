package backend

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: letting "xla" fall back to Go makes TestChoose fail; replacing the
// settings instead of adding to them makes TestTunedKeepsOtherSettings fail.

func isolate(t *testing.T) (plugins string) {
	t.Helper()
	plugins = t.TempDir()
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", plugins)
	t.Setenv("GOMLX_NO_AUTO_INSTALL", "1")
	old := xlaLink
	xlaLink = &link{install: func() error { return nil }}
	t.Cleanup(func() { xlaLink = old })
	return plugins
}

func TestChoose(t *testing.T) {
	plugins := isolate(t)
	ctx, quiet := context.Background(), func(string) {}
	c, err := Choose(ctx, "auto", quiet)
	require.NoError(t, err)
	require.Equal(t, "go", c.Name)
	require.Contains(t, c.Reason, "no PJRT CPU plugin found")
	_, err = Choose(ctx, "xla", quiet)
	require.ErrorContains(t, err, "pip download")
	_, err = Choose(ctx, "cuda", quiet)
	require.ErrorContains(t, err, "auto, xla, go")

	require.NoError(t, os.WriteFile(filepath.Join(plugins, "pjrt_c_api_cpu_plugin.so"), []byte("not a library"), 0o600))
	c, err = Choose(ctx, "auto", quiet)
	require.NoError(t, err)
	require.Equal(t, "xla", c.Name)
	c, err = Choose(ctx, "go", quiet)
	require.NoError(t, err)
	require.Equal(t, Choice{Name: "go", Reason: "asked for"}, c)

	xlaLink = nil
	_, err = Choose(ctx, "xla", quiet)
	require.ErrorContains(t, err, "built without it")
}

func TestOpenGoAndPeak(t *testing.T) {
	isolate(t)
	b, c, err := Open(context.Background(), "go", false, func(string) {})
	require.NoError(t, err)
	require.Equal(t, "go", c.Name)
	defer b.Finalize()
	for tokens, want := range map[int]int{1: 1, 600: 1, 1280: 2, 2048: 4, 1 << 20: 4} {
		require.Equal(t, want, Shards(b, tokens))
	}
	peak, err := Peak(b)
	require.NoError(t, err)
	require.Greater(t, peak, 1e8)
	require.Less(t, peak, 1e14)
}

func TestWithSettingReplaces(t *testing.T) {
	require.Equal(t, []string{"B=2", "A=3"}, withSetting([]string{"A=1", "B=2"}, "A", "3"))
	require.Equal(t, []string{"AB=1", "A=3"}, withSetting([]string{"AB=1"}, "A", "3"))
}

func TestTunedKeepsOtherSettings(t *testing.T) {
	const ours, flag = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=2", "XLA_FLAGS=" + schedule
	for _, c := range []struct{ before, after []string }{
		{[]string{"A=1"}, []string{"A=1", "GLIBC_TUNABLES=" + ours, flag}},
		{[]string{"GLIBC_TUNABLES=glibc.malloc.check=1"}, []string{"GLIBC_TUNABLES=glibc.malloc.check=1:" + ours, flag}},
		{[]string{flag, "GLIBC_TUNABLES=glibc.malloc.hugetlb=0"}, []string{flag, "GLIBC_TUNABLES=glibc.malloc.hugetlb=0:glibc.malloc.arena_max=2"}},
		{[]string{"XLA_FLAGS=--a=b", "GLIBC_TUNABLES=" + ours}, []string{"GLIBC_TUNABLES=" + ours, "XLA_FLAGS=--a=b " + schedule}},
	} {
		env, added := tuned(c.before)
		require.True(t, added)
		require.Equal(t, c.after, env)
	}
	theirs := []string{"GLIBC_TUNABLES=glibc.malloc.arena_max=4:glibc.malloc.hugetlb=2", "XLA_FLAGS=" + strings.Replace(schedule, "false", "true", 1)}
	env, added := tuned(theirs)
	require.False(t, added)
	require.Equal(t, theirs, env, "the user's choice stands")
}

func TestListNamesBoth(t *testing.T) {
	plugins := isolate(t)
	xlaLink.install = func() error { t.Error("a list downloads nothing"); return nil }
	list := List()
	require.Len(t, list, 2)
	require.True(t, list[0].Available)
	require.False(t, list[1].Available)
	require.Contains(t, list[1].Detail, plugins)
	require.Contains(t, list[1].Fix, "PJRT_PLUGIN_LIBRARY_PATH")
	require.Equal(t, "go", Auto())
	require.NoError(t, os.Unsetenv("GOMLX_NO_AUTO_INSTALL"))
	require.Equal(t, "xla if the plugin can be downloaded, otherwise go", Auto())

	plugin := filepath.Join(plugins, "pjrt_c_api_cpu_plugin.so")
	require.NoError(t, os.WriteFile(plugin, []byte("not a library"), 0o600))
	require.Equal(t, Status{Name: "xla", Available: true, Detail: "plugin " + plugin}, List()[1])
	require.Equal(t, "xla", Auto())

	xlaLink = nil
	require.False(t, List()[1].Available)
	require.Contains(t, List()[1].Fix, "noxla")
	require.Equal(t, "go", Auto())
}
