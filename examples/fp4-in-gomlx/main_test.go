package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: giving every student the first recipe, or leaving out the key, fails here.

// losses reads the table that compare prints.
func losses(t *testing.T, table string) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) == 3 {
			v, err := strconv.ParseFloat(words[2], 64)
			require.NoError(t, err)
			found[words[0]] = v
		}
	}
	return found
}

// TestRun compares three recipes with the README. Another processor rounds in another
// order, which 300 steps magnify.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, compare(&out, []string{"f32", "fp8_tensor", "nvfp4"}, 300))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, block, ok := strings.Cut(string(readme), "```text\n")
	require.True(t, ok)
	block, _, _ = strings.Cut(block, "```")
	want, got := losses(t, block), losses(t, out.String())
	require.Len(t, want, 8)
	require.Len(t, got, 3)
	for name, v := range got {
		require.InEpsilon(t, want[name], v, 0.1, name)
	}
	require.Greater(t, got["nvfp4"], 1.1*got["f32"])
	require.Less(t, got["fp8_tensor"], 1.1*got["f32"])
}

// TestRepeatable: the same run prints the same digits, stochastic rounding included.
func TestRepeatable(t *testing.T) {
	var a, b bytes.Buffer
	require.NoError(t, compare(&a, []string{"nvfp4"}, 12))
	require.NoError(t, compare(&b, []string{"nvfp4"}, 12))
	require.Equal(t, a.String(), b.String())
	require.ErrorContains(t, compare(&a, []string{"fp5"}, 1), `recipe "fp5" is unknown`)
}
