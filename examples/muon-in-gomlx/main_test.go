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

// Mutation: handing both optimizers AdamW's rule, or leaving out SetMultiplier,
// changes the printed table.

// TestRun builds the program without C and compares what it prints with the
// README. Another processor rounds in another order, which 100 steps magnify,
// at the highest rate without a useful bound: there only the words and the
// bytes are compared.
func TestRun(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "muon-in-gomlx")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	printed, err := exec.Command(binary).Output()
	require.NoError(t, err)

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, block, ok := strings.Cut(string(readme), "```text\n")
	require.True(t, ok)
	block, _, _ = strings.Cut(block, "```")
	want, got := strings.Split(block, "\n"), strings.Split(string(printed), "\n")
	require.Len(t, got, len(want))
	for i, line := range want {
		a, b := strings.Fields(line), strings.Fields(got[i])
		require.Len(t, b, len(a), "%q", got[i])
		for j := range a {
			x, number := parse(a[j])
			y, _ := parse(b[j])
			switch {
			case !number || !strings.Contains(a[j], "."):
				require.Equal(t, a[j], b[j], "%q", got[i])
			case a[1] != "0.2":
				require.InDelta(t, x, y, 0.25*math.Abs(x)+0.002, "%q, the README has %q", got[i], line)
			}
		}
	}
	words := strings.Fields(got[len(got)-2])
	adamw, _ := parse(words[len(words)-3])
	muon, ok := parse(words[len(words)-1])
	require.True(t, ok)
	require.Less(t, adamw, 0.1, "AdamW learns it, too")
	require.Less(t, muon, adamw/5)
}

// TestRepeatable: the same run prints the same digits.
func TestRepeatable(t *testing.T) {
	var a, b strings.Builder
	require.NoError(t, compare(&a, 20, []float64{0.05}))
	require.NoError(t, compare(&b, 20, []float64{0.05}))
	require.Equal(t, a.String(), b.String())
}

func parse(word string) (float64, bool) {
	x, err := strconv.ParseFloat(strings.Trim(word, ","), 64)
	return x, err == nil
}
