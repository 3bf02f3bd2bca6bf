package minifloat_test

import (
	"flag"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/internal/ref"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Mutation: rounding ⌊a/step + u/2⌋ or drawing the uniforms of 256 elements again
// for the next fails TestMeanIsUnbiased.

var draws = flag.Int("draws", 400_000, "draws of each test of a mean; 10000000 for all of it")

// requireMean compares the mean of n draws of x with 4 standard errors. Draws
// come from deterministic keys: the test does not flake.
func requireMean(t *testing.T, what string, g ref.Grid, x float64, n int, sum float64) {
	t.Helper()
	below, above := g.Neighbours(math.Abs(x))
	sigma := math.Sqrt((above - math.Abs(x)) * (math.Abs(x) - below))
	if math.Abs(sum/float64(n)-x) > 4*sigma/math.Sqrt(float64(n)) {
		require.InDelta(t, x, sum/float64(n), 4*sigma/math.Sqrt(float64(n)), "%s of %v", what, x)
	}
}

// points are values between each of some grid neighbours, subnormal ones too, and
// a grid value.
func points(g ref.Grid) (x []float64) {
	last := len(g.Values) - 1
	for _, i := range []int{0, 1, last / 3, last / 2, last - 1} {
		low, high := g.Values[i], g.Values[i+1]
		for _, p := range []float64{0, 0.01, 0.3, 0.5, 0.75} {
			v := float64(float32(low + p*(high-low)))
			x = append(x, v, -v)
		}
	}
	return x
}

func TestMeanIsUnbiased(t *testing.T) {
	for _, f := range formats {
		xs := points(grids[f])
		n := *draws / len(xs)
		x, codes := make([]float32, n), make([]uint8, n)
		e := encoder(t, f, minifloat.Mode{})
		for k, v := range xs {
			for i := range x {
				x[i] = float32(v)
			}
			// one tensor of all points: its parts are encoded one by one
			require.NoError(t, e.EncodeKeyed(codes, x, rounding.NewKey(1, uint32(f)), uint64(k*n)))
			sum := 0.0
			for _, c := range codes {
				sum += float64(f.Decode(c))
			}
			requireMean(t, f.String(), grids[f], v, n, sum)
		}
	}
}

func TestMeanIsUnbiasedWide(t *testing.T) {
	for w, g := range wideGrids {
		xs := points(g)
		n := *draws / len(xs)
		x, codes := make([]float32, n), make([]uint16, n)
		for k, v := range xs {
			for i := range x {
				x[i] = float32(v)
			}
			require.NoError(t, w.EncodeKeyed(codes, x, rounding.NewKey(2, uint32(w)), uint64(k*n), minifloat.Saturate))
			sum := 0.0
			for _, c := range codes {
				sum += float64(w.Decode(c)) - v
			}
			// the mean of the differences: a sum of BF16's largest would lose digits
			requireMean(t, w.String(), g, v, n, sum+v*float64(n))
		}
	}
}

// TestStochasticIsByIndex: neither the order nor the slices of a tensor nor
// goroutines change its codes.
func TestStochasticIsByIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		e := encoder(t, f, minifloat.Mode{})
		n := rapid.IntRange(2, 700).Draw(t, "n")
		key := rounding.Key(rapid.Uint32().Draw(t, "key"))
		x, whole, parts := make([]float32, n), make([]uint8, n), make([]uint8, n)
		for i := range x {
			x[i] = f.Max() * float32(math.Sin(float64(i)))
		}
		require.NoError(t, e.EncodeKeyed(whole, x, key, 10))
		var wait sync.WaitGroup
		for to := n; to > 0; {
			from := rapid.IntRange(0, to-1).Draw(t, "from")
			end := to
			wait.Go(func() { _ = e.EncodeKeyed(parts[from:end], x[from:end], key, 10+uint64(from)) })
			to = from
		}
		wait.Wait()
		require.Equal(t, whole, parts)
		u := make([]float32, n)
		key.Uniforms(u, 10, f.UniformBits())
		require.NoError(t, e.EncodeUniform(parts, x, u))
		require.Equal(t, whole, parts)
		if n > 100 { // another key, other bits
			require.NoError(t, e.EncodeKeyed(parts, x, key+1, 10))
			require.NotEqual(t, whole, parts)
		}
	})
}

// TestStochasticOracles: P(up) of the interval form, and nothing but neighbours.
func TestStochasticOracles(t *testing.T) {
	e := encoder(t, minifloat.E2M1, minifloat.Mode{})
	for _, c := range []struct{ x, u, want float32 }{
		{2.25, 0.74, 2}, {2.25, 0.76, 3}, {4.5, 0.74, 4}, {4.5, 0.76, 6}, {0.1, 0.79, 0}, {0.1, 0.81, 0.5},
		{-1.3, 0.39, -1}, {-1.3, 0.41, -1.5}, {3.9, 0.09, 3}, {3.9, 0.11, 4}, {3, 0.999, 3}, {6, 0.999, 6}, {7, 0.999, 6},
	} {
		require.Equal(t, c.want, minifloat.E2M1.Decode(e.CodeUniform(c.x, c.u)), "%+v", c)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		e, g := encoder(t, f, minifloat.Mode{}), grids[f]
		last := 1 - float32(math.Ldexp(1, -f.UniformBits()))
		for _, v := range g.Values { // grid values never move
			require.Equal(t, v, float64(f.Decode(e.CodeUniform(float32(v), last))))
		}
		x := rapid.Float32Range(-f.Max(), f.Max()).Draw(t, "x")
		u := rapid.Float32Range(0, last).Draw(t, "u")
		below, above := g.Neighbours(math.Abs(float64(x)))
		got := math.Abs(float64(f.Decode(e.CodeUniform(x, u))))
		require.Contains(t, []float64{below, above}, got)
		// up where u is above the interval's threshold, up to a rounding of the sum
		threshold := 1.0
		if above > below {
			threshold = (above - math.Abs(float64(x))) / (above - below)
		}
		if math.Abs(float64(u)-threshold) > 0x1p-19 {
			require.Equal(t, float64(u) > threshold, got == above && above > below, "x %v, u %v", x, u)
		}
	})
	propagate := encoder(t, minifloat.E5M2, minifloat.Mode{Overflow: minifloat.Propagate})
	require.Equal(t, uint8(0xFC), propagate.CodeUniform(-61440, 0.5)) // beyond the range: the mode's
	require.Equal(t, uint8(0x7B), encoder(t, minifloat.E5M2, minifloat.Mode{}).CodeUniform(61440, 0.5))
}
