package cache

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

type result struct {
	Verdict string
	Codes   []string
}

// TestKeptAcrossProcesses: what one Cache puts, another on the same directory gets;
// other keys and directories have nothing.
func TestKeptAcrossProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "verdicts")
	first, err := Open[result](dir)
	require.NoError(t, err)
	key := Key("fn main() {}", 2021, []string{"--test"})
	_, ok := first.Get(key)
	require.False(t, ok)
	want := result{"pass", []string{"E0308"}}
	require.NoError(t, first.Put(key, want))

	second, err := Open[result](dir)
	require.NoError(t, err)
	for range 2 { // from the file, then from memory
		got, ok := second.Get(key)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok = second.Get(Key("fn main() {}", 2021))
	require.False(t, ok)
	elsewhere, err := Open[result](t.TempDir())
	require.NoError(t, err)
	_, ok = elsewhere.Get(key)
	require.False(t, ok)
}

// TestKeyDependsOnEveryPart: no two of these have the same key.
func TestKeyDependsOnEveryPart(t *testing.T) {
	seen := map[string]bool{}
	for _, parts := range [][]any{{"a", "b"}, {"ab"}, {"b", "a"}, {"a", "b", nil}, {"a", []string{"b"}}, {"a", 1}, {"a", "1"}} {
		key := Key(parts...)
		require.Len(t, key, 64)
		require.False(t, seen[key], "%v", parts)
		seen[key] = true
	}
	require.Panics(t, func() { Key(func() {}) })
}

// TestDamagedIsNone: a file that was cut off counts as no result and is replaced.
func TestDamagedIsNone(t *testing.T) {
	dir, key := t.TempDir(), Key("x")
	c, err := Open[result](dir)
	require.NoError(t, err)
	require.NoError(t, c.Put(key, result{Verdict: "pass"}))
	path := filepath.Join(dir, key[:2], key+".json")
	require.NoError(t, os.WriteFile(path, []byte(`{"Verdict":"pa`), 0o644))
	fresh, err := Open[result](dir)
	require.NoError(t, err)
	got, ok := fresh.Get(key)
	require.False(t, ok)
	require.Zero(t, got)
	require.NoError(t, fresh.Put(key, result{Verdict: "panic"}))
	again, err := Open[result](dir)
	require.NoError(t, err)
	got, ok = again.Get(key)
	require.True(t, ok)
	require.Equal(t, "panic", got.Verdict)
}

func TestInMemoryAndNil(t *testing.T) {
	c, err := Open[result]("")
	require.NoError(t, err)
	require.NoError(t, c.Put("k", result{Verdict: "pass"}))
	got, ok := c.Get("k")
	require.True(t, ok)
	require.Equal(t, "pass", got.Verdict)

	var none *Cache[result]
	require.NoError(t, none.Put("k", result{Verdict: "pass"}))
	_, ok = none.Get("k")
	require.False(t, ok)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err = Open[result](filepath.Join(file, "sub"))
	require.ErrorContains(t, err, "cache: ")
}

// TestConcurrent: readers see a whole result or none while writers replace it, and
// nothing is left beside the results.
func TestConcurrent(t *testing.T) {
	dir, key := t.TempDir(), Key("x")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				c, err := Open[result](dir)
				require.NoError(t, err)
				if got, ok := c.Get(key); ok {
					require.Equal(t, "pass", got.Verdict)
				}
				require.NoError(t, c.Put(key, result{Verdict: "pass"}))
			}
		})
	}
	group.Wait()
	files, err := os.ReadDir(filepath.Join(dir, key[:2]))
	require.NoError(t, err)
	require.Len(t, files, 1)
}
