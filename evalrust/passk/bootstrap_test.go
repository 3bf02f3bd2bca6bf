package passk

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBootstrap(t *testing.T) {
	// With one sample of each problem, resampling problems is the binomial: of
	// 400 with share 1/4 the interval is 1.96 standard errors to each side.
	problems := make([]Problem, 400)
	for i := range problems {
		problems[i] = Problem{Samples: 1, Passed: min(1, i%4) ^ 1}
	}
	lo, hi, err := Bootstrap(problems, 1, 0.95, 4000, 1)
	require.NoError(t, err)
	half := Z95 * math.Sqrt(0.25*0.75/400)
	require.InDelta(t, 0.25-half, lo, 0.005)
	require.InDelta(t, 0.25+half, hi, 0.005)

	again, _, err := Bootstrap(problems, 1, 0.95, 4000, 1)
	require.NoError(t, err)
	require.Equal(t, lo, again)
	other, _, err := Bootstrap(problems, 1, 0.95, 50, 2)
	require.NoError(t, err)
	require.NotEqual(t, lo, other)
	narrow, _, err := Bootstrap(problems, 1, 0.5, 4000, 1)
	require.NoError(t, err)
	require.Greater(t, narrow, lo)

	lo, hi, err = Bootstrap([]Problem{{5, 5}, {5, 5}}, 3, 0.95, 100, 1)
	require.NoError(t, err)
	require.Equal(t, []float64{1, 1}, []float64{lo, hi})

	_, _, err = Bootstrap([]Problem{{5, 0}}, 10, 0.95, 100, 1)
	require.ErrorIs(t, err, ErrTooFewSamples)
	_, _, err = Bootstrap(nil, 1, 0.95, 100, 1)
	require.Error(t, err)
	_, _, err = Bootstrap(problems, 1, 1, 100, 1)
	require.Error(t, err)
}

func TestPaired(t *testing.T) {
	a, b := make([]Problem, 200), make([]Problem, 200)
	for i := range a {
		a[i], b[i] = Problem{4, i % 5}, Problem{4, i % 5}
	}
	diff, lo, hi, p, err := Paired(a, b, 1, 0.95, 500, 1)
	require.NoError(t, err)
	require.Equal(t, []float64{0, 0, 0, 1}, []float64{diff, lo, hi, p}, "a model against itself")
	for i := range b {
		if i%2 == 0 {
			b[i].Passed = 4
		}
	}
	diff, lo, hi, p, err = Paired(a, b, 1, 0.95, 500, 1)
	require.NoError(t, err)
	require.InDelta(t, 0.25, diff, 1e-12)
	require.Less(t, lo, diff)
	require.Greater(t, hi, diff)
	require.Positive(t, lo)
	require.Zero(t, p)
	back, _, _, _, err := Paired(b, a, 1, 0.95, 500, 1)
	require.NoError(t, err)
	require.InDelta(t, -diff, back, 1e-12)
	_, _, _, _, err = Paired(a, b[1:], 1, 0.95, 500, 1)
	require.Error(t, err)
}
