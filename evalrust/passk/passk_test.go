package passk

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: starting the product in Estimate at n-c, or dropping the "- 1" of
// the lower bound in WilsonCC, makes TestGoldenPassk fail.

func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		n, c, k int
		want    float64
	}{
		{1, 0, 1, 0}, {1, 1, 1, 1}, {5, 2, 3, 0.9}, {10, 3, 1, 0.3}, {10, 3, 5, 11.0 / 12}, {10, 1, 10, 1}, {20, 5, 10, 1271.0 / 1292},
		{100, 10, 10, 0.669523788913275}, {200, 1, 100, 0.5}, {200, 101, 100, 1}, {2000, 1, 1000, 0.5}, {2000, 7, 1000, 0.992269366900196},
	} {
		got, err := Estimate(c.n, c.c, c.k)
		require.NoError(t, err)
		require.InDelta(t, c.want, got, 1e-12)
	}
}

func TestEstimate_Errors(t *testing.T) {
	_, err := Estimate(5, 0, 10)
	require.ErrorIs(t, err, ErrTooFewSamples)
	for _, bad := range [][3]int{{5, 6, 1}, {5, -1, 1}, {5, 1, 0}, {-1, 0, 1}} {
		_, err := Estimate(bad[0], bad[1], bad[2])
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrTooFewSamples)
	}
	_, err = Mean(nil, 1)
	require.Error(t, err)
	_, err = Mean([]Problem{{20, 1}, {3, 1}}, 5)
	require.ErrorIs(t, err, ErrTooFewSamples)
}

func TestEstimate_IsExact(t *testing.T) {
	for n := 1; n <= 60; n++ {
		for c := 0; c <= n; c += 1 + n/12 {
			for k := 1; k <= n; k += 1 + n/10 {
				ratio := new(big.Rat).SetFrac(new(big.Int).Binomial(int64(n-c), int64(k)), new(big.Int).Binomial(int64(n), int64(k)))
				if n-c < k {
					ratio.SetInt64(0)
				}
				want, _ := new(big.Rat).Sub(big.NewRat(1, 1), ratio).Float64()
				got, err := Estimate(n, c, k)
				require.NoError(t, err)
				require.InDelta(t, want, got, 1e-13, "n=%d c=%d k=%d", n, c, k)
			}
		}
	}
}

func TestEstimate_Monotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 3000).Draw(t, "n")
		c, k := rapid.IntRange(0, n-1).Draw(t, "c"), rapid.IntRange(1, n-1).Draw(t, "k")
		v, err := Estimate(n, c, k)
		require.NoError(t, err)
		require.True(t, v >= 0 && v <= 1)
		moreC, err := Estimate(n, c+1, k)
		require.NoError(t, err)
		moreK, err := Estimate(n, c, k+1)
		require.NoError(t, err)
		require.GreaterOrEqual(t, moreC, v-1e-12)
		require.GreaterOrEqual(t, moreK, v-1e-12)
		one, err := Estimate(n, c, 1)
		require.NoError(t, err)
		require.InDelta(t, float64(c)/float64(n), one, 1e-12)
	})
}

func TestMean(t *testing.T) {
	problems := []Problem{{20, 0}, {20, 1}, {20, 10}, {20, 20}}
	for k, want := range map[int]float64{1: 31.0 / 80, 5: 1443.0 / 2584, 10: 461889.0 / 739024} {
		got, err := Mean(problems, k)
		require.NoError(t, err)
		require.InDelta(t, want, got, 1e-12)
	}
}

func TestIntervals(t *testing.T) {
	lo, hi := Wilson(78, 156, Z95)
	require.InDelta(t, 0.422, lo, 1e-3)
	require.InDelta(t, 0.578, hi, 1e-3)
	require.InDelta(t, Z95, Z(0.95), 1e-12)
	require.InDelta(t, 2.5758293035489, Z(0.99), 1e-10)
	for _, bad := range [][2]int{{0, 0}, {-1, 5}, {6, 5}} {
		lo, hi = Wilson(bad[0], bad[1], Z95)
		require.Equal(t, []float64{0, 1}, []float64{lo, hi})
	}
	wide, narrow := width(Wilson(5, 10, Z(0.99))), width(Wilson(5, 10, Z(0.5)))
	require.Greater(t, wide, narrow)
}

func width(lo, hi float64) float64 { return hi - lo }

func TestIntervals_Properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100_000).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		p := float64(k) / float64(n)
		wLo, wHi := Wilson(k, n, Z95)
		cLo, cHi := WilsonCC(k, n, Z95)
		eLo, eHi := ClopperPearson(k, n, 0.95)
		for _, x := range []float64{wLo, wHi, cLo, cHi, eLo, eHi} {
			require.True(t, x >= 0 && x <= 1 && !math.IsNaN(x))
		}
		const slack = 1e-12
		require.True(t, wLo <= p+slack && p <= wHi+slack)
		require.True(t, cLo <= wLo+slack && wHi <= cHi+slack, "the correction widens")
		require.True(t, eLo <= p+slack && p <= eHi+slack)
		// Failures are successes seen from the other side.
		mLo, mHi := Wilson(n-k, n, Z95)
		require.InDelta(t, wLo, 1-mHi, 1e-9)
		require.InDelta(t, wHi, 1-mLo, 1e-9)
		mLo, mHi = ClopperPearson(n-k, n, 0.95)
		require.InDelta(t, eLo, 1-mHi, 1e-9)
		require.InDelta(t, eHi, 1-mLo, 1e-9)
	})
}

// TestClopperPearson_Coverage checks the defining property by summing the
// binomial distribution.
func TestClopperPearson_Coverage(t *testing.T) {
	for _, c := range [][2]int{{1, 10}, {7, 20}, {0, 5}, {5, 5}, {37, 200}} {
		k, n := c[0], c[1]
		lo, hi := ClopperPearson(k, n, 0.9)
		if k > 0 {
			require.InDelta(t, 0.05, 1-binomialCDF(k-1, n, lo), 1e-9)
		}
		if k < n {
			require.InDelta(t, 0.05, binomialCDF(k, n, hi), 1e-9)
		}
	}
}

func binomialCDF(k, n int, p float64) float64 {
	var sum float64
	for i := 0; i <= k; i++ {
		sum += math.Exp(lnGamma(float64(n+1))-lnGamma(float64(i+1))-lnGamma(float64(n-i+1))) * math.Pow(p, float64(i)) * math.Pow(1-p, float64(n-i))
	}
	return sum
}

func BenchmarkEstimate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Estimate(1000, 700, 100)
	}
}

func BenchmarkWilson(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Wilson(700, 1000, Z95)
	}
}

func BenchmarkClopperPearson(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ClopperPearson(700, 1000, 0.95)
	}
}
