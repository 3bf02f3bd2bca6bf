package command

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: dividing the first optimizer's time by the others' turns the peer's
// ratio in TestBenchOptimPeer into the inverse.

func benchOptimOptions() (cli.BenchOptimOptions, *bytes.Buffer) {
	c, out, _ := common("")
	return cli.BenchOptimOptions{Common: c, Matrices: "1x24x8,2x8x16", Optimizers: []string{"adamw", "muon8", "galore2"}, Rank: 4, Every: 100,
		Rounds: 3, Updates: 2, Backend: backendName()}, out
}

func TestBenchOptim(t *testing.T) {
	o, out := benchOptimOptions()
	got, err := BenchOptim(t.Context(), o)
	require.NoError(t, err)
	r := got.(BenchOptimResult)
	require.Equal(t, 24*8+2*8*16, r.Parameters)
	require.Len(t, r.Rows, 3)
	for _, row := range r.Rows {
		require.Len(t, row.Rounds, 3)
		require.Positive(t, row.Low)
		require.GreaterOrEqual(t, row.Seconds, row.Low)
		require.GreaterOrEqual(t, row.High, row.Seconds)
	}
	require.Equal(t, 1.0, r.Rows[0].Ratio)
	require.Equal(t, "galore", r.Rows[2].Name, "an alias")
	require.Greater(t, r.Rows[0].StateBytes, int64(8*r.Parameters))
	require.Less(t, r.Rows[2].StateBytes, r.Rows[0].StateBytes, "rank 4 of 8")
	require.Contains(t, out.String(), "muon8")
}

// TestBenchOptimPeer: the peer's own times are what is reported of it.
func TestBenchOptimPeer(t *testing.T) {
	peer := filepath.Join(t.TempDir(), "peer")
	require.NoError(t, os.WriteFile(peer, []byte("#!/bin/sh\n[ \"$1 $2 $3\" = '1x24x8,2x8x16 2 a,b' ] || exit 3\necho ready\nwhile read -r _; do echo '{\"a\": 1000, \"b\": 3000}'; done\n"), 0o755))
	o, _ := benchOptimOptions()
	o.Optimizers, o.Peer, o.PeerNames = []string{"adamw"}, peer, []string{"a", "b"}
	got, err := BenchOptim(t.Context(), o)
	require.NoError(t, err)
	rows := got.(BenchOptimResult).Rows
	require.Len(t, rows, 3)
	require.Equal(t, []float64{1000, 1000, 1000}, rows[1].Rounds)
	require.Equal(t, 3000.0, rows[2].Seconds)
	require.Greater(t, rows[1].Ratio, 100.0, "1000 s against an update of a few milliseconds")
	require.InEpsilon(t, 3, rows[2].Ratio/rows[1].Ratio, 1e-9)

	o.PeerNames = []string{"a", "c"}
	_, err = BenchOptim(t.Context(), o)
	require.ErrorContains(t, err, "does not say that it is ready")
	require.NoError(t, os.WriteFile(peer, []byte("#!/bin/sh\necho ready\nwhile read -r _; do echo '{\"a\": 1000}'; done\n"), 0o755))
	_, err = BenchOptim(t.Context(), o)
	require.ErrorContains(t, err, `0 answers of "c", want 3`)
}

func TestBenchOptimRefuses(t *testing.T) {
	for want, spoil := range map[string]func(o *cli.BenchOptimOptions){
		`matrices "2x8"`:                 func(o *cli.BenchOptimOptions) { o.Matrices = "1x24x8,2x8" },
		`matrices "0x8x8"`:               func(o *cli.BenchOptimOptions) { o.Matrices = "0x8x8" },
		"--rounds 0":                     func(o *cli.BenchOptimOptions) { o.Rounds = 0 },
		`no optimizer "adam": there are`: func(o *cli.BenchOptimOptions) { o.Optimizers = []string{"adam"} },
		"peer gone: ":                    func(o *cli.BenchOptimOptions) { o.Peer = "gone" },
	} {
		o, _ := benchOptimOptions()
		spoil(&o)
		_, err := BenchOptim(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}
