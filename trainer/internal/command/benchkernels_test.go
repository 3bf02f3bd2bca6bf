package command

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/ternary/kernel"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: leaving the batch out of the operations of a product makes
// TestBenchKernels fail; dividing the peer's speed by ours makes
// TestBenchKernelsPeer fail.

func benchKernelsOptions() (cli.BenchKernelsOptions, *bytes.Buffer) {
	c, out, _ := common("")
	return cli.BenchKernelsOptions{Common: c, Shapes: []string{"8x256", "4x512"}, Batch: []int{1, 3}, Threads: []int{1, 2}, Model: "2,16,32", Rounds: 2}, out
}

func TestBenchKernels(t *testing.T) {
	o, out := benchKernelsOptions()
	got, err := BenchKernels(t.Context(), o)
	require.NoError(t, err)
	r := got.(BenchKernelsResult)
	require.Equal(t, kernel.Path(), r.Path)
	require.Len(t, r.Products, 8)
	for _, p := range r.Products {
		require.Len(t, p.Rounds, 2)
		require.Positive(t, p.Low)
		require.GreaterOrEqual(t, p.Microseconds, p.Low)
		require.GreaterOrEqual(t, p.High, p.Microseconds)
		require.InEpsilon(t, 2*8*256*float64(p.Batch), 1e3*p.GOPS*p.Microseconds, 1e-9)
	}
	last := r.Products[7]
	require.Equal(t, []int{4, 512, 3, 2}, []int{last.Outputs, last.Inputs, last.Batch, last.Threads})
	require.EqualValues(t, 2*(4*16*16+3*16*32), r.Model.Weights)
	var names []string
	for _, s := range r.Model.Rows {
		names = append(names, s.Name)
		require.Len(t, s.Rounds, 2)
		require.Positive(t, s.Low)
		require.Zero(t, s.Peer)
	}
	require.Equal(t, []string{"prompt 1", "decode 1", "prompt 2", "decode 2"}, names)
	require.Contains(t, out.String(), "4x512")
	require.Contains(t, out.String(), "decode 2")
}

func TestBenchKernelsPeer(t *testing.T) {
	program := filepath.Join(t.TempDir(), "peer")
	write := func(answer string) {
		require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1 $2\" = 'm.gguf 1,2' ] || exit 3\necho ready\nwhile read -r _; do echo '"+answer+"'; done\n"), 0o755))
	}
	write(`{"prompt 1": 1, "decode 1": 2, "prompt 2": 3, "decode 2": 1e9}`)
	o, out := benchKernelsOptions()
	o.Shapes, o.Peer, o.PeerModel = nil, program, "m.gguf"
	got, err := BenchKernels(t.Context(), o)
	require.NoError(t, err)
	r := got.(BenchKernelsResult)
	require.Empty(t, r.Products)
	require.Equal(t, []float64{2, 2}, r.Model.Rows[1].PeerRounds)
	require.InEpsilon(t, (r.Model.Rows[1].Rounds[0]+r.Model.Rows[1].Rounds[1])/4, r.Model.Rows[1].Ratio, 1e-9)
	require.Less(t, r.Model.Rows[3].Ratio, 1.0)
	require.Contains(t, out.String(), "ratio")

	write(`{"prompt 1": 1, "prompt 2": 3}`)
	_, err = BenchKernels(t.Context(), o)
	require.ErrorContains(t, err, `0 answers of "decode 1", want 2`)
	o.PeerModel = "other"
	_, err = BenchKernels(t.Context(), o)
	require.ErrorContains(t, err, "does not say that it is ready")
}

func TestBenchKernelsRefuses(t *testing.T) {
	for want, spoil := range map[string]func(o *cli.BenchKernelsOptions){
		`--shapes: "8"`:         func(o *cli.BenchKernelsOptions) { o.Shapes = []string{"8"} },
		`--shapes: "8x0"`:       func(o *cli.BenchKernelsOptions) { o.Shapes = []string{"8x0"} },
		`--model: "2,16"`:       func(o *cli.BenchKernelsOptions) { o.Model = "2,16" },
		"--rounds 0":            func(o *cli.BenchKernelsOptions) { o.Rounds = 0 },
		"--threads [0]":         func(o *cli.BenchKernelsOptions) { o.Threads = []int{0} },
		"--batch [2 0]":         func(o *cli.BenchKernelsOptions) { o.Batch = []int{2, 0} },
		"runs beside --model":   func(o *cli.BenchKernelsOptions) { o.Model, o.Peer = "", "p" },
		"peer gone: ":           func(o *cli.BenchKernelsOptions) { o.Peer = "gone" },
		"a pool of 5000 thread": func(o *cli.BenchKernelsOptions) { o.Threads = []int{5000} },
	} {
		o, _ := benchKernelsOptions()
		spoil(&o)
		_, err := BenchKernels(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}
