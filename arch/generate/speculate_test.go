package generate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// Mutation: accepting a draft when u·p < q, drawing the replacement from p,
// leaving a rejected draft in the row, or drafting with the random number that
// accepts makes these tests fail.

// drafters are models with something to draft with.
func drafters(vocab int) map[string]struct {
	c lm.Config
	o Options
} {
	base := lm.Config{VocabSize: vocab, NumLayers: 2, Dim: 16, NumHeads: 2, HiddenDim: 24, Context: 24}
	parallel, sequential, ternary, looped, both := base, base, base, base, base
	parallel.MTP = lm.MTP{Heads: 3, Kind: lm.Parallel}
	sequential.MTP = lm.MTP{Heads: 2, Kind: lm.Sequential}
	ternary.MTP, ternary.Ternary = lm.MTP{Heads: 2, Kind: lm.Sequential}, true
	looped.Loop, looped.SandwichNorm = lm.Loop{Loops: 3}, true
	both.Loop, both.MTP = lm.Loop{Loops: 2, Gate: true}, lm.MTP{Heads: 2, Kind: lm.Parallel}
	return map[string]struct {
		c lm.Config
		o Options
	}{
		"parallel heads":     {parallel, Options{Draft: 3}},
		"one parallel head":  {parallel, Options{Draft: 1}},
		"sequential heads":   {sequential, Options{Draft: 2}},
		"ternary":            {ternary, Options{Draft: 2}},
		"shallow":            {looped, Options{Draft: 4, DraftDepth: 1}},
		"shallow, deeper":    {looped, Options{Draft: 2, DraftDepth: 2, Depth: 4}},
		"heads of a looped":  {both, Options{Draft: 2}},
		"looped with heads":  {both, Options{Draft: 3, DraftDepth: 1}},
		"heads at one depth": {both, Options{Draft: 2, Depth: 1}},
	}
}

// TestGreedyDraftsChangeNothing: over 1000 random prompts of each model the
// tokens are those without drafts, whatever ends a row.
func TestGreedyDraftsChangeNothing(t *testing.T) {
	for name, d := range drafters(9) {
		t.Run(name, func(t *testing.T) {
			e := engine(t, d.c, infer.WithThreads(1))
			rng := rand.New(rand.NewPCG(1, 9))
			all := make([][]int32, 1000)
			for i := range all {
				all[i] = make([]int32, 1+rng.IntN(6))
				for k := range all[i] {
					all[i][k] = rng.Int32N(9)
				}
			}
			for k, o := range []Options{{MaxTokens: 7}, {Stop: []int32{2, 5}}} {
				all := all[:len(all)/(1+4*k)]
				o.Depth = d.o.Depth
				want, err := Generate(t.Context(), e, all, o, nil)
				require.NoError(t, err)
				o.Draft, o.DraftDepth = d.o.Draft, d.o.DraftDepth
				got, err := Generate(t.Context(), e, all, o, nil)
				require.NoError(t, err)
				steps, tokens, drafted, accepted := 0, 0, 0, 0
				for i := range all {
					require.Equal(t, want[i].IDs, got[i].IDs, "prompt %v", all[i])
					require.Equal(t, want[i].Stopped, got[i].Stopped, "prompt %v", all[i])
					steps, tokens = steps+got[i].Steps, tokens+len(got[i].IDs)
					drafted, accepted = drafted+got[i].Drafted, accepted+got[i].Accepted
				}
				t.Logf("%d of %d drafts accepted, %.2f tokens a step", accepted, drafted, float64(tokens)/float64(steps))
				require.Positive(t, accepted)
				require.Less(t, accepted, drafted)
			}
		})
	}
}

// TestPerfectDrafts: heads that say what the model says have every draft
// accepted, γ+1 tokens for each forward pass.
func TestPerfectDrafts(t *testing.T) {
	c := drafters(9)["parallel heads"].c
	params := map[string]lm.Param{}
	for _, p := range c.Params() {
		params[p.Name] = p
	}
	e, err := infer.New(c, infer.FromGraph(c, func(name string) ([]float32, error) {
		v := params[name].Init(1)
		if name == "lm_head.weight" {
			clear(v) // all logits are 0
		}
		return v, nil
	}))
	require.NoError(t, err)
	defer e.Close()
	for _, temperature := range []float64{0, 1} {
		out, err := Generate(t.Context(), e, [][]int32{{1}, {2}}, Options{MaxTokens: 17, Draft: 3, Temperature: temperature}, nil)
		require.NoError(t, err)
		for _, r := range out {
			require.Equal(t, r.Drafted, r.Accepted)
			require.Equal(t, 1+4, r.Steps, "the first token from the prompt, then four times four")
		}
	}
}

// TestAcceptByHand: p = (.5,.3,.2) and q = (.2,.5,.3) accept .7 of the drafts and
// leave all else to the first token.
func TestAcceptByHand(t *testing.T) {
	p := []Candidate{{0, .5}, {1, .3}, {2, .2}}
	q := []Candidate{{0, .2}, {1, .5}, {2, .3}}
	require.Equal(t, []Candidate{{0, 1}}, residual(p, q))
	share := 0.0
	const n = 100_000
	for i := range n {
		u := (float64(i) + .5) / n
		for _, c := range q {
			if accept(p, q, c.ID, u) {
				share += c.Prob / n
			}
		}
	}
	require.InDelta(t, .7, share, 1e-4)
	require.Equal(t, p, residual(p, p))
	require.False(t, accept(p, q, 7, 0), "what p excludes is not accepted")
}

// TestAcceptKeepsDistribution: for any p and q the token that comes out has p.
func TestAcceptKeepsDistribution(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(rt, "n")
		draw := func(name string) []Candidate {
			var c []Candidate
			for i := range n {
				if w := rapid.Float64Range(0, 1).Draw(rt, name); w > 0.1 || i == 0 {
					c = append(c, Candidate{int32(i), w + 0.01})
				}
			}
			sum := total(c)
			for i := range c {
				c[i].Prob /= sum
			}
			return c
		}
		p, q := draw("p"), draw("q")
		out := make([]float64, n)
		rejected := 1.0
		for _, x := range q {
			kept := math.Min(x.Prob, probability(p, x.ID)) // q·min(1, p/q)
			out[x.ID] += kept
			rejected -= kept
		}
		for _, x := range residual(p, q) {
			out[x.ID] += rejected * x.Prob
		}
		for i := range out {
			require.InDelta(rt, probability(p, int32(i)), out[i], 1e-12)
		}
	})
}

// TestDraftsKeepDistribution draws four tokens many times with and without
// drafts, from other random numbers, and compares how often each sequence comes: the
// χ² statistic of two samples has as many degrees of freedom as sequences less one.
func TestDraftsKeepDistribution(t *testing.T) {
	const vocab, n = 3, 8_000
	for name, d := range drafters(vocab) {
		t.Run(name, func(t *testing.T) {
			e := engine(t, d.c)
			all := make([][]int32, n)
			for i := range all {
				all[i] = []int32{1, 2}
			}
			count := func(o Options) (counts [vocab * vocab * vocab * vocab]float64, accepted int) {
				o.MaxTokens, o.Temperature, o.TopP = 4, 2, 0.97
				out, err := Generate(t.Context(), e, all, o, nil)
				require.NoError(t, err)
				for _, r := range out {
					counts[((r.IDs[0]*vocab+r.IDs[1])*vocab+r.IDs[2])*vocab+r.IDs[3]]++
					accepted += r.Accepted
				}
				return counts, accepted
			}
			plain, _ := count(Options{Seed: 1, Depth: d.o.Depth})
			o := d.o
			o.Seed = 2
			drafted, accepted := count(o)
			require.Positive(t, accepted)
			chi, cells := 0.0, 0
			for i, a := range plain {
				if b := drafted[i]; a+b > 0 {
					chi += (a - b) * (a - b) / (a + b)
					cells++
				}
			}
			p := distuv.ChiSquared{K: float64(cells - 1)}.Survival(chi)
			t.Logf("χ² %.1f over %d sequences, p %.3f; %d drafts accepted", chi, cells, p, accepted)
			require.Greater(t, p, 0.001)
		})
	}
}

// TestDraftRowsAreIndependent: with drafts too a row does not depend on the
// others.
func TestDraftRowsAreIndependent(t *testing.T) {
	for name, d := range drafters(9) {
		e := engine(t, d.c, infer.WithThreads(2))
		o := d.o
		o.MaxTokens, o.Temperature, o.Seed = 10, 1, 3
		all := prompts(MaxRows + 20)
		for i := range all {
			for k := range all[i] {
				all[i][k] %= 9
			}
		}
		want, err := Generate(t.Context(), e, all, o, nil)
		require.NoError(t, err)
		some, err := Generate(t.Context(), e, all[:5], o, nil)
		require.NoError(t, err)
		require.Equal(t, want[:5], some, name)
	}
}

// TestDepthAndExit: fewer passes and early exits are what the engine does.
func TestDepthAndExit(t *testing.T) {
	c := drafters(9)["looped with heads"].c
	e := engine(t, c)
	out, err := Generate(t.Context(), e, [][]int32{{1}}, Options{MaxTokens: 4, Depth: 5}, nil)
	require.NoError(t, err)
	require.Equal(t, []int{5, 5, 5, 5}, out[0].Passes)
	for exit, want := range map[float64][]int{0.5: {1, 1, 1, 1}, 0.6: {2, 2, 2, 2}, 0: {2, 2, 2, 2}} { // the gate begins at a half
		out, err := Generate(t.Context(), e, [][]int32{{1}}, Options{MaxTokens: 4, Exit: exit}, nil)
		require.NoError(t, err)
		require.Equal(t, want, out[0].Passes, "exit %g", exit)
	}
	plain, err := Generate(t.Context(), engine(t, tiny(32)), [][]int32{{1}}, Options{MaxTokens: 2}, nil)
	require.NoError(t, err)
	require.Empty(t, plain[0].Passes)
	require.Equal(t, 2, plain[0].Steps)
}

func TestSpeculateErrors(t *testing.T) {
	d := drafters(9)
	for i, v := range []struct {
		c    lm.Config
		o    Options
		want string
	}{
		{d["parallel heads"].c, Options{Draft: 4}, "3 heads"},
		{tiny(32), Options{Draft: 1}, "0 heads"},
		{tiny(32), Options{Depth: 2}, "not a looped"},
		{tiny(32), Options{Draft: 1, DraftDepth: 1}, "not a looped"},
		{d["shallow"].c, Options{Exit: 0.5}, "no gate"},
		{d["shallow"].c, Options{Draft: 1, DraftDepth: 3}, "fewer passes than the 3"},
		{d["shallow"].c, Options{Draft: 1, DraftDepth: 2, Depth: 2}, "fewer passes than the 2"},
		{d["looped with heads"].c, Options{Draft: 1, Exit: 0.5}, "do not go with an exit"},
		{d["shallow"].c, Options{DraftDepth: 1}, "only with drafts"},
		{d["shallow"].c, Options{Exit: 2}, "between 0 and 1"},
		{d["shallow"].c, Options{Depth: -1}, "0 or more"},
		{d["shallow"].c, Options{Draft: -1}, "0 or more"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			_, err := Generate(t.Context(), engine(t, v.c), [][]int32{{1}}, v.o, nil)
			require.ErrorContains(t, err, v.want)
		})
	}
}
