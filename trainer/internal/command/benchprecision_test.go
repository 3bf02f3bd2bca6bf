package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: the peer's speed over ours fails TestBenchPrecisionPeer.

func TestBenchPrecision(t *testing.T) {
	c, out, _ := common("")
	got, err := BenchPrecision(t.Context(), cli.BenchPrecisionOptions{Common: c, Values: 1024, Rounds: 3, Passes: 2})
	require.NoError(t, err)
	rows := got.(BenchPrecisionResult).Rows
	require.Len(t, rows, 2*len(bench.Formats()))
	for _, row := range rows {
		require.Len(t, row.Rounds, 3)
		require.Positive(t, row.Low)
		require.GreaterOrEqual(t, row.Speed, row.Low)
		require.GreaterOrEqual(t, row.High, row.Speed)
		require.Contains(t, []string{"avx2", "portable"}, row.Path)
		require.Zero(t, row.Ratio)
	}
	require.Equal(t, "e4m3 encode", rows[0].Format+" "+rows[0].Direction)
	require.Equal(t, "portable", rows[1].Path, "a table")
	require.Contains(t, out.String(), "mxfp8_e4m3")
}

// TestBenchPrecisionPeer: a peer that takes a second for 4 GB.
func TestBenchPrecisionPeer(t *testing.T) {
	peer := filepath.Join(t.TempDir(), "peer")
	require.NoError(t, os.WriteFile(peer, []byte("#!/bin/sh\n[ \"$1 $2 $3\" = '1024 2 bf16 encode,bf16 decode' ] || exit 3\necho ready\nwhile read -r _; do echo '{\"bf16 encode\": 1000, \"bf16 decode\": 2000}'; done\n"), 0o755))
	c, _, _ := common("")
	o := cli.BenchPrecisionOptions{Common: c, Formats: []string{"bf16"}, Values: 1024, Rounds: 3, Passes: 2, Peer: peer}
	got, err := BenchPrecision(t.Context(), o)
	require.NoError(t, err)
	rows := got.(BenchPrecisionResult).Rows
	require.Len(t, rows, 2)
	require.InEpsilon(t, 4.096e-9, rows[0].Peer, 1e-9)
	require.Len(t, rows[1].PeerRounds, 3)
	require.Greater(t, rows[1].Ratio, 1e4)
	o.Rounds = 2
	o.Formats = []string{"f16"}
	_, err = BenchPrecision(t.Context(), o)
	require.ErrorContains(t, err, "does not say that it is ready")
}

func TestBenchPrecisionRefuses(t *testing.T) {
	for want, spoil := range map[string]func(o *cli.BenchPrecisionOptions){
		"--rounds 0":                      func(o *cli.BenchPrecisionOptions) { o.Rounds = 0 },
		"1000 values, want a multiple":    func(o *cli.BenchPrecisionOptions) { o.Values = 1000 },
		`no format "fp8": there are e4m3`: func(o *cli.BenchPrecisionOptions) { o.Formats = []string{"fp8"} },
		"peer gone: ":                     func(o *cli.BenchPrecisionOptions) { o.Peer = "gone" },
	} {
		c, _, _ := common("")
		o := cli.BenchPrecisionOptions{Common: c, Values: 256, Rounds: 1, Passes: 1}
		spoil(&o)
		_, err := BenchPrecision(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

// TestReadmeHoldsTheSpeeds: the table of precision's README is of the results.
func TestReadmeHoldsTheSpeeds(t *testing.T) {
	text, err := os.ReadFile("../../../docs/results/precision-codecs.json")
	require.NoError(t, err)
	var results struct {
		Runs map[string]BenchPrecisionResult `json:"runs"`
	}
	require.NoError(t, json.Unmarshal(text, &results))
	readme, err := os.ReadFile("../../../precision/README.md")
	require.NoError(t, err)
	require.Len(t, results.Runs["avx2"].Rows, 18, "both directions of all but the types of GGUF files")
	for i, a := range results.Runs["avx2"].Rows {
		p := results.Runs["portable"].Rows[i]
		require.Equal(t, a.Format+a.Direction, p.Format+p.Direction)
		for _, row := range []BenchPrecisionOf{a, p} {
			require.Equal(t, bench.Median(row.Rounds), row.Speed)
			require.InEpsilon(t, bench.Ratio(row.Rounds, row.PeerRounds), row.Ratio, 1e-3)
		}
		require.Contains(t, string(readme), fmt.Sprintf("| %s %s | %.2f | %.1f | %.2f | %.1f |\n", a.Format, a.Direction, a.Speed, a.Ratio, p.Speed, p.Ratio))
	}
}

// TestReadmeHoldsTheSpeedsOfGGUF: the same for the types of GGUF files.
func TestReadmeHoldsTheSpeedsOfGGUF(t *testing.T) {
	text, err := os.ReadFile("../../../docs/results/gguf-codecs.json")
	require.NoError(t, err)
	var results struct {
		Runs map[string]BenchPrecisionResult `json:"runs"`
	}
	require.NoError(t, json.Unmarshal(text, &results))
	readme, err := os.ReadFile("../../../precision/README.md")
	require.NoError(t, err)
	require.Len(t, results.Runs["portable"].Rows, 6)
	for _, row := range results.Runs["portable"].Rows {
		require.Equal(t, bench.Median(row.Rounds), row.Speed)
		require.InEpsilon(t, bench.Ratio(row.Rounds, row.PeerRounds), row.Ratio, 1e-3)
		require.Contains(t, string(readme), fmt.Sprintf("| %s %s | %.2f | %.1f |\n", row.Format, row.Direction, row.Speed, row.Ratio))
	}
}
