package infer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/golden"
	"github.com/nanochat-go/nanochat/precision/ternary"
)

// Mutation: maxLane = 260, or codeOf without the offset, makes these tests fail.

// TestTernaryExact compares the packed kernels with integer loops, with codes
// at the ends of their range and more columns than a lane holds.
func TestTernaryExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, out := rapid.IntRange(1, 900).Draw(rt, "in"), rapid.IntRange(1, 40).Draw(rt, "out")
		n := rapid.IntRange(1, 6).Draw(rt, "rows")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		extreme := rapid.Bool().Draw(rt, "extreme")
		w := make([]float32, out*in)
		for i := range w {
			w[i] = float32(rng.NormFloat64())
			if extreme {
				w[i] = 1
			}
		}
		codes, scale := ternary.AbsMean(w)
		p := pack(w, out, in)
		require.Equal(rt, scale, p.scale)
		o := newOperand(n, in, true)
		for i := range o.codes {
			o.codes[i] = int8(rng.IntN(256) - 128)
			if extreme {
				o.codes[i] = -128
			}
		}
		for i := range o.scale {
			o.scale[i] = rng.Float32()
		}
		y := make([]float32, n*out)
		for from := 0; from < out; from += outAlign {
			p.block(o, n, y, from, min(from+outAlign, out))
		}
		for i := range n {
			for j := range out {
				sum := int32(0)
				for k := range in {
					sum += int32(codes[j*in+k]) * int32(o.codes[i*in+k])
				}
				require.Equal(rt, float32(sum)*o.scale[i]*scale, y[i*out+j], "row %d output %d", i, j)
			}
		}
	})
}

// TestDense holds dot products within the bound of their summation: four
// lanes of k/4 terms, each addition off by half a unit of the sum's size.
func TestDense(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, out := rapid.IntRange(1, 300).Draw(rt, "in"), rapid.IntRange(1, 20).Draw(rt, "out")
		n := rapid.IntRange(1, 5).Draw(rt, "rows")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		d := &dense{w: make([]float32, out*in), out: out, in: in}
		o := newOperand(n, in, false)
		for i := range d.w {
			d.w[i] = float32(rng.NormFloat64())
		}
		for i := range o.x {
			o.x[i] = float32(rng.NormFloat64())
		}
		y := make([]float32, n*out)
		for from := 0; from < out; from += outAlign {
			d.block(o, n, y, from, min(from+outAlign, out))
		}
		for i := range n {
			for j := range out {
				sum, size := 0.0, 0.0
				for k := range in {
					term := float64(d.w[j*in+k]) * float64(o.x[i*in+k])
					sum, size = sum+term, size+math.Abs(term)
				}
				require.InDelta(rt, sum, float64(y[i*out+j]), size*0x1p-24*float64(in/4+6))
			}
		}
	})
}

func TestGoldenBitnet(t *testing.T) {
	golden.Load(t, "bitnet", "testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("gamma", "w", "s", "x", "packing", "note")
		if !c.Has("y") { // codes only, of vectors
			o := newOperand(1, len(c.F64("x")), true)
			copy(o.x, c.F32("x"))
			o.done(0)
			got := make([]float64, len(o.codes))
			for i, q := range o.codes {
				got[i] = float64(q)
			}
			c.Check("x_q", got)
			w := c.F32("w")
			p := pack(w, 1, len(w))
			for k, want := range c.F64("w_q") {
				require.Equal(t, codeOf(int8(want)), p.w[k]&3)
			}
			return
		}
		ws, xs := c.Shape("w"), c.Shape("x")
		out, in := ws[0], ws[1]
		p := pack(c.F32("w"), out, in)
		rows := len(c.F64("x")) / xs[len(xs)-1]
		o := newOperand(rows, in, true)
		copy(o.x, c.F32("x"))
		for i := range rows {
			o.done(i)
		}
		y := make([]float32, rows*out)
		p.block(o, rows, y, 0, out)
		c.Check("y", golden.Widen(y))
	})
}
