package lanes

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: leaving one of the four accumulators out of the last maximum, or one
// of the vectors of a part, fails TestMaxima.

// TestMaxima: any length, at any place, of any bits, and nothing beside the maxima
// is written.
func TestMaxima(t *testing.T) {
	value := rapid.OneOf(
		rapid.Map(rapid.Uint32(), math.Float32frombits),
		rapid.SampledFrom([]float32{0, float32(math.Copysign(0, -1)), 1, -1, math.MaxFloat32, -0x1p-149, float32(math.Inf(-1)), float32(math.NaN())}),
	)
	rapid.Check(t, func(t *rapid.T) {
		n, from := rapid.IntRange(0, 200).Draw(t, "n"), rapid.IntRange(0, 9).Draw(t, "from")
		x := rapid.SliceOfN(value, from+n, from+n).Draw(t, "x")[from:]
		var largest uint32
		maxima := make([]uint32, n/Part)
		for i, v := range x {
			a := math.Float32bits(v) &^ (1 << 31)
			largest = max(largest, a)
			if i/Part < len(maxima) {
				maxima[i/Part] = max(maxima[i/Part], a)
			}
		}
		require.Equal(t, largest, AbsMax(x))
		got := make([]float32, len(maxima)+1)
		got[len(maxima)] = -7
		PartMax(got[:len(maxima)], x)
		for i, m := range maxima {
			require.Equal(t, m, math.Float32bits(got[i]), "part %d", i)
		}
		require.Equal(t, float32(-7), got[len(maxima)])
	})
}

func BenchmarkAbsMax(b *testing.B) {
	x := make([]float32, 1<<14)
	for i := range x {
		x[i] = float32(i%37) - 18
	}
	maxima := make([]float32, len(x)/Part)
	for name, run := range map[string]func(){"all": func() { AbsMax(x) }, "parts": func() { PartMax(maxima, x) }} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
