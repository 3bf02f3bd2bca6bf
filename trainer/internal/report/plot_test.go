package report

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: swapping first and second in thin, or dropping the gap in path,
// makes TestThin and TestPath_Gap fail.

func TestLabel(t *testing.T) {
	for _, c := range []struct {
		v     float64
		scale Scale
		want  string
	}{
		{0, Plain, "0"}, {1.25, Plain, "1.25"}, {0.30000000000000004, Plain, "0.3"}, {0.0002, Plain, "2e-4"}, {2.5e7, Plain, "2.5e7"}, {-3, Plain, "-3"},
		{500, Count, "500"}, {1500, Count, "1.5k"}, {2e6, Count, "2M"}, {0.5, Count, "0.5"},
		{60, Duration, "1m"}, {90, Duration, "1m30s"}, {7200, Duration, "2h"}, {45, Duration, "45s"},
		{200 << 20, Size, "200M"}, {1.5 * (1 << 30), Size, "1.5G"}, {0, Size, "0"},
		{0.3, Percent, "30%"}, {0.30000000000000004, Percent, "30%"}, {0.005, Percent, "0.5%"}, {0, Percent, "0%"}, {1, Percent, "100%"},
	} {
		require.Equal(t, c.want, label(c.v, c.scale), "%v", c.v)
	}
}

func TestAxis(t *testing.T) {
	a := newAxis(0.9, 6.35, 4, Plain, true)
	require.Equal(t, []float64{0, 2, 4, 6, 8}, a.ticks)
	a = newAxis(0, 300<<20, 4, Size, true)
	require.Equal(t, []float64{0, 128 << 20, 256 << 20, 384 << 20}, a.ticks)
	a = newAxis(1, 130, 5, Duration, false)
	require.Equal(t, []float64{30, 60, 90, 120}, a.ticks)
	a = newLogAxis(0.9, 6.3, 8, Plain)
	require.Equal(t, []float64{1, 1.5, 2, 3, 4, 6}, a.ticks)
	a.from, a.to = 0, 100
	require.InDelta(t, (a.at(1)+a.at(4))/2, a.at(2), 1e-9)
	for _, v := range []float64{0, 1, -1, 1e-12, 1e300} { // one value alone
		a := newAxis(v, v, 4, Plain, true)
		require.Less(t, a.lo, a.hi)
		require.LessOrEqual(t, len(a.ticks), 20)
	}
}

func TestAxis_Covers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-1e9, 1e9).Draw(t, "lo")
		hi := lo + rapid.Float64Range(0, 1e9).Draw(t, "span")
		a := newAxis(lo, hi, 4, Scale(rapid.IntRange(0, 4).Draw(t, "scale")), true)
		slack := (a.hi - a.lo) * 1e-6
		require.LessOrEqual(t, a.lo, lo+slack)
		require.GreaterOrEqual(t, a.hi, hi-slack)
		require.NotEmpty(t, a.ticks)
		require.LessOrEqual(t, len(a.ticks), 12)
		if lo > 1e-200 && hi < lo*logSpan {
			a = newLogAxis(lo, hi, 8, Plain)
			require.LessOrEqual(t, a.lo, lo)
			require.GreaterOrEqual(t, a.hi, hi)
		}
	})
}

func TestThin(t *testing.T) {
	var pts []point
	for i := range 100_000 {
		pts = append(pts, point{float64(i), math.Sin(float64(i))})
	}
	pts[33_333].y, pts[66_666].y = 50, -50
	x := newAxis(0, 99_999, 5, Count, false)
	x.from, x.to = 0, 400
	got := thin(pts, x)
	require.LessOrEqual(t, len(got), 2*401)
	require.Contains(t, got, point{33_333, 50})
	require.Contains(t, got, point{66_666, -50})
	for i := 1; i < len(got); i++ {
		require.Less(t, got[i-1].x, got[i].x)
	}
	require.Len(t, thin(pts[:100], x), 100)
}

func TestPath_Gap(t *testing.T) {
	x := axis{lo: 0, hi: 4, from: 0, to: 4}
	got := path(points(Series{X: []float64{0, 1, 2, 3, math.NaN(), 4}, Y: []float64{0, 1, math.Inf(1), 3, 3, 4}}), x, x)
	require.Equal(t, "M0.0 0.0L1.0 1.0M3.0 3.0L4.0 4.0", got)
}

func TestSmooth(t *testing.T) {
	var line []point
	for i := range 400 {
		line = append(line, point{float64(i), 3 * float64(i)})
	}
	for i, q := range smooth(line) {
		require.InDelta(t, line[i].y, q.y, 1e-9, "a straight line stays, so there is no lag")
	}
	line[200].y = math.NaN()
	require.False(t, math.IsNaN(smooth(line)[200].y), "a gap inside the window is bridged")
}

func TestDraw_Degenerate(t *testing.T) {
	for name, s := range map[string]Series{
		"no points":    {Name: "a"},
		"one point":    {Name: "a", X: []float64{5}, Y: []float64{1}},
		"all nan":      {Name: "a", X: []float64{1, 2}, Y: []float64{math.NaN(), math.Inf(-1)}},
		"constant":     {Name: "a", X: []float64{1, 2, 3}, Y: []float64{0, 0, 0}},
		"uneven":       {Name: "a", X: []float64{1, 2, 3}, Y: []float64{1}},
		"huge":         {Name: "a", X: []float64{1, 2}, Y: []float64{1e300, -1e300}},
		"log tiny":     {Name: "a", X: []float64{1, 2}, Y: []float64{5e-324, 1}},
		"log negative": {Name: "a", X: []float64{1, 2}, Y: []float64{-1, 1}},
	} {
		for _, zero := range []bool{false, true} {
			d := draw(Plot{Title: "t", XLabel: "step", Zero: zero, Log: true, Series: []Series{s}}, "p")
			require.NotContains(t, string(d.SVG), "NaN", name)
			require.NotContains(t, string(d.SVG), "Inf", name)
			require.Equal(t, 1, strings.Count(string(d.SVG), "</svg>"))
		}
	}
}

func TestSummarise(t *testing.T) {
	row, ok := summarise(Series{Name: "a", X: []float64{1, 2, 3, 4}, Y: []float64{2, 5, 1, 3}}, Plot{XLabel: "Step"})
	require.True(t, ok)
	require.Equal(t, summary{"a", "2 at step 1", "3 at step 4", "1 at step 3", "5 at step 2"}, row)
}
