package generate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: taking the higher id of two equal tokens in before, comparing the
// nucleus with > instead of >=, or drawing before dividing by the temperature
// makes these tests fail.

func distribution(t rapid.TB, o Options, logits []float32) []Candidate {
	s, err := NewSampler(o)
	require.NoError(t, err)
	d, err := s.Distribution(logits)
	require.NoError(t, err)
	return slices.Clone(d)
}

func ids(c []Candidate) []int32 {
	var out []int32
	for _, x := range c {
		out = append(out, x.ID)
	}
	return out
}

// The values of research on samplers: softmax of [2 1 0 -1] is .643914,
// .236883, .087144, .032059.
func TestDistributionByHand(t *testing.T) {
	logits := []float32{2, 1, 0, -1}
	p := []float64{0.643914, 0.236883, 0.087144, 0.032059}
	for _, c := range []struct {
		o    Options
		keep int
	}{
		{Options{Temperature: 1}, 4},
		{Options{Temperature: 1, TopP: 0.9}, 3},
		{Options{Temperature: 1, TopP: 0.88}, 2},
		{Options{Temperature: 1, TopP: 0.64}, 1},
		{Options{Temperature: 1, TopP: 0.001}, 1},
		{Options{Temperature: 1, TopP: 1}, 4},
		{Options{Temperature: 2, TopP: 0.9}, 4}, // the temperature comes first
		{Options{Temperature: 2, TopP: 0.89}, 3},
		{Options{Temperature: 1, TopK: 2}, 2},
		{Options{Temperature: 1, TopK: 9}, 4},
		{Options{Temperature: 1, TopK: 2, TopP: 0.73}, 1}, // .6439/(.6439+.2369) = .7311
		{Options{Temperature: 1, TopK: 2, TopP: 0.74}, 2},
		{Options{}, 1},
	} {
		got := distribution(t, c.o, logits)
		require.Len(t, got, c.keep, "%+v", c.o)
		if c.o.Temperature == 1 {
			total := 0.0
			for i := range got {
				total += p[i]
			}
			for i, x := range got {
				require.InDelta(t, p[i]/total, x.Prob, 1e-6)
			}
		}
	}
	tied := []float32{1, 3, 3, 2, 3}
	require.Equal(t, []int32{1}, ids(distribution(t, Options{}, tied)))
	require.Equal(t, []int32{1, 2}, ids(distribution(t, Options{Temperature: 1, TopK: 2}, tied)))
	require.Equal(t, []int32{1, 2}, ids(distribution(t, Options{Temperature: 1, TopP: 0.5}, tied)))
	inf := float32(math.Inf(-1))
	require.Equal(t, []int32{1}, ids(distribution(t, Options{Temperature: 1}, []float32{inf, -3, inf})))
}

// TestFilters checks the definitions on random logits with many equal values.
func TestFilters(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		logits := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float32 {
			return float32(rapid.IntRange(-6, 6).Draw(t, "logit")) / 2
		}), 1, 60).Draw(rt, "logits")
		o := Options{
			Temperature: rapid.Float64Range(0.1, 3).Draw(rt, "T"),
			TopK:        rapid.IntRange(0, 70).Draw(rt, "k"),
			TopP:        rapid.Float64Range(0, 1).Draw(rt, "p"),
		}
		all := distribution(rt, Options{Temperature: o.Temperature}, logits)
		require.Len(rt, all, len(logits))
		order := slices.Clone(all)
		slices.SortStableFunc(order, func(a, b Candidate) int {
			switch {
			case a.Prob > b.Prob:
				return -1
			case a.Prob < b.Prob:
				return 1
			}
			return 0
		})
		kept := order
		if o.TopK > 0 {
			kept = kept[:min(o.TopK, len(kept))]
		}
		if o.TopP > 0 && o.TopP < 1 {
			sum, n, total := 0.0, 0, 0.0
			for _, c := range kept {
				total += c.Prob
			}
			for _, c := range kept {
				if sum += c.Prob; sum >= o.TopP*total+1e-12 {
					n++
					break
				}
				n++
			}
			// At a tie of sums within rounding both neighbours are right.
			got := len(distribution(rt, o, logits))
			require.LessOrEqual(rt, got, n)
			mass := 0.0
			for _, c := range kept[:got] {
				mass += c.Prob
			}
			require.GreaterOrEqual(rt, mass, o.TopP*total-1e-12, "the nucleus holds its mass")
			require.Less(rt, mass-kept[got-1].Prob, o.TopP*total+1e-12, "and none less would")
			kept = kept[:got]
		}
		want := ids(kept)
		slices.Sort(want)
		got := distribution(rt, o, logits)
		require.Equal(rt, want, ids(got))
		sum := 0.0
		for _, c := range got {
			sum += c.Prob
		}
		require.InDelta(rt, 1, sum, 1e-9)
	})
}

// TestChiSquare draws 200 000 tokens from a filtered distribution: χ² with 4
// degrees of freedom stays below 18.47, its 99.9 % quantile, for this seed.
func TestChiSquare(t *testing.T) {
	const n = 200_000
	logits := []float32{0.3, -0.5, 1, 0, 0.7, -4, -5}
	for _, stream := range []string{"steps", "rows"} {
		s, err := NewSampler(Options{Temperature: 0.7, TopK: 5, Seed: 11})
		require.NoError(t, err)
		want, err := s.Distribution(logits)
		require.NoError(t, err)
		want = slices.Clone(want)
		require.Equal(t, []int32{0, 1, 2, 3, 4}, ids(want))
		counts := make([]float64, len(logits))
		for i := range n {
			row, step := 0, i
			if stream == "rows" {
				row, step = i, 0
			}
			id, err := s.Sample(logits, row, step)
			require.NoError(t, err)
			counts[id]++
		}
		chi := 0.0
		for _, c := range want {
			expected := c.Prob * n
			chi += (counts[c.ID] - expected) * (counts[c.ID] - expected) / expected
		}
		require.Less(t, chi, 18.47, stream)
		require.Zero(t, counts[5]+counts[6])
	}
}

// TestUniform: neighbouring seeds, rows and steps are uncorrelated (|r| below
// 4/√n), and the numbers fill [0, 1) evenly.
func TestUniform(t *testing.T) {
	const n = 100_000
	for name, pair := range map[string]func(i int) (float64, float64){
		"seeds": func(i int) (float64, float64) { return Uniform(uint64(i), 3, 5), Uniform(uint64(i)+1, 3, 5) },
		"rows":  func(i int) (float64, float64) { return Uniform(1, i, 5), Uniform(1, i+1, 5) },
		"steps": func(i int) (float64, float64) { return Uniform(1, 3, i), Uniform(1, 3, i+1) },
		"cross": func(i int) (float64, float64) { return Uniform(1, i, i+1), Uniform(1, i+1, i) },
	} {
		var mean, square, product float64
		for i := range n {
			a, b := pair(i)
			require.True(t, a >= 0 && a < 1)
			mean, square, product = mean+a, square+a*a, product+(a-0.5)*(b-0.5)
		}
		require.InDelta(t, 0.5, mean/n, 4*math.Sqrt(1./12/n), name)
		require.InDelta(t, 1./3, square/n, 4*math.Sqrt(4./45/n), name)
		require.InDelta(t, 0, product/n*12, 4/math.Sqrt(n), name)
	}
	require.Equal(t, Uniform(1, 2, 3), Uniform(1, 2, 3))
	require.NotEqual(t, Uniform(1, 2, 3), Uniform(1, 3, 2))
	// Written down so that a change of the stream does not pass unnoticed.
	require.Equal(t, 0.41755805950440, math.Round(Uniform(1, 2, 3)*1e14)/1e14)
}

func TestBadLogits(t *testing.T) {
	s, err := NewSampler(Options{Temperature: 1})
	require.NoError(t, err)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		logits []float32
		want   string
	}{
		{[]float32{1, nan}, "logit of token 1 is NaN"},
		{[]float32{inf, 1}, "logit of token 0 is +Inf"},
		{[]float32{-inf, -inf}, "no token has a finite logit"},
		{nil, "no token has a finite logit"},
	} {
		_, err := s.Sample(c.logits, 0, 0)
		require.ErrorContains(t, err, c.want)
	}
	_, err = NewSampler(Options{Temperature: -1, TopK: -2, TopP: 1.5})
	for _, want := range []string{"temperature -1", "top-k -2", "top-p 1.5"} {
		require.ErrorContains(t, err, want)
	}
	require.Error(t, Options{TopP: math.NaN()}.Validate())
	require.Error(t, Options{Temperature: math.Inf(1)}.Validate())
}

// A temperature so low that only one weight survives is greedy.
func TestLowTemperature(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	logits := make([]float32, 50)
	for i := range logits {
		logits[i] = rng.Float32()
	}
	require.Equal(t, ids(distribution(t, Options{}, logits)), ids(distribution(t, Options{Temperature: 1e-6}, logits)))
}

func BenchmarkSample(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	logits := make([]float32, 32768)
	for i := range logits {
		logits[i] = float32(3 * rng.NormFloat64())
	}
	for name, o := range map[string]Options{
		"plain": {Temperature: 0.8}, "top_k=40": {Temperature: 0.8, TopK: 40}, "top_p=0.9": {Temperature: 0.8, TopP: 0.9},
	} {
		b.Run(name, func(b *testing.B) {
			s, err := NewSampler(o)
			require.NoError(b, err)
			b.ReportAllocs()
			b.SetBytes(int64(4 * len(logits)))
			for i := 0; b.Loop(); i++ {
				_, _ = s.Sample(logits, 0, i)
			}
		})
	}
}
