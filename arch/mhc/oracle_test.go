package mhc

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/arch/internal/ref"
)

// Mutation: transposing R in Write, mixing after writing, one iteration more or
// less in ProjectSinkhorn, or 2σ for pre makes these tests fail.

// evaluate runs f on float64 inputs and returns its result.
func evaluate(t require.TestingT, f func(in []*Node) *Node, in ...any) []float64 {
	out, err := CallOnceN(backend, func(in []*Node) []*Node { return []*Node{f(in)} }, in...)
	require.NoError(t, err)
	return tensors.MustCopyFlatData[float64](out[0])
}

func sinkhorn(t require.TestingT, a [][]float64, iterations int) []float64 {
	return evaluate(t, func(in []*Node) *Node { return ProjectSinkhorn(in[0], iterations) }, [][][]float64{a})
}

func birkhoff(t require.TestingT, theta []float64, n int) []float64 {
	return evaluate(t, func(in []*Node) *Node { return CombinePermutations(in[0], n) }, [][]float64{theta})
}

func sigma(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func TestSinkhornByHand(t *testing.T) {
	ln := [][]float64{{0, math.Log(2)}, {math.Log(3), math.Log(4)}}
	for iterations, want := range map[int][]float64{
		1: {.4285714286, .5714285714, .5294117647, .4705882353},
		2: {.4492753623, .5507246377, .5502958580, .4497041420},
	} {
		require.InDeltaSlice(t, want, sinkhorn(t, ln, iterations), 1e-10)
	}
	require.InDelta(t, 2/(2+math.Sqrt(6)), sinkhorn(t, ln, 20)[0], 1e-10)
	require.InDelta(t, .4494897428, sinkhorn(t, ln, 20)[0], 1e-10)
	require.InDelta(t, .7310585786, sinkhorn(t, [][]float64{{1, 0}, {0, 1}}, 1)[0], 1e-10)
	slow := [][]float64{{2, 0}, {0, 0}}
	require.InDeltaSlice(t, []float64{.6378903113, .3621096887, .1925102705, .8074897295}, sinkhorn(t, slow, 1), 1e-10)
	require.InDelta(t, .7272116742, sinkhorn(t, slow, 3)[0], 1e-10)
	require.InDelta(t, sigma(1), sinkhorn(t, slow, 500)[0], 1e-10)
}

// columnSums of a square matrix.
func columnSums(r []float64, n int) []float64 {
	sums := make([]float64, n)
	for k, v := range r {
		sums[k%n] += v
	}
	return sums
}

// TestSinkhornIsSlow: twenty iterations do not reach the limit for triangular
// logits, which the exact form has at once.
func TestSinkhornIsSlow(t *testing.T) {
	for _, v := range []struct{ g, first, limit float64 }{{5, .9239473174, .9241418200}, {10, 0, .9933071491}, {40, 0, sigma(20)}} {
		r := sinkhorn(t, [][]float64{{0, 0}, {-v.g, 0}}, 20)
		exact := birkhoff(t, []float64{0, -v.g / 2}, 2) // the closed form of two streams
		require.InDelta(t, v.limit, exact[0], 1e-10)
		if v.first > 0 {
			require.InDelta(t, v.first, r[0], 1e-10)
			continue
		}
		sums := columnSums(r, 2)
		want := map[float64][]float64{10: {.97681, 1.02319}, 40: {.975610, 1.024390}}[v.g]
		require.InDeltaSlice(t, want, sums, 5e-6)
		require.Greater(t, math.Abs(sums[0]-1), 1e-3)
		require.InDeltaSlice(t, []float64{1, 1}, columnSums(exact, 2), 1e-12)
	}
}

// TestInitialMaps: four streams, 0 for the identity and -8 elsewhere.
func TestInitialMaps(t *testing.T) {
	a := make([][]float64, 4)
	for i := range a {
		a[i] = []float64{-8, -8, -8, -8}
		a[i][i] = 0
	}
	require.InDelta(t, 1/(1+3*math.Exp(-8)), sinkhorn(t, a, 20)[0], 1e-10)
	require.InDelta(t, .9989946239, sinkhorn(t, a, 20)[0], 1e-10)
	v4 := evaluate(t, func(in []*Node) *Node { return ProjectSinkhornV4(in[0], 20) }, [][][]float64{a})
	require.InDelta(t, .9989906, v4[0], 5e-8)
	require.InDelta(t, .999999, columnSums(v4, 4)[0], 5e-7)
	require.InDelta(t, .999999, v4[0]+v4[1]+v4[2]+v4[3], 5e-7)

	theta := make([]float64, 24)
	for k := 1; k < 24; k++ {
		theta[k] = -8
	}
	lite := birkhoff(t, theta, 4)
	require.InDelta(t, .9923434349, 1/(1+23*math.Exp(-8)), 1e-10)
	require.InDelta(t, .9940079055, lite[0], 1e-10)
	require.InDelta(t, .0019973648, lite[1], 1e-10)
	for _, v := range birkhoff(t, make([]float64, 24), 4) {
		require.InDelta(t, .25, v, 1e-12)
	}
	for k, p := range Permutations(4) {
		hot := make([]float64, 24)
		hot[k] = 1e4
		r := birkhoff(t, hot, 4)
		for i, j := range p {
			require.Equal(t, 1.0, r[4*i+j])
		}
	}
}

// TestMixingByHand: one value a stream, and the order of mixing and writing.
func TestMixingByHand(t *testing.T) {
	m := func(in []*Node) Maps { return Maps{Pre: in[1], Post: in[2], Res: in[3]} }
	apply := func(in []*Node) *Node {
		return Apply(in[0], m(in), func(u *Node) *Node { return MulScalar(u, 2) })
	}
	x := [][][]float64{{{1}, {3}}}
	got := evaluate(t, apply, x, [][]float64{{.25, .75}}, [][]float64{{1, .5}}, [][][]float64{{{.9, .1}, {.1, .9}}})
	require.InDeltaSlice(t, []float64{6.2, 5.3}, got, 1e-12) // R·(X + post·y) would give 5.95, 5.55

	turn := [][][]float64{{{.5, .5, 0}, {0, .5, .5}, {.5, 0, .5}}}
	three := [][][]float64{{{1}, {2}, {4}}}
	zero := [][]float64{{0, 0, 0}}
	require.InDeltaSlice(t, []float64{1.5, 3, 2.5}, evaluate(t, apply, three, zero, zero, turn), 1e-12)
}

// TestOneStreamIsPlain: pre, post and R of 1 are h + f(h), bit for bit.
func TestOneStreamIsPlain(t *testing.T) {
	f := func(u *Node) *Node { return Sin(MulScalar(u, 3)) }
	x := [][][]float32{{{0.1, -2, 3.5}}, {{7, 1e-3, -1}}}
	one := [][]float32{{1}, {1}}
	out, err := CallOnceN(backend, func(in []*Node) []*Node {
		return []*Node{Apply(in[0], Maps{Pre: in[1], Post: in[1], Res: InsertAxes(in[1], -1)}, f), Add(in[0], f(in[0]))}
	}, x, one)
	require.NoError(t, err)
	require.Equal(t, out[1].Value(), out[0].Value())
}

// TestDoublyStochastic: properties of exact maps, and of Sinkhorn in its limit.
func TestDoublyStochastic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(t, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		scale := rapid.SampledFrom([]float64{0, 1, 8, 300}).Draw(t, "scale")
		theta := make([]float64, factorial(n))
		for k := range theta {
			theta[k] = scale * rng.NormFloat64()
		}
		r := birkhoff(t, theta, n)
		require.InDeltaSlice(t, flat(ref.Birkhoff(theta, n)), r, 1e-12)
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		var before, after, square, mixed, top float64
		for i := range n {
			y, row := 0.0, 0.0
			for j := range n {
				require.GreaterOrEqual(t, r[i*n+j], 0.0)
				y, row = y+r[i*n+j]*x[j], row+r[i*n+j]
			}
			require.InDelta(t, 1, row, 1e-12)
			before, after, square, mixed, top = before+x[i], after+y, square+x[i]*x[i], mixed+y*y, max(top, math.Abs(y))
		}
		require.InDelta(t, before, after, 1e-10, "the sum of the streams is conserved")
		require.LessOrEqual(t, mixed, square*(1+1e-12))
		largest := 0.0
		for _, v := range x {
			largest = max(largest, math.Abs(v))
		}
		require.LessOrEqual(t, top, largest*(1+1e-12))
	})
}

// TestSinkhornInvariances: shifts of rows and columns do not change the limit,
// permutations permute the result, a shift of everything has no gradient.
func TestSinkhornInvariances(t *testing.T) {
	for seed := range 8 {
		n := 2 + seed%4
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		a, shifted, turned := make([][]float64, n), make([][]float64, n), make([][]float64, n)
		columns := make([]float64, n)
		for j := range columns {
			columns[j] = rng.NormFloat64()
		}
		for i := range a {
			row := rng.NormFloat64()
			for j := range n {
				a[i] = append(a[i], rng.NormFloat64())
				shifted[i] = append(shifted[i], a[i][j]+row+columns[j])
			}
		}
		p, q := rng.Perm(n), rng.Perm(n)
		for i := range n {
			for j := range n {
				turned[i] = append(turned[i], a[p[i]][q[j]])
			}
		}
		r := sinkhorn(t, a, 100)
		require.InDeltaSlice(t, r, sinkhorn(t, shifted, 100), 1e-8)
		few, moved := sinkhorn(t, a, 3), sinkhorn(t, turned, 3)
		for i := range n {
			for j := range n {
				require.InDelta(t, few[p[i]*n+q[j]], moved[i*n+j], 1e-12)
			}
		}
		weights := make([][]float64, n)
		for i := range weights {
			for range n {
				weights[i] = append(weights[i], rng.NormFloat64())
			}
		}
		g := evaluate(t, func(in []*Node) *Node {
			return Gradient(ReduceAllSum(Mul(ProjectSinkhorn(in[0], 20), in[1])), in[0])[0]
		}, [][][]float64{a}, [][][]float64{weights})
		checkSinkhornGradient(t, a, weights, g)
	}
	for _, v := range sinkhorn(t, [][]float64{{3, 3, 3}, {3, 3, 3}, {3, 3, 3}}, 1) {
		require.InDelta(t, 1./3, v, 1e-12)
	}
}

// checkSinkhornGradient compares with central differences of the reference; the sum
// of the gradient is that of a shift of everything.
func checkSinkhornGradient(t *testing.T, a, weights [][]float64, gradient []float64) {
	n, total := len(a), 0.0
	for k, got := range gradient {
		total += got
		const h = 1e-5
		at := func(d float64) float64 {
			b := make([][]float64, n)
			for i := range b {
				b[i] = append([]float64(nil), a[i]...)
			}
			b[k/n][k%n] += d
			sum := 0.0
			for i, row := range ref.SinkhornKnopp(b, 20) {
				for j, v := range row {
					sum += v * weights[i][j]
				}
			}
			return sum
		}
		require.InDelta(t, (at(h)-at(-h))/(2*h), got, 1e-6)
	}
	require.InDelta(t, 0, total, 1e-10)
}

// TestMeter: the product of sixty exact maps stays doubly stochastic in float32 and
// tends to the mean of all streams; free maps grow, and the meter says how much.
func TestMeter(t *testing.T) {
	const n, tokens, depth = 4, 3, 60
	rng := rand.New(rand.NewPCG(1, 2))
	var in []any
	for range depth {
		theta := make([]float32, tokens*24)
		for k := range theta {
			theta[k] = float32(2 * rng.NormFloat64())
		}
		in = append(in, tensors.FromFlatDataAndDimensions(theta, tokens, 24))
	}
	var last *Node
	out, err := CallOnceN(backend, func(in []*Node) []*Node {
		var m Meter
		var g Gains
		for k, theta := range in {
			g = m.Add(CombinePermutations(theta, n))
			require.Equal(t, k, g.Depth)
		}
		last = m.product
		return []*Node{g.Layer, g.Forward, g.Backward, g.Attenuation, g.Residual, last}
	}, in...)
	require.NoError(t, err)
	for i, want := range []float32{1, 1, 1, 1, 0} {
		require.InDelta(t, want, tensors.ToScalar[float32](out[i]), 1e-6)
	}
	for _, v := range tensors.MustCopyFlatData[float32](out[5]) {
		require.InDelta(t, 1./n, v, 1e-4)
	}

	free := [][][]float32{{{2, 0}, {-1, 1}}, {{1, 0}, {0, 1}}} // of two tokens
	out, err = CallOnceN(backend, func(in []*Node) []*Node {
		var m Meter
		m.Add(in[0])
		g := m.Add(in[0]) // the square: {4 0; -3 1} and the identity
		return []*Node{g.Layer, g.Forward, g.Backward, g.Attenuation, g.Residual}
	}, free)
	require.NoError(t, err)
	for i, want := range []float32{2, (4 + 1) / 2., (7 + 1) / 2., 1, 1} {
		require.InDelta(t, want, tensors.ToScalar[float32](out[i]), 1e-6, i)
	}
}

func TestCosine(t *testing.T) {
	x := [][][]float64{{{1, 0}, {3, 0}, {0, 2}}, {{1, 1}, {2, 2}, {-1, -1}}}
	got := evaluate(t, func(in []*Node) *Node { return Cosine(in[0]) }, x)
	require.InDelta(t, (1./3+(1.-1-1)/3)/2, got[0], 1e-12)
}

// TestInitBias: the sum of the reading weights is 1, unequal, and its largest turns
// with the sublayer; what is written is 1 everywhere.
func TestInitBias(t *testing.T) {
	for _, c := range []Config{{Streams: 2}, {Streams: 4}, {Streams: 5, Mixing: Sinkhorn}, {Streams: 3, Mixing: SinkhornV4}, {Streams: 4, Mixing: Free}} {
		for sublayer := range 7 {
			n := c.Streams
			b := c.InitBias(sublayer)
			require.Len(t, b, c.Width())
			sum, top := 0.0, 0
			for j := range n {
				pre, post := sigma(float64(b[j])), 2*sigma(float64(b[n+j]))
				if c.Mixing == Free {
					pre, post = float64(b[j]), float64(b[n+j])
				}
				if sum += pre; b[j] > b[top] {
					top = j
				}
				require.InDelta(t, 1, post, 1e-12)
			}
			require.InDelta(t, 1, sum, 1e-6)
			require.Equal(t, sublayer%n, top)
		}
	}
	require.Equal(t, float32(-4), Config{Streams: 2, OffDiagonal: -4}.InitBias(0)[5])
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{{}, {Streams: 1}, {Streams: 4}, {Streams: 5, Mixing: Sinkhorn}, {Streams: 16, Mixing: Free}} {
		require.NoError(t, c.Validate())
	}
	for want, c := range map[string]Config{
		`mhc: streams: 5 streams with mixing "birkhoff", want at most 4`: {Streams: 5},
		`mhc: mixing: mixing "wild", want one of`:                        {Streams: 4, Mixing: "wild"},
		`-1 streams, want 1`:                                             {Streams: -1},
		`17 streams, want 1 (the plain residual) to 16`:                  {Streams: 17, Mixing: Free},
		`0 streams, want 1`:                                              {Mixing: Sinkhorn},
		`-1 iterations, want at least 1`:                                 {Streams: 4, Iterations: -1},
		`initial logit 3 off the diagonal, want a finite number below 0`: {Streams: 4, OffDiagonal: 3},
	} {
		require.ErrorContains(t, c.Validate(), want)
	}
	require.Zero(t, Config{}.WithDefaults())
	require.False(t, Config{Streams: 1}.Enabled())
}
