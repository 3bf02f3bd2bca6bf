package advantage

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: dividing the sample variance by N, or dropping N/(N-1) in
// LeaveOneOut, fails here.

var methods = map[string]func([]float64) ([]float64, error){
	"grpo":          func(r []float64) ([]float64, error) { return GRPO(r, Population) },
	"grpo sample":   func(r []float64) ([]float64, error) { return GRPO(r, Sample) },
	"centred":       Centred,
	"leave one out": LeaveOneOut,
	"maxrl":         MaxRL,
	"maxrl centred": MaxRLCentred,
}

func TestByHand(t *testing.T) {
	for _, c := range []struct {
		method  string
		rewards []float64
		want    []float64
	}{
		{"grpo", []float64{0, 0, 1, 1, 1}, []float64{-1.224745, -1.224745, 0.816497, 0.816497, 0.816497}},
		{"grpo sample", []float64{0, 0, 1, 1, 1}, []float64{-1.095445, -1.095445, 0.730297, 0.730297, 0.730297}},
		{"centred", []float64{0, 0, 1, 1, 1}, []float64{-0.6, -0.6, 0.4, 0.4, 0.4}},
		{"leave one out", []float64{0, 0, 1, 1, 1}, []float64{-0.75, -0.75, 0.5, 0.5, 0.5}},
		{"leave one out", []float64{-1, 1}, []float64{-2, 2}},
		{"maxrl", []float64{1, 0, 1, 0}, []float64{0.5, 0, 0.5, 0}},
		{"maxrl", []float64{1, 1}, []float64{0.5, 0.5}},
		{"maxrl", []float64{0, 0}, []float64{0, 0}},
		{"maxrl centred", []float64{1, 0, 0, 0}, []float64{0.75, -0.25, -0.25, -0.25}},
		{"maxrl centred", []float64{1, 1, 0, 0}, []float64{0.25, 0.25, -0.25, -0.25}},
		{"maxrl centred", []float64{1, 1, 1, 1}, []float64{0, 0, 0, 0}},
		{"maxrl centred", []float64{0, 0}, []float64{0, 0}},
	} {
		got, err := methods[c.method](c.rewards)
		require.NoError(t, err)
		require.InDeltaSlice(t, c.want, got, 3e-6, "%s of %v", c.method, c.rewards) // the 1e-6 beside σ shows
	}
}

func TestSignal(t *testing.T) {
	for _, equal := range [][]float64{nil, {1}, {0, 0, 0}, {1, 1, 1}, {0.5, 0.5, 0.5}, {0.1 + 0.2, 0.3}} {
		require.False(t, Signal(equal), "%v", equal)
		for name, f := range methods {
			if name == "maxrl" {
				continue // not centred, see the package comment
			}
			got, err := f(equal)
			require.NoError(t, err)
			require.Equal(t, make([]float64, len(equal)), got, "%s of %v: exactly zero", name, equal)
		}
	}
	for _, mixed := range [][]float64{{0, 1, 1}, {0.2, 0.8, 0.4}, {-1, 1}, {2, 0}} {
		require.True(t, Signal(mixed), "%v", mixed)
	}
}

// TestIdentities compares with the definitions in another form.
func TestIdentities(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(r, "n")
		size := math.Pow(10, rapid.Float64Range(-3, 12).Draw(r, "log size"))
		rewards := make([]float64, n)
		for i := range rewards {
			rewards[i] = size * rapid.Float64Range(0, 1).Draw(r, "reward")
		}
		if !Signal(rewards) {
			return
		}
		pairs := 0.0 // Σ_ij (r_i - r_j)² = 2N²σ²
		for _, a := range rewards {
			for _, b := range rewards {
				pairs += (a - b) * (a - b)
			}
		}
		total := 0.0
		for _, x := range rewards {
			total += x
		}
		grpo, err := GRPO(rewards, Population)
		require.NoError(r, err)
		sample, err := GRPO(rewards, Sample)
		require.NoError(r, err)
		loo, err := LeaveOneOut(rewards)
		require.NoError(r, err)
		centred, err := MaxRLCentred(rewards)
		require.NoError(r, err)
		sigma, zero := math.Sqrt(pairs/2)/float64(n), 0.0
		for i, x := range rewards {
			mean := total / float64(n)
			close := func(want, got float64) { require.InDelta(r, want, got, 1e-9*(1+math.Abs(want))*(1+size/sigma)) }
			close((x-mean)/(sigma+1e-6), grpo[i])
			close((x-mean)/(sigma*math.Sqrt(float64(n)/float64(n-1))+1e-6), sample[i])
			close((x-(total-x)/float64(n-1))/size, loo[i]/size)
			close((x-mean)/mean, centred[i]*float64(n))
			zero += grpo[i]
		}
		require.InDelta(r, 0, zero, 1e-9*(1+size/sigma))
	})
}

// TestExpectations is the reason for the coefficients. A policy that succeeds
// with probability p has ∇log π = 1/p or -1/(1-p); the expectation of the
// estimate over all 2^N outcomes of a group is what the papers derive.
func TestExpectations(t *testing.T) {
	expect := func(f func([]float64) ([]float64, error), n int, p float64) float64 {
		total := 0.0
		for outcome := range 1 << n {
			rewards, probability := make([]float64, n), 1.0
			for i := range n {
				if outcome>>i&1 == 1 {
					rewards[i], probability = 1, probability*p
				} else {
					probability *= 1 - p
				}
			}
			a, err := f(rewards)
			require.NoError(t, err)
			for i, x := range rewards {
				total += probability * a[i] * (x/p - (1-x)/(1-p))
			}
		}
		return total
	}
	for n := 2; n <= 8; n++ {
		for _, p := range []float64{0.01, 0.1, 0.5, 0.9} {
			N, q := float64(n), 1-p
			require.InDelta(t, 1, expect(LeaveOneOut, n, p)/N, 1e-9, "the gradient of P, without bias")
			require.InDelta(t, (N-1)/N, expect(Centred, n, p)/N, 1e-9, "short by the member's own part of the mean")
			require.InDelta(t, (1-math.Pow(q, N))/p, expect(MaxRL, n, p), 1e-9, "N terms of the gradient of log P")
			require.InDelta(t, (1-math.Pow(q, N-1))/p, expect(MaxRLCentred, n, p), 1e-9, "N-1 terms of the gradient of log P")
		}
	}
}

func TestInvariances(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rewards := rapid.SliceOfN(rapid.Float64Range(0, 1), 2, 9).Draw(r, "rewards")
		shift := rapid.Float64Range(0, 10).Draw(r, "shift")
		moved, turned := make([]float64, len(rewards)), make([]float64, len(rewards))
		for i, x := range rewards {
			moved[i], turned[len(rewards)-1-i] = x+shift, x
		}
		if !Signal(rewards) || !Signal(moved) {
			return
		}
		for name, f := range methods {
			a, err := f(rewards)
			require.NoError(r, err)
			b, err := f(turned)
			require.NoError(r, err)
			for i := range a {
				require.InDelta(r, a[i], b[len(a)-1-i], 1e-6*(1+math.Abs(a[i])), "%s: the order does not matter", name)
			}
		}
		a, err := Centred(rewards)
		require.NoError(r, err)
		b, err := Centred(moved)
		require.NoError(r, err)
		require.InDeltaSlice(r, a, b, 1e-12)
	})
}

func TestErrors(t *testing.T) {
	for name, f := range methods {
		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			_, err := f([]float64{1, bad})
			require.EqualError(t, err, fmt.Sprintf("advantage: reward 1 is %g: leave completions without a score out of their group", bad), name)
		}
		got, err := f(nil)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	for _, f := range []func([]float64) ([]float64, error){MaxRL, MaxRLCentred} {
		_, err := f([]float64{1, -0.5})
		require.EqualError(t, err, "advantage: reward 1 is -0.5, MaxRL wants 0 or more")
	}
	_, err := GRPO([]float64{0, 1}, 2)
	require.EqualError(t, err, "advantage: deviation 2, want Population or Sample")
	rewards := []float64{1, 0}
	_, err = GRPO(rewards, Population)
	require.NoError(t, err)
	require.Equal(t, []float64{1, 0}, rewards, "the input is left alone")
}

func ExampleGRPO() {
	a, err := GRPO([]float64{1, 0, 0, 1}, Population)
	fmt.Printf("%.2f %v\n", a, err)
	// Output: [1.00 -1.00 -1.00 1.00] <nil>
}

func BenchmarkGRPO(b *testing.B) {
	for _, n := range []int{8, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rewards := make([]float64, n)
			for i := range rewards {
				rewards[i] = float64(i % 3)
			}
			b.ReportAllocs()
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				if _, err := GRPO(rewards, Population); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
