package sandbox

import (
	"os"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	Init()
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	for _, backend := range []string{"namespaces", "landlock"} {
		b, err := New(Options{Backend: backend})
		require.NoError(t, err)
		t.Logf("%+v", b.Info())
		for range 2 {
			r, _, err := b.Run(t.Context(), Step{Command: &Command{Args: []string{"/bin/sh", "-c", "echo hi; ls -la . ..; id -u; pwd; echo x>/tmp/y; echo x > $PWD/z; echo x >../z; exit 3"}}})
			require.NoError(t, err)
			t.Logf("%s %s %v", r.Stdout, r.Stderr, r.Wall)
		}
		var d []time.Duration
		for range 60 {
			s := time.Now()
			_, _, err := b.Run(t.Context(), Step{Command: &Command{Args: []string{"/bin/true"}}})
			d = append(d, time.Since(s))
			require.NoError(t, err)
		}
		sort.Slice(d, func(i, j int) bool { return d[i] < d[j] })
		t.Log(d[0], d[30], d[55])
		require.NoError(t, b.Close())
	}
}
