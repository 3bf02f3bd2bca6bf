package infer

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/golden"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/ternary"
)

// Mutation: weights with codes of another column, or a cost of zero, make these tests fail.

// TestTernaryExact compares ternary products with integer loops.
func TestTernaryExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, out := rapid.IntRange(1, 900).Draw(rt, "in"), rapid.IntRange(1, 70).Draw(rt, "out")
		n := rapid.IntRange(1, 6).Draw(rt, "rows")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		w := make([]float32, out*in)
		for i := range w {
			w[i] = float32(rng.NormFloat64())
		}
		codes, scale := ternary.AbsMean(w)
		p := pack(w, out, in)
		o := newOperand(n, in, true)
		o.resize(n)
		q, scales := make([]int8, n*in), make([]float32, n)
		for i := range n {
			for k := range in {
				o.row(i)[k] = float32(rng.NormFloat64())
			}
			o.done(i)
			scales[i] = ternary.QuantizeActivations(o.row(i), q[i*in:(i+1)*in])
		}
		y := make([]float32, n*out)
		for from := 0; from < out; from += outAlign {
			p.block(o, n, y, from, min(from+outAlign, out))
		}
		for i := range n {
			for j := range out {
				sum := int32(0)
				for k := range in {
					sum += int32(codes[j*in+k]) * int32(q[i*in+k])
				}
				require.Equal(rt, float32(sum)*scales[i]*scale, y[i*out+j], "row %d output %d", i, j)
			}
		}
	})
}

// TestBFloat16: products are those of the rounded weights.
func TestBFloat16(t *testing.T) {
	const in, out, n = 70, 40, 3
	rng := rand.New(rand.NewPCG(1, 2))
	w, rounded := make([]float32, out*in), make([]float32, out*in)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
		rounded[i] = minifloat.BF16.Decode(minifloat.BF16.Encode(w[i]))
	}
	require.NotEqual(t, w, rounded)
	o := newOperand(n, in, false)
	for i := range o.x {
		o.x[i] = float32(rng.NormFloat64())
	}
	product := func(e *Engine, w []float32) []float32 {
		y := make([]float32, n*out)
		e.dense(w, out, in).block(o, n, y, 0, out)
		return y
	}
	require.Equal(t, product(&Engine{}, rounded), product(&Engine{bf16: true}, w))
	require.NotEqual(t, product(&Engine{}, w), product(&Engine{bf16: true}, w))
}

// TestWithBFloat16: an engine with the option is one of the rounded linears, and takes half
// of their memory.
func TestWithBFloat16(t *testing.T) {
	for _, v := range variants {
		c := small(v.change)
		e := newEngine(t, c, 1, WithBFloat16())
		rounded := values(c, 1)
		saved := int64(0)
		for _, p := range c.Params() {
			if p.Linear && p.Name != gateWeight && !strings.HasSuffix(p.Name, "smear_gate.weight") && !strings.HasSuffix(p.Name, "value_gate.weight") {
				saved += 2 * int64(p.Size())
				for i, w := range rounded[p.Name] {
					rounded[p.Name][i] = minifloat.BF16.Decode(minifloat.BF16.Encode(w))
				}
			}
		}
		if c.Tied { // a copy of the embedding for the head
			saved -= 2 * int64(c.VocabSize*c.Dim)
			require.Equal(t, newEngine(t, c, 1).WeightBytes()-saved, e.WeightBytes(), v.name)
			continue
		}
		want, err := New(c, graphSource(c, rounded))
		require.NoError(t, err)
		require.Equal(t, want.WeightBytes()-saved, e.WeightBytes(), v.name)
		logits := func(e *Engine) []float32 {
			out, err := e.NewSession(1).Extend(0, []int32{3, 1, 4, 1, 5})
			require.NoError(t, err)
			return out
		}
		require.Equal(t, logits(want), logits(e), v.name)
		require.NotEqual(t, logits(newEngine(t, c, 1)), logits(e), v.name)
		require.NoError(t, want.Close())
	}
}

// TestProducts: products that are divided together are each whole, whatever their sizes.
func TestProducts(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		p := newPool(threads)
		for _, sizes := range [][]int{{1}, {300, 7, 31}, {32, 4000}, {64, 64, 64}} {
			const in, n = 33, 2
			o := newOperand(n, in, false)
			for i := range o.x {
				o.x[i] = float32(i%5) - 2
			}
			var all []product
			for _, out := range sizes {
				w := make([]float32, out*in)
				for i := range w {
					w[i] = float32(i % 7)
				}
				all = append(all, product{&dense[float32]{w, out, in}, make([]float32, n*out)})
			}
			(&Engine{}).products(p, o, n, all...)
			for _, q := range all {
				want := make([]float32, n*q.w.width())
				q.w.block(o, n, want, 0, q.w.width())
				require.Equal(t, want, q.y)
			}
		}
		p.close()
	}
}

func TestGoldenBitnet(t *testing.T) {
	golden.Load(t, "bitnet", "testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("gamma", "w", "s", "x", "packing", "note")
		if !c.Has("y") { // codes only, of vectors
			o := newOperand(1, len(c.F64("x")), true)
			o.resize(1)
			copy(o.x, c.F32("x"))
			o.done(0)
			codes, _ := o.codes.Row(0)
			got := make([]float64, len(codes))
			for i, q := range codes {
				got[i] = float64(q)
			}
			c.Check("x_q", got)
			w := c.F32("w")
			_, scale := ternary.AbsMean(w)
			// Rows with one value find the codes one by one.
			n := len(w)
			p, one, y := pack(w, 1, n), newOperand(n, n, true), make([]float32, n)
			one.resize(n)
			for k := range n {
				one.row(k)[k] = 127
				one.done(k)
			}
			p.block(one, n, y, 0, 1)
			for k, want := range c.F64("w_q") {
				require.Equal(t, float32(127*want)*scale, y[k])
			}
			return
		}
		ws, xs := c.Shape("w"), c.Shape("x")
		out, in := ws[0], ws[1]
		p := pack(c.F32("w"), out, in)
		rows := len(c.F64("x")) / xs[len(xs)-1]
		o := newOperand(rows, in, true)
		o.resize(rows)
		copy(o.x, c.F32("x"))
		for i := range rows {
			o.done(i)
		}
		y := make([]float32, rows*out)
		p.block(o, rows, y, 0, out)
		c.Check("y", golden.Widen(y))
	})
}
