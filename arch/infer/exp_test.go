package infer

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: leaving out ln2Lo, or the coefficient of the last power, makes this test fail.

func TestExp(t *testing.T) {
	check := func(x float32) {
		t.Helper()
		want := math.Exp(float64(x))
		switch got := float64(exp(x)); {
		case want < 0x1p-126:
			require.InDelta(t, 0, got, 0x1p-125, x)
		case want > math.MaxFloat32:
			require.True(t, math.IsInf(got, 1), x)
		default:
			require.InEpsilon(t, want, got, 0x1p-22, x) // two units of 2⁻²³
		}
	}
	for i := range 1 << 16 {
		check(float32(i-1<<15) / 360) // -91 to 91
		check(float32(i-1<<15) * 1e-6)
	}
	for _, x := range []float32{0, 88.72283, 88.7229, -87.33654, -87.34, float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, 1e-40} {
		check(x)
	}
	require.True(t, math.IsNaN(float64(exp(float32(math.NaN())))))
}
