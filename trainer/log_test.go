package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireLog fails unless the log shows the table.
func requireLog(t *testing.T, table string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join("..", "docs", "log.md"))
	require.NoError(t, err)
	require.Contains(t, string(log), "\n\n"+table+"\n")
}

// TestKernelsLog: the log's tables of ternary products are those that were measured.
func TestKernelsLog(t *testing.T) {
	var r struct {
		Result struct {
			Products []struct {
				Outputs, Inputs, Batch, Threads int
				GOPS                            float64
			}
			Model struct {
				Rows []struct {
					Name                   string
					Tokens                 float64 `json:"tokens_per_second"`
					Low, High, Peer, Ratio float64
				}
			}
		}
	}
	result(t, "precision-kernels-avx512.json", &r)
	var table strings.Builder
	table.WriteString("| Outputs x inputs | 1, 1 thread | 1, 2 threads | 8, 1 thread | 8, 2 threads | 64, 1 thread | 64, 2 threads | ratio |\n|---|---|---|---|---|---|---|---|\n")
	const columns = 6
	p := r.Result.Products
	require.Zero(t, len(p)%columns)
	for i := 0; i < len(p); i += columns {
		fmt.Fprintf(&table, "| %d x %d |", p[i].Outputs, p[i].Inputs)
		for k := range columns {
			require.Equal(t, []int{[]int{1, 8, 64}[k/2], 1 + k%2}, []int{p[i+k].Batch, p[i+k].Threads})
			fmt.Fprintf(&table, " %.0f |", p[i+k].GOPS)
		}
		fmt.Fprintf(&table, " %.1f |\n", p[i+4].GOPS/p[i].GOPS)
	}
	requireLog(t, table.String())
	table.Reset()
	table.WriteString("| Tokens a second | linears (range) | llama.cpp | ratio |\n|---|---|---|---|\n")
	for _, m := range r.Result.Model.Rows {
		fmt.Fprintf(&table, "| %s | %.0f (%.0f to %.0f) | %.0f | %.2f |\n", m.Name, m.Tokens, m.Low, m.High, m.Peer, m.Ratio)
	}
	requireLog(t, table.String())
}

// TestDecodeLog: and of the inference engine.
func TestDecodeLog(t *testing.T) {
	var r struct {
		Result struct {
			Rows []struct {
				Weights        string
				Batch, Threads int
				Tokens         float64 `json:"tokens_per_second"`
				Low, High      float64
				ToOneRow       float64 `json:"to_one_row"`
				ToFirst        float64 `json:"to_first"`
				ToPeer         float64 `json:"to_peer"`
			}
		}
	}
	result(t, "decode.json", &r)
	table := "| Weights | Rows | Threads | Tokens a second (range) | to one row | to f32 | to llama.cpp |\n|---|---|---|---|---|---|---|\n"
	number := func(v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", v)
	}
	for _, s := range r.Result.Rows {
		table += fmt.Sprintf("| %s | %d | %d | %.0f (%.0f to %.0f) | %s | %s | %s |\n", s.Weights, s.Batch, s.Threads, s.Tokens, s.Low, s.High,
			number(s.ToOneRow), number(s.ToFirst), number(s.ToPeer))
	}
	requireLog(t, table)
}
