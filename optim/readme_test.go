package optim_test

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

// section is what the README has between two marks.
func section(t *testing.T, from, to string) string {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, s, found := strings.Cut(string(text), from)
	require.True(t, found, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestREADME runs the README's program in a module of its own and compares what
// it prints with the README.
func TestREADME(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds a program")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go on the PATH")
	}
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	gomod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	own := strings.Replace(string(gomod), "module github.com/nanochat-go/nanochat/optim", "module scratch", 1)
	own += "\nrequire github.com/nanochat-go/nanochat/optim v0.0.0\nreplace github.com/nanochat-go/nanochat/optim => " + root + "\n"
	sum, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": section(t, "```go\n", "```"), "go.mod": own, "go.sum": string(sum)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	cmd := exec.CommandContext(t.Context(), tool, "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "CGO_ENABLED=0", "GOEXPERIMENT=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, section(t, "```text\n", "```"), string(out))
}

// TestMeasured: the README's table is the one of docs/results.
func TestMeasured(t *testing.T) {
	data, err := os.ReadFile("../docs/results/optim.json")
	if os.IsNotExist(err) {
		t.Skip("the module alone: no ../docs/results")
	}
	require.NoError(t, err)
	var results struct {
		Rows []struct {
			Backend, Optimizer  string
			N                   int
			Median, Low, High   float64 // ms
			PerParam, StateByte float64
			Ratio               float64 // to the peer, median of paired runs
		}
	}
	require.NoError(t, json.Unmarshal(data, &results))
	require.NotEmpty(t, results.Rows)
	table := "| Backend | Optimizer | ms | range | n | ns a parameter | state bytes a parameter | times GoMLX's Adam |\n|---|---|---|---|---|---|---|---|\n"
	for _, r := range results.Rows {
		table += fmt.Sprintf("| %s | %s | %.0f | %.0f–%.0f | %d | %.1f | %.2f | %.2f |\n",
			r.Backend, r.Optimizer, r.Median, r.Low, r.High, r.N, r.PerParam, r.StateByte, r.Ratio)
	}
	require.Equal(t, "\n"+table+"\n", section(t, "<!-- from docs/results/optim.json -->\n", "Muon costs"))
}
