package corpus_test

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

// Mutation: a typing error in the README's program fails TestREADME; another
// figure in its table fails TestREADMETable.

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

// TestREADMETable compares the README's table with the file it is made from.
func TestREADMETable(t *testing.T) {
	raw, err := os.ReadFile("../../docs/results/systems.json")
	if os.IsNotExist(err) {
		t.Skip("not inside the workspace: no docs/results")
	}
	require.NoError(t, err)
	var file struct {
		Results []struct {
			Name, Unit       string
			Median, Min, Max float64
			N                int
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "| Result | Median | Range | n | Unit |\n|---|---|---|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	rows := map[string]string{}
	for _, r := range file.Results {
		rows[r.Name] = fmt.Sprintf("| %s | %s | %s to %s | %d | %s |", r.Name, figure(r.Median), figure(r.Min), figure(r.Max), r.N, r.Unit)
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	require.Greater(t, len(lines), 10)
	for _, line := range lines {
		name := strings.TrimSpace(strings.Split(line, "|")[1])
		require.Equal(t, rows[name], line)
	}
}

// figure is a number in at most four digits.
func figure(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.3gM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.3gk", x/1e3)
	case x >= 1000:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.4g", x)
}
