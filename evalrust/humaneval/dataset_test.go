package humaneval_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/humaneval"
)

// dataset is MultiPL-E's file, which cannot be a part of this repository.
func dataset(t *testing.T) *humaneval.Set {
	t.Helper()
	path := os.Getenv("HUMANEVAL_RS")
	if path == "" {
		t.Skip("HUMANEVAL_RS does not name MultiPL-E's humaneval-rs.jsonl")
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	set, err := humaneval.Load(f)
	require.NoError(t, err)
	return set
}

// solutions are bodies of our own, by the number of the problem.
func solutions(t *testing.T) []humaneval.Sample {
	t.Helper()
	f, err := os.Open("testdata/solutions.txt")
	require.NoError(t, err)
	defer f.Close()
	var list []humaneval.Sample
	for lines := bufio.NewScanner(f); lines.Scan(); {
		number, body, _ := strings.Cut(lines.Text(), " ")
		list = append(list, humaneval.Sample{ID: number, TaskID: "HumanEval_" + number, Completion: "    " + body + "\n}\n"})
	}
	return list
}

// TestDataset: our solutions pass, but for the problem that contradicts itself,
// and every prompt compiles with its tests.
func TestDataset(t *testing.T) {
	set, v := dataset(t), verifier(t, evalrust.Options{})
	samples := solutions(t)
	require.Greater(t, len(samples), 60)
	verdicts, err := humaneval.Judge(t.Context(), v, set, samples, humaneval.Options{})
	require.NoError(t, err)
	for i, got := range verdicts {
		require.Equal(t, samples[i].ID != "92", got.Passed(), "%s: %s %s", samples[i].TaskID, got.Status, got.Reason)
		require.False(t, got.Exploit, samples[i].TaskID)
	}
	flaws, err := humaneval.SelfCheck(t.Context(), v, set.Problems)
	require.NoError(t, err)
	require.Len(t, flaws, 1)
	require.Equal(t, "HumanEval_92_any_int", flaws[0].Problem)
}
