package golden

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: returning 0 from distance makes TestDistance fail.

func TestDistance(t *testing.T) {
	want, got := []float64{3, 4}, []float64{3, 4.5}
	require.InDelta(t, 0.5, distance(t, "", "abs", want, got, nil), 1e-12)
	require.InDelta(t, 0.5, distance(t, "", "exact", want, got, nil), 1e-12)
	require.InDelta(t, 0.1, distance(t, "", "rel_fro", want, got, nil), 1e-12)
	require.InDelta(t, 0.5, distance(t, "", "rel_update", want, got, []float64{3, 3}), 1e-12)
	require.InDelta(t, 0.5, distance(t, "", "rel_fro", []float64{0}, []float64{0.5}, nil), 1e-12)
	require.Equal(t, 1.0, distance(t, "", "max_ulp", []float64{1}, []float64{float64(math.Nextafter32(1, 2))}, nil))
	require.Equal(t, 2.0, ulps(math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32))
	require.True(t, math.IsNaN(distance(t, "", "abs", []float64{1}, []float64{math.NaN()}, nil)))
	require.Zero(t, distance(t, "", "abs", []float64{math.Inf(1)}, []float64{math.Inf(1)}, nil))
}
