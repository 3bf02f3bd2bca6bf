package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/quant"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: giving every variant the first one's settings makes TestCompare fail.

func compareOptions(out string, variants ...string) cli.CompareOptions {
	o := cli.CompareOptions{Variants: variants, Seeds: 2, Workers: 2}
	o.Set = append(append([]string{"train.backend=" + backendName()}, small...), "train.steps=3", "eval.val_tokens=500", "model.ternary=false")
	o.Run, o.Quiet, o.NoReexec, o.Notice = out, true, true, func(string, ...any) {}
	o.Common.Out = &strings.Builder{}
	return o
}

func TestCompare(t *testing.T) {
	out := filepath.Join(t.TempDir(), "c")
	o := compareOptions(out, "bf16", "fp4", "ternary")
	got, err := Compare(t.Context(), o)
	require.NoError(t, err)
	r := got.(CompareResult)
	require.Len(t, r.Rows, 3)
	require.Len(t, r.Runs, 6)
	require.NotEqual(t, r.Rows[0].Loss, r.Rows[1].Loss)
	require.NotEqual(t, r.Rows[1].Loss, r.Rows[2].Loss)
	require.Equal(t, 2, r.Rows[1].Diff.N)
	require.InDelta(t, r.Rows[1].Loss.Mean-r.Rows[0].Loss.Mean, r.Rows[1].Diff.Mean, 1e-9)
	require.Equal(t, 16.0, r.Variants[0].Bits)
	require.Less(t, r.Variants[1].Bits, 16.0)
	require.Less(t, r.Variants[2].Bits, 3.0)
	for _, v := range r.Variants {
		require.Positive(t, v.Step)
		require.True(t, v.Emulated)
	}
	text := o.Common.Out.(*strings.Builder).String()
	require.Contains(t, text, "emulated")
	require.Equal(t, 4, strings.Count(text, "\n"))
	var saved CompareResult
	file, err := os.ReadFile(filepath.Join(out, "results.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(file, &saved))
	require.Equal(t, r.Variants, saved.Variants)
}

func TestCompareErrors(t *testing.T) {
	for want, change := range map[string]func(o *cli.CompareOptions){
		`recipe "nvfp5" is unknown, want one of`: func(o *cli.CompareOptions) { o.Variants[1] = "nvfp5" },
		"--seeds 0":                              func(o *cli.CompareOptions) { o.Seeds = 0 },
		"is empty or used before":                func(o *cli.CompareOptions) { o.Variants[1] = "bf16" },
		"method tokenizer.vocab=401 changes":     func(o *cli.CompareOptions) { o.Variants[1] = "tokenizer.vocab=401" },
	} {
		o := compareOptions(t.TempDir(), "bf16", "f32")
		change(&o)
		_, err := Compare(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

// TestCompareLate: the end of a run has other forward products where it is asked for.
func TestCompareLate(t *testing.T) {
	o := compareOptions(t.TempDir(), "precision.forward_high_after=0", "precision.forward_high_after=0.5")
	o.Set, o.Seeds = append(o.Set, "precision.recipe=fp8_tensor", "precision.keep_last_blocks=0", "precision.keep_first_blocks=0"), 1
	got, err := Compare(t.Context(), o)
	require.NoError(t, err)
	r := got.(CompareResult)
	require.NotEqual(t, r.Rows[0].Loss, r.Rows[1].Loss)
}

// TestNativeIsRefused: a format that the backend does not multiply in is an error
// before any training, which names it.
func TestNativeIsRefused(t *testing.T) {
	o := compareOptions(t.TempDir(), "f32", "fp8_tensor")
	o.Set = append(o.Set, "precision.mode=native", "precision.keep_last_blocks=0")
	_, err := Compare(t.Context(), o)
	var missing *quant.NotNativeError
	require.ErrorAs(t, err, &missing)
	require.Contains(t, err.Error(), "e4m3: ")
}
