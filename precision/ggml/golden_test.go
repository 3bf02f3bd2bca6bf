package ggml

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/golden"
)

// Mutation: rounding halves to even instead of away from zero fails the ternary
// ramp, and taking the larger magnitude on ties MXFP4_grid.

// TestGoldenGgufquant covers every case.
func TestGoldenGgufquant(t *testing.T) {
	family, n := golden.Load(t, "ggufquant", "../testdata/golden"), 0
	family.Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("type", "ggml_type", "block", "bytes_per_block")
		goldenBlocks(t, c, c.Text("type"))
		n++
	})
	t.Logf("golden ggufquant: %d cases", n)
}

func rawBytes(c *golden.Case) (raw []byte) {
	for _, b := range c.I32("raw") {
		raw = append(raw, byte(b))
	}
	return raw
}

func goldenBlocks(t *testing.T, c *golden.Case, name string) {
	kind, err := Parse(name)
	require.NoError(t, err)
	require.Equal(t, c.Number("ggml_type", float64(kind)), float64(kind))
	require.Equal(t, c.Number("block", float64(kind.Block())), float64(kind.Block()))
	require.Equal(t, c.Number("bytes_per_block", float64(kind.Bytes(kind.Block()))), float64(kind.Bytes(kind.Block())))
	raw := rawBytes(c)
	values := make([]float32, len(c.F32("dequant")))
	require.NoError(t, kind.Decode(values, raw))
	c.Check("dequant", golden.Widen(values))
	if !c.Has("x") {
		return // for the decoder alone
	}
	got := make([]byte, kind.Bytes(len(values)))
	require.NoError(t, kind.Encode(got, c.F32("x")))
	if strings.HasSuffix(c.Name, "_denormal") { // codes are arbitrary: 1/d overflows
		require.NoError(t, kind.Decode(values, got))
		c.Check("dequant", golden.Widen(values))
		return
	}
	require.Equal(t, raw, got)
}

// TestGoldenGgmlfp4: vectors of the gguf package for the four-bit types.
func TestGoldenGgmlfp4(t *testing.T) {
	golden.Load(t, "ggmlfp4", "../testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("type")
		if c.Text("type") != "UE4M3" {
			goldenBlocks(t, c, c.Text("type"))
			return
		}
		codes, want := rawBytes(c), c.F32("dequant")
		for i, x := range c.F32("x") {
			require.Equal(t, codes[i], encodeUE4M3(x), "%v", x)
			require.Equal(t, want[i], decodeUE4M3(codes[i]), "%#x", codes[i])
		}
	})
}

// TestGoldenGgmlk: blocks of the six-bit scales, decoded.
func TestGoldenGgmlk(t *testing.T) {
	golden.Load(t, "ggmlk", "../testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("type")
		goldenBlocks(t, c, c.Text("type"))
	})
}
