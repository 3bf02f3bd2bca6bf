package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: leaving out WithMatrixState or WithRest, or importing another module
// of the workspace in main.go, fails here.

// TestRun builds the program in a module of its own, outside the workspace, that
// has only optim of it, and compares what it prints with the README: the table,
// the first loss, and that it learns to copy. The step at which it learns that
// depends on the processor, which rounds in an order of its own.
func TestRun(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go on the PATH")
	}
	optim, err := filepath.Abs("../../optim")
	require.NoError(t, err)
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	const name = "github.com/nanochat-go/nanochat/optim"
	gomod := strings.Replace(read(filepath.Join(optim, "go.mod")), "module "+name, "module scratch", 1) +
		"\nrequire " + name + " v0.0.0\nreplace " + name + " => " + optim + "\n"
	dir := t.TempDir()
	for file, text := range map[string]string{"main.go": read("main.go"), "go.mod": gomod, "go.sum": read(filepath.Join(optim, "go.sum"))} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
	cmd := exec.CommandContext(t.Context(), tool, "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "CGO_ENABLED=0", "GOEXPERIMENT=")
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", printed)

	_, block, found := strings.Cut(read("README.md"), "```text\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	wantLosses, want, found := strings.Cut(block, "\n\n")
	require.True(t, found)
	gotLosses, got, _ := strings.Cut(string(printed), "\n\n")
	require.Equal(t, want, got, "which rule each parameter has, and its bytes")
	a, b := losses(t, wantLosses), losses(t, gotLosses)
	require.Len(t, b, len(a))
	require.InDelta(t, a[0], b[0], 0.011)
	// Letters without copying cost 2.61 nats a byte, copying 1.30.
	require.Less(t, a[len(a)-1], 1.6)
	require.Less(t, b[len(b)-1], 1.6)
}

// losses reads lines of a step and a loss.
func losses(t *testing.T, text string) []float64 {
	var all []float64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		require.Len(t, fields, 2, line)
		x, err := strconv.ParseFloat(fields[1], 64)
		require.NoError(t, err)
		require.False(t, math.IsNaN(x))
		all = append(all, x)
	}
	return all
}
