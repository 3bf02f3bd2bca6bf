package report

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// Mutation: taking the first place for the last, or the first step, makes
// TestGainPlots fail.

// TestGainPlots: gains by sublayer at the last measured step, and of the whole model
// over the steps.
func TestGainPlots(t *testing.T) {
	records := []track.Record{
		{Kind: track.KindTrain, Step: 10, Values: track.Values{track.ForwardGain + "000": 1, track.ForwardGain + "001": 2, track.BackwardGain + "001": 3}},
		{Kind: track.KindTrain, Step: 20, Values: track.Values{track.ForwardGain + "000": 4, track.ForwardGain + "001": 5, track.LayerGain + "001": 6}},
		{Kind: track.KindTrain, Step: 30, Values: track.Values{track.TrainLoss: 1}},
	}
	plots := Curves(records)
	find := func(title string) Plot {
		i := slices.IndexFunc(plots, func(p Plot) bool { return p.Title == title })
		require.GreaterOrEqual(t, i, 0, title)
		return plots[i]
	}
	profile := find("Residual maps by sublayer")
	require.Contains(t, profile.Note, "After step 20")
	require.Equal(t, []Series{{Name: "gain of the map", X: []float64{1}, Y: []float64{6}, Markers: true},
		{Name: "gain up to here, signal", X: []float64{0, 1}, Y: []float64{4, 5}, Markers: true}}, profile.Series)
	whole := find("Gain through the residual maps")
	require.Equal(t, []Series{{Name: "signal", X: []float64{10, 20}, Y: []float64{2, 5}}, {Name: "gradient", X: []float64{10}, Y: []float64{3}}}, whole.Series)
}
