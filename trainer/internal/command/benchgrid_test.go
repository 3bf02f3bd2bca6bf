package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: not giving the optimizer of the job to Restart makes
// TestBenchGridRestarts fail, because a later rate would be the first one's.

func gridOptions(t *testing.T, out, methods string, workers int) (cli.BenchGridOptions, *messages) {
	t.Helper()
	m := &messages{}
	set, err := json.Marshal(append(append([]string{"train.backend=" + backendName()}, small...), "train.steps=4", "eval.every=2", "eval.val_tokens=500"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "protocol.toml")
	text := fmt.Sprintf("question = \"which?\"\nset = %s\nrates = [0.004, 0.016]\nseeds = [1, 2]\nbase = \"adamw\"\n%s", set, methods)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	o := cli.BenchGridOptions{Protocol: path, Out: out, Workers: workers}
	o.Quiet, o.NoReexec, o.Notice = true, true, m.add
	o.Common.Out = &strings.Builder{}
	return o, m
}

const twoMethods = `
[[methods]]
name = "adamw"
set = ["optim.rule=adamw"]
[[methods]]
name = "muon8"
set = ["optim.state=linear8"]
`

func benchGrid(t *testing.T, o cli.BenchGridOptions) BenchGridResult {
	t.Helper()
	r, err := BenchGrid(t.Context(), o)
	require.NoError(t, err)
	return r.(BenchGridResult)
}

func TestBenchGrid(t *testing.T) {
	out := filepath.Join(t.TempDir(), "grid")
	o, m := gridOptions(t, out, twoMethods, 2)
	r := benchGrid(t, o)
	require.Len(t, r.Rows, 2)
	require.Len(t, r.Runs, 6)
	for _, run := range r.Runs {
		require.Equal(t, 4, run.Steps)
		require.Greater(t, run.Loss, 1.0)
		require.Less(t, run.Loss, 10.0)
		require.Len(t, run.Curve, 2)
		require.Equal(t, run.Loss, run.Curve[1].Loss)
	}
	require.Less(t, r.Rows[1].State, r.Rows[0].State)
	require.Contains(t, o.Common.Out.(*strings.Builder).String(), "| muon8 | 4 |")
	text, err := os.ReadFile(filepath.Join(out, "results.json"))
	require.NoError(t, err)
	var saved BenchGridResult
	require.NoError(t, json.Unmarshal(text, &saved))
	require.Equal(t, r.Rows, saved.Rows)
	require.Contains(t, strings.Join(m.all, "\n"), "6 of 6")

	o, m = gridOptions(t, out, twoMethods, 1)
	require.Equal(t, r.Rows, benchGrid(t, o).Rows)
	require.NotContains(t, strings.Join(m.all, "\n"), "of 6:", "nothing runs again")
}

// TestBenchGridRestarts: a run with the graphs of an earlier one has the bits
// of a run with its own.
func TestBenchGridRestarts(t *testing.T) {
	dir := t.TempDir()
	prepared := filepath.Join(dir, "prepared")
	_, err := DataPrepare(t.Context(), cli.DataOptions{Common: cli.Common{Notice: t.Logf}, ConfigOptions: cli.ConfigOptions{Set: append(append([]string{}, small...), "train.steps=4")}, Out: prepared})
	require.NoError(t, err)
	change := func(o cli.BenchGridOptions, more ...string) {
		text, err := os.ReadFile(o.Protocol)
		require.NoError(t, err)
		source, err := json.Marshal(fmt.Sprintf("data.sources=[{dir=%q}]", prepared))
		require.NoError(t, err)
		changed := strings.NewReplacer(append(more, `"data.sources=[{rustgen={level=1, megabytes=0.15}}]"`, string(source))...).Replace(string(text))
		require.Contains(t, changed, string(source))
		require.NoError(t, os.WriteFile(o.Protocol, []byte(changed), 0o644))
	}
	one, _ := gridOptions(t, filepath.Join(dir, "one"), twoMethods, 1)
	change(one)
	all := benchGrid(t, one)
	require.Len(t, all.Runs, 6)
	for _, want := range all.Runs {
		alone, _ := gridOptions(t, filepath.Join(dir, fmt.Sprintf("%s-%g-%d", want.Method, want.Rate, want.Seed)), `
[[methods]]
name = "adamw"
set = ["`+map[string]string{"adamw": "optim.rule=adamw", "muon8": "optim.state=linear8"}[want.Method]+`"]
`, 1)
		change(alone, "rates = [0.004, 0.016]", fmt.Sprintf("rates = [%g]", want.Rate), "seeds = [1, 2]", fmt.Sprintf("seeds = [%d]", want.Seed))
		got := benchGrid(t, alone).Runs
		require.Len(t, got, 1)
		require.Equal(t, want.Loss, got[0].Loss, "%s at %g, seed %d", want.Method, want.Rate, want.Seed)
	}
}

// TestBenchGridMomentum: the warm-up of the momentum acts in the runs of a grid.
func TestBenchGridMomentum(t *testing.T) {
	o, _ := gridOptions(t, filepath.Join(t.TempDir(), "grid"), `
[[methods]]
name = "adamw"
set = ["optim.rule=adamw"]
[[methods]]
name = "warm"
set = ["optim.rule=adamw", "optim.momentum_warmup=100", "optim.momentum_start=0.1"]
`, 1)
	runs := benchGrid(t, o).Runs
	require.Equal(t, "adamw", runs[0].Method)
	require.Equal(t, "warm", runs[2].Method)
	require.Equal(t, runs[0].Rate, runs[2].Rate)
	require.NotEqual(t, runs[0].Loss, runs[2].Loss)
}

func TestBenchGridRefuses(t *testing.T) {
	dir := t.TempDir()
	for want, methods := range map[string]string{
		"optim.rule":                    "[[methods]]\nname = \"adamw\"\nset = [\"optim.rule=adam\"]\n",
		"method b changes tokenizer":    twoMethods + "[[methods]]\nname = \"b\"\nset = [\"tokenizer.vocab=400\"]\n",
		"base \"adamw\" is none of the": "[[methods]]\nname = \"b\"\n",
	} {
		o, _ := gridOptions(t, filepath.Join(dir, "out"), methods, 1)
		_, err := BenchGrid(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
	o, _ := gridOptions(t, filepath.Join(dir, "out"), twoMethods, 0)
	_, err := BenchGrid(t.Context(), o)
	require.ErrorContains(t, err, "--workers 0")
	require.NoDirExists(t, filepath.Join(dir, "out"), "nothing is written")
}
