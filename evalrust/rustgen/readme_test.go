package rustgen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: a typing error in the README's program, or in what it prints, fails
// here.

// TestREADME runs the README's program in a module of its own.
func TestREADME(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds a program")
	}
	for _, tool := range []string{"go", "rustc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on the PATH", tool)
		}
	}
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, program, found := strings.Cut(string(text), "```go\n")
	require.True(t, found)
	program, rest, _ := strings.Cut(program, "```")
	_, want, found := strings.Cut(rest, "```text\n")
	require.True(t, found)
	want, _, _ = strings.Cut(want, "```")

	root, err := filepath.Abs("..")
	require.NoError(t, err)
	gomod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	own := strings.Replace(string(gomod), "module github.com/nanochat-go/nanochat/evalrust", "module scratch", 1)
	own += "\nrequire github.com/nanochat-go/nanochat/evalrust v0.0.0\nreplace github.com/nanochat-go/nanochat/evalrust => " + root + "\n"
	sum, err := os.ReadFile("../go.sum")
	require.NoError(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": program, "go.mod": own, "go.sum": string(sum)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, want, string(out))
}
