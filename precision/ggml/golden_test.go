package ggml

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/golden"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Mutation: rounding halves to even instead of away from zero fails the ternary
// ramp, and taking the larger magnitude on ties MXFP4_grid.

// TestGoldenGgufquant covers the types of this package and of minifloat. Q4_0 and
// Q4_1 have no codec here: their cases are skipped and not counted.
func TestGoldenGgufquant(t *testing.T) {
	family, n := golden.Load(t, "ggufquant", "../testdata/golden"), 0
	family.Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("type", "ggml_type", "block", "bytes_per_block")
		name := c.Text("type")
		switch name {
		case "Q4_0", "Q4_1":
			t.Skipf("%s has no codec in this module", name)
		case "F16", "BF16":
			goldenWide(t, c, name)
		default:
			goldenBlocks(t, c, name)
		}
		n++
	})
	t.Logf("golden ggufquant: %d cases with a codec", n)
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

func goldenWide(t *testing.T, c *golden.Case, name string) {
	w := map[string]minifloat.Wide{"F16": minifloat.F16, "BF16": minifloat.BF16}[name]
	x, raw := c.F32("x"), rawBytes(c)
	codes, values, got := make([]uint16, len(x)), make([]float32, len(x)), []byte(nil)
	require.NoError(t, w.EncodeSlice(codes, x, minifloat.Propagate))
	for _, code := range codes {
		got = binary.LittleEndian.AppendUint16(got, code)
	}
	require.Equal(t, raw, got)
	require.NoError(t, w.DecodeSlice(values, codes))
	c.Check("dequant", golden.Widen(values))
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
