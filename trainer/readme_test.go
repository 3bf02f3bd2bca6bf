package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// result reads a file of docs/results.
func result(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "results", name))
	if os.IsNotExist(err) {
		t.Skip("the module alone: no ../docs/results")
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// requireTable fails unless the README shows the rows below the comment that
// names their file.
func requireTable(t *testing.T, file, table string) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "<!-- from docs/results/"+file+" -->\n\n")
	require.True(t, found, file)
	shown, _, _ := strings.Cut(rest, "\n\n")
	require.Equal(t, table, shown+"\n")
}

// TestJourney: the README's figures of the journey are those that were measured.
func TestJourney(t *testing.T) {
	var r struct {
		Runs []struct {
			Backend         string
			Seconds         int
			Tokens          int
			TokensPerSecond float64 `json:"tokens_per_second"`
			ValBPB          float64 `json:"val_bpb"`
			Samples         int
			Compiled        int
			Novel           int
		}
	}
	result(t, "journey.json", &r)
	require.Len(t, r.Runs, 2)
	table := "| Backend | Seconds | Tokens a second | Bits per byte | Fresh samples that compile | New of those |\n|---|---|---|---|---|---|\n"
	for _, x := range r.Runs {
		table += fmt.Sprintf("| %s | %d | %.0f | %.4f | %d of %d | %d |\n", x.Backend, x.Seconds, x.TokensPerSecond, x.ValBPB, x.Compiled, x.Samples, x.Novel)
	}
	requireTable(t, "journey.json", table)
}

// TestSpeed: so are the ratios to PyTorch.
func TestSpeed(t *testing.T) {
	type ratio struct {
		Median, Min, Max float64
		Rounds           []float64
	}
	var r struct{ Ratios map[string]ratio }
	result(t, "speed.json", &r)
	table := "| Training step | Times | Range | Rounds |\n|---|---|---|---|\n"
	for _, row := range [][2]string{
		{"xla_to_compiled", "XLA, to `torch.compile`"}, {"go_to_eager", "Go backend with SIMD, to eager PyTorch"}, {"go_to_scalar", "Go backend with SIMD, to without"},
	} {
		x, ok := r.Ratios[row[0]]
		require.True(t, ok, row[0])
		table += fmt.Sprintf("| %s | %.2f | %.2f–%.2f | %d |\n", row[1], x.Median, x.Min, x.Max, len(x.Rounds))
	}
	requireTable(t, "speed.json", table)
}

// TestCrates: and the run on real crates beside PyTorch's.
func TestCrates(t *testing.T) {
	var r struct {
		Runs []struct {
			Name    string
			Steps   int
			Tokens  float64
			Seconds float64
			ValBPB  float64 `json:"val_bpb"`
		}
		Ratio float64
	}
	result(t, "crates.json", &r)
	require.Len(t, r.Runs, 2)
	require.InDelta(t, r.Runs[0].ValBPB/r.Runs[1].ValBPB, r.Ratio, 1e-3)
	table := "| Run | Steps | Million tokens | Bits per byte |\n|---|---|---|---|\n"
	for _, x := range r.Runs {
		table += fmt.Sprintf("| %s | %d | %.2f | %.3f |\n", x.Name, x.Steps, x.Tokens/1e6, x.ValBPB)
	}
	requireTable(t, "crates.json", table)
}
