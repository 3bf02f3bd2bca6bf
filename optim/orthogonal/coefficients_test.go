package orthogonal_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
)

// Mutation: leaving out the re-centring after the cushion, or scaling the last
// tuple by the safety too, fails here.

func at(q orthogonal.Quintic, s float64) float64 { return s * (q.A + s*s*(q.B+s*s*q.C)) }

// TestPublishedCoefficients compares with the list that the paper's users print.
func TestPublishedCoefficients(t *testing.T) {
	got := orthogonal.Coefficients(1e-3, 5, 2e-2, 0.02)
	require.Len(t, got, len(ref.PolarExpress))
	for i, want := range ref.PolarExpress {
		require.InDeltaSlice(t, want[:], []float64{got[i].A, got[i].B, got[i].C}, 1e-11*want[0], "step %d", i)
	}
}

// TestFirstQuinticIsOptimal checks the theorem that makes a quintic the best
// one: x, x³, x⁵ satisfy Haar's condition on [l, 1], so 1-p has the smallest
// maximum exactly if it reaches ±E at four points with alternating signs.
func TestFirstQuinticIsOptimal(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := math.Pow(10, rapid.Float64Range(-4, -0.05).Draw(r, "log l"))
		p := orthogonal.Coefficients(l, 1, 0, 0)[0] // no cushion, no safety: the bare optimum
		const n = 200000
		e := func(i int) float64 { return 1 - at(p, l+(1-l)*float64(i)/n) }
		largest := 0.0
		for i := range n + 1 {
			largest = max(largest, math.Abs(e(i)))
		}
		alternations, sign := 0, 0.0
		for i := range n + 1 {
			x := e(i)
			if math.Abs(x) > largest*(1-1e-6) && x*sign <= 0 {
				alternations, sign = alternations+1, x
			}
		}
		require.Equal(r, 4, alternations, "l = %g, E = %g", l, largest)
	})
}

// TestSafetyAndCushion restates the definition: every tuple but the last is
// p(x/(1+safety)), and a cushioned interval is centred on 1.
func TestSafetyAndCushion(t *testing.T) {
	bare, safe := orthogonal.Coefficients(0.5, 2, 0, 0), orthogonal.Coefficients(0.5, 2, 0.1, 0)
	require.InDelta(t, at(bare[0], 0.7/1.1), at(safe[0], 0.7), 1e-12)
	require.NotEqual(t, bare[1], safe[1], "the second interval starts from the safe end")
	p := orthogonal.Coefficients(1e-4, 1, 0.1, 0.02)[0] // designed for [0.02, 1], the last: not shrunk
	require.InDelta(t, 2, at(p, 1e-4)+at(p, 1), 1e-12)
}

// TestIntervalsShrink follows the interval of singular values: every step maps
// it into [p(l), 2-p(l)], and the last one is short.
func TestIntervalsShrink(t *testing.T) {
	l, u := 1e-3, 1.0
	for i, q := range orthogonal.Coefficients(1e-3, 8, 0, 0) {
		low, high := math.Inf(1), 0.0
		for k := range 10001 {
			y := at(q, l+(u-l)*float64(k)/10000)
			low, high = min(low, y), max(high, y)
		}
		next := at(q, l)
		require.InDelta(t, low, next, 1e-9, "step %d", i)
		require.InDelta(t, high, 2-next, 1e-9, "step %d", i)
		l, u = next, 2-next
	}
	require.Greater(t, l, 1-1e-9)
}
