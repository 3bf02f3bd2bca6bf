package align_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: a typing error in the README's program, or a digit changed in its
// table, fails here.

// TestREADME runs the README's program in a module of its own.
func TestREADME(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds a program")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go on the PATH")
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, program, found := strings.Cut(string(text), "```go\n")
	require.True(t, found)
	program, rest, _ := strings.Cut(program, "```")
	_, want, found := strings.Cut(rest, "It prints `")
	require.True(t, found)
	want, _, _ = strings.Cut(want, "`")

	root, err := filepath.Abs(".")
	require.NoError(t, err)
	gomod := "module scratch\n\ngo 1.26.5\n\nrequire github.com/nanochat-go/nanochat/align v0.0.0\n\nreplace github.com/nanochat-go/nanochat/align => " + root + "\n"
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(gomod), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o644))
	cmd := exec.CommandContext(t.Context(), tool, "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, want+"\n", string(out))
}

// TestMeasured: the README's table is the one of docs/results.
func TestMeasured(t *testing.T) {
	data, err := os.ReadFile("../docs/results/align.json")
	if os.IsNotExist(err) {
		t.Skip("the module alone: no ../docs/results")
	}
	require.NoError(t, err)
	var results struct {
		Rows []struct {
			Name                 string
			N, Median, Low, High int
		}
	}
	require.NoError(t, json.Unmarshal(data, &results))
	require.NotEmpty(t, results.Rows)
	table := "| Group of | ns, median | range | n |\n|---|---|---|---|\n"
	for _, r := range results.Rows {
		table += fmt.Sprintf("| %s | %d | %d–%d | %d |\n", r.Name, r.Median, r.Low, r.High, r.N)
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "<!-- from docs/results/align.json -->\n\n"+table+"\n")
}
