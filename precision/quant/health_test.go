package quant

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/policy"
)

// Mutation: measuring the tensor in front of its transform, or the share of all values
// instead of those other than 0, makes TestHealth fail.

// observed are the measures of a linear and its gradients by operand: error, cosine,
// underflow, clipped, bias.
func observed(t *testing.T, r policy.Recipe, x, w, dy matrix) map[string][5]float64 {
	var names []string
	tensor := func(m matrix) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(m.v, m.rows, m.cols) }
	out := MustExecOnceN(backend, func(x, w, dy *Node) []*Node {
		var measures []*Node
		o := &Operands{Key: Const(x.Graph(), uint32(7)), Observe: func(h Health) {
			require.Equal(t, "path", h.Path)
			names = append(names, h.Operand)
			measures = append(measures, h.Error, h.Cosine, h.Underflow, h.Clipped, h.Bias)
		}}
		y := o.Linear("path", r, x, w)
		return append(Gradient(ReduceAllSum(Mul(y, dy)), x, w), measures...)
	}, tensor(x), tensor(w), tensor(dy))
	found := map[string][5]float64{}
	for i, name := range names {
		var m [5]float64
		for j := range m {
			m[j] = float64(tensors.ToScalar[float32](out[2+5*i+j]))
		}
		found[name] = m
	}
	return found
}

// measured are the same measures of values and what became of them, in float64, but
// for the clipped share, which is given.
func measured(x, y []float32, clipped float64) [5]float64 {
	var xx, yy, xy, ee, sum, nonzero, lost float64
	for i, v := range x {
		a, b := float64(v), float64(y[i])
		xx, yy, xy, ee, sum = xx+a*a, yy+b*b, xy+a*b, ee+(b-a)*(b-a), sum+b-a
		if a != 0 {
			nonzero++
			if b == 0 {
				lost++
			}
		}
	}
	n := float64(len(x))
	deviation := math.Sqrt(ee/n - sum/n*sum/n)
	return [5]float64{math.Sqrt(ee / xx), xy / math.Sqrt(xx*yy), lost / nonzero, clipped, sum / n / deviation * math.Sqrt(n)}
}

func TestHealth(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	x, w, dy := sample(rng, 32, 64), sample(rng, 64, 96), sample(rng, 32, 96)
	x.v[3], x.v[4], x.v[5] = 0, 1e-6, 1e-6
	r := recipe("mxfp4", "nvfp4:16x16", "e4m3:row", "same", "mxfp4:1x32:rht32", "bf16:rht32")
	got := observed(t, r, x, w, dy)
	require.Len(t, got, 5) // the weight of dgrad is what fprop has

	l := reference{r, "path", 7}
	check := func(name string, q policy.Quantizer, m matrix, clipped float64) {
		y, _ := l.quantise(name, q, m)
		before := matrix{m.rows, m.cols, append([]float32{}, m.v...)}
		if q.Hadamard != 0 {
			transform(before.v, l.signs(name, q), q.Hadamard, false)
		}
		want := measured(before.v, y.v, clipped)
		if clipped < 0 {
			require.Positive(t, got[name][3], name)
			require.Less(t, got[name][3], 0.05, name)
			want[3] = got[name][3]
		}
		for i := range want {
			require.InDelta(t, want[i], got[name][i], 1e-4*(1+math.Abs(want[i])), "%s, measure %d", name, i)
		}
	}
	over := 0.0
	for start := 0; start < len(x.v); start += 32 { // the floor rule: 6 to 8 times the scale
		amax := 0.0
		for _, v := range x.v[start : start+32] {
			amax = math.Max(amax, math.Abs(float64(v)))
		}
		scale := math.Exp2(math.Floor(math.Log2(amax)) - 2)
		for _, v := range x.v[start : start+32] {
			if math.Abs(float64(v)) > 6*scale {
				over++
			}
		}
	}
	require.Positive(t, over)
	check("fprop.x", r.Fprop.X, x, over/float64(len(x.v)))
	check("fprop.w", r.Fprop.W, w.t(), -1)
	check("dgrad.dy", r.Dgrad.DY, dy, 0)
	check("wgrad.dy", r.Wgrad.DY, dy.t(), -1)
	check("wgrad.x", r.Wgrad.X, x.t(), 0)
}

// TestHealthOfChance: stochastic rounding has no bias, and Quartet's mask is counted.
func TestHealthOfChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	m := newMatrix(128, 128)
	for i := range m.v {
		m.v[i] = float32(rng.NormFloat64())
	}
	got := observed(t, policy.MustBuiltin("mxfp4_quartet"), m, m, m)
	require.Less(t, math.Abs(got["dgrad.dy"][4]), 4.0)
	require.Less(t, math.Abs(got["wgrad.x"][4]), 4.0)
	require.Zero(t, got["dgrad.dy"][3]) // 3/4 of the values
	require.Positive(t, got["fprop.x"][3])
	// Behind 4.3's bands: an element of MXFP4 is off by 0.11 of a normal number's size.
	got = observed(t, policy.MustBuiltin("mxfp4_nearest"), m, m, m)
	require.InEpsilon(t, 0.115, got["fprop.x"][0], 0.15)
	got = observed(t, policy.MustBuiltin("nvfp4"), m, m, m)
	require.InEpsilon(t, 0.095, got["fprop.x"][0], 0.15)
}

// TestHealthSpread: blocks are counted where their largest value is, those of zeros
// and those of a whole tensor are not. Mutation: counting blocks of zeros, or from the
// largest exponent of the format instead of the tensor's, makes it fail.
func TestHealthSpread(t *testing.T) {
	x := newMatrix(32, 64) // 4 × 16 blocks of NVFP4, 2 × 32 of MXFP4
	for row := range 32 {
		for block := range 4 {
			k := (row + block) % 3 // factors of two below the largest
			if block == 3 {
				k = 25 // below every place
			}
			if row < 8 && block == 0 {
				continue // a block of zeros
			}
			x.v[row*64+block*16+row%16] = float32(1.5 * math.Exp2(float64(5-k)))
			x.v[row*64+block*16+(row+1)%16] = float32(-0.9 * math.Exp2(float64(5-k)))
		}
	}
	spreads := func(q string) []float64 {
		r := policy.Recipe{Fprop: policy.Fprop{X: must(policy.Parse(q))}}
		out := MustExecOnceN(backend, func(x *Node) []*Node {
			var found []*Node
			o := &Operands{Observe: func(h Health) {
				if h.Spread != nil {
					found = append(found, h.Spread)
				}
			}}
			return append([]*Node{o.Linear("path", r, x, Transpose(x, 0, 1))}, found...)
		}, tensors.FromFlatDataAndDimensions(x.v, 32, 64))
		if len(out) == 1 {
			return nil
		}
		var v []float64
		for _, s := range tensors.MustCopyFlatData[float32](out[1]) {
			v = append(v, float64(s))
		}
		return v
	}
	want := func(rows, cols int) []float64 {
		h, n := make([]float64, SpreadBins), 0.0
		for i := 0; i < 32; i += rows {
			for j := 0; j < 64; j += cols {
				amax := 0.0
				for r := i; r < i+rows; r++ {
					for c := j; c < j+cols; c++ {
						amax = math.Max(amax, math.Abs(float64(x.v[r*64+c])))
					}
				}
				if amax > 0 {
					h[min(5-int(math.Floor(math.Log2(amax))), SpreadBins-1)]++
					n++
				}
			}
		}
		for i := range h {
			h[i] /= n
		}
		return h
	}
	require.Greater(t, want(1, 16)[SpreadBins-1], 0.2)
	for q, block := range map[string][2]int{"nvfp4:1x16": {1, 16}, "nvfp4:16x16": {16, 16}, "mxfp4": {1, 32}, "e4m3:row": {1, 64}, "int8:row": {1, 64}, "e2m1:8x8": {8, 8}} {
		require.InDeltaSlice(t, want(block[0], block[1]), spreads(q), 1e-6, q)
	}
	for _, q := range []string{"bf16", "e4m3:tensor"} {
		require.Nil(t, spreads(q), q)
	}
}
