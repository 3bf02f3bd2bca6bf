package command

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: leaving the rows of a batch out of the tokens, or dividing the peer's speed by
// ours, makes these tests fail.

func benchDecodeOptions() (cli.BenchDecodeOptions, *bytes.Buffer) {
	c, out, _ := common("")
	return cli.BenchDecodeOptions{Common: c, Weights: []string{"f32", "bf16", "ternary"}, Batch: []int{1, 3}, Threads: []int{1, 2},
		Model: "2,16,2,32,20", Tokens: 3, Rounds: 2}, out
}

func TestBenchDecode(t *testing.T) {
	o, out := benchDecodeOptions()
	program := filepath.Join(t.TempDir(), "peer")
	write := func(answer string) {
		require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1 $2\" = 'm.gguf 1,2' ] || exit 3\necho ready\nwhile read -r _; do echo '"+answer+"'; done\n"), 0o755))
	}
	write(`{"decode 1": 4, "decode 2": 1e9}`)
	o.Peer, o.PeerModel = program, "m.gguf"
	got, err := BenchDecode(t.Context(), o)
	require.NoError(t, err)
	r := got.(BenchDecodeResult)
	require.EqualValues(t, 20*16+16+2*(4*16*16+3*16*32+2*16), r.Parameters)
	require.Len(t, r.Rows, 12)
	first, batch := r.Rows[0], r.Rows[1]
	require.Equal(t, []any{"f32", 1, 1}, []any{first.Weights, first.Batch, first.Threads})
	require.Len(t, first.Rounds, 2)
	require.InEpsilon(t, (first.Rounds[0]+first.Rounds[1])/8, first.ToPeer, 1e-9)
	require.Less(t, r.Rows[2].ToPeer, 1.0)
	require.Zero(t, first.ToFirst)
	require.Zero(t, first.ToOneRow)
	require.Equal(t, []any{"f32", 3, 1}, []any{batch.Weights, batch.Batch, batch.Threads})
	require.Zero(t, batch.ToPeer)
	require.InEpsilon(t, (batch.Rounds[0]/first.Rounds[0]+batch.Rounds[1]/first.Rounds[1])/2, batch.ToOneRow, 1e-9)
	last := r.Rows[11]
	require.Equal(t, []any{"ternary", 3, 2}, []any{last.Weights, last.Batch, last.Threads})
	require.InEpsilon(t, (last.Rounds[0]/r.Rows[3].Rounds[0]+last.Rounds[1]/r.Rows[3].Rounds[1])/2, last.ToFirst, 1e-9)
	require.Less(t, r.Rows[4].WeightBytes, first.WeightBytes)
	require.Contains(t, out.String(), "to peer")

	write(`{"decode 1": 4}`)
	_, err = BenchDecode(t.Context(), o)
	require.ErrorContains(t, err, `0 answers of "decode 2", want 2`)
}

// TestDecodedTokens: a round is the tokens of all rows.
func TestDecodedTokens(t *testing.T) {
	o, _ := benchDecodeOptions()
	o.Batch, o.Threads, o.Weights = []int{1, 16}, []int{1}, []string{"f32"}
	got, err := BenchDecode(t.Context(), o)
	require.NoError(t, err)
	require.Greater(t, got.(BenchDecodeResult).Rows[1].ToOneRow, 1.0) // steps of sixteen rows take less than sixteen steps
}

func TestBenchDecodeRefuses(t *testing.T) {
	for want, spoil := range map[string]func(o *cli.BenchDecodeOptions){
		`--model: "2,16"`:  func(o *cli.BenchDecodeOptions) { o.Model = "2,16" },
		"--rounds 0":       func(o *cli.BenchDecodeOptions) { o.Rounds = 0 },
		"--tokens 0":       func(o *cli.BenchDecodeOptions) { o.Tokens = 0 },
		"--threads [0]":    func(o *cli.BenchDecodeOptions) { o.Threads = []int{0} },
		"--batch []":       func(o *cli.BenchDecodeOptions) { o.Batch = nil },
		"--weights is":     func(o *cli.BenchDecodeOptions) { o.Weights = nil },
		`no weights "f16"`: func(o *cli.BenchDecodeOptions) { o.Weights = []string{"f16"} },
		"head dimension 7": func(o *cli.BenchDecodeOptions) { o.Model = "2,15,2,32,20" },
		"peer gone: ":      func(o *cli.BenchDecodeOptions) { o.Peer = "gone" },
	} {
		o, _ := benchDecodeOptions()
		spoil(&o)
		_, err := BenchDecode(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}
