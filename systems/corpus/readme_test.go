package corpus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: a typing error in the README's program fails it.

// TestREADME runs the README's program in a module of its own.
func TestREADME(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds a program")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go on the PATH")
	}
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, program, found := strings.Cut(string(text), "```go\n")
	require.True(t, found)
	program, _, _ = strings.Cut(program, "```")

	root, err := filepath.Abs("..")
	require.NoError(t, err)
	gomod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	own := strings.Replace(string(gomod), "module github.com/nanochat-go/nanochat/systems", "module scratch", 1)
	own += "\nrequire github.com/nanochat-go/nanochat/systems v0.0.0\nreplace github.com/nanochat-go/nanochat/systems => " + root + "\n"
	sum, err := os.ReadFile("../go.sum")
	require.NoError(t, err)
	dir := tree(t, "main.go", program, "go.mod", own, "go.sum", string(sum), "src/a.rs", strings.Repeat("fn main() {}\n", 40), "src/b.rs", "// @generated")

	cmd := exec.CommandContext(t.Context(), tool, "run", ".", "src", "tokens")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "kept 1 (520 bytes), generated 1 (13 bytes) - 253 targets in the first batch\n", string(out))
}
