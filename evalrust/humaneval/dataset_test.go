package humaneval_test

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/humaneval"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

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

func TestDataset(t *testing.T) {
	set := dataset(t)
	v, err := evalrust.NewVerifier(evalrust.Options{})
	require.NoError(t, err)
	defer v.Close()
	start := time.Now()
	samples := solutions(t)
	verdicts, err := humaneval.Judge(t.Context(), v, set, samples, humaneval.Options{})
	require.NoError(t, err)
	t.Log(len(samples), time.Since(start))
	for i, got := range verdicts {
		if !got.Passed() {
			t.Log(samples[i].TaskID, got.Class, got.Status, got.Reason, got.Exploit)
		}
	}
}
