package foam_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/foam"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: leaving the residual's square out of the second moment, dividing a
// short block by its own length, or forgetting α fails here.

func matrix(in, out int) optim.Param {
	return optim.Param{Name: "w", Shape: []int{in, out}, Class: "matrix", FanIn: 0, FanOut: 1}
}

func normal(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func config(rule update.Rule, space update.Space) optim.Config {
	return optim.Config{Groups: []optim.Group{{Rule: rule, LR: 0.1, Space: space}}}
}

// train makes steps with normal gradients and returns the weights.
func train(t optimtest.TB, p optim.Param, cfg optim.Config, steps int) []float32 {
	rng := rand.New(rand.NewPCG(5, 5))
	sim := optimtest.New(t, []optim.Param{p}, cfg, normal(rng, p.Size()))
	for range steps {
		sim.Step(t, 0, normal(rng, p.Size()))
	}
	return sim.Value("/w")
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := matrix(rapid.IntRange(1, 9).Draw(r, "in"), rapid.IntRange(1, 5).Draw(r, "out"))
		want := ref.FOAM{
			LR: math.Pow(10, rapid.Float64Range(-4, -1).Draw(r, "log lr")), Beta1: 0.9, Beta2: 0.95, Eps: 1e-6,
			Decay: rapid.Float64Range(0, 1).Draw(r, "decay"), Level: rapid.IntRange(0, 4).Draw(r, "level"),
			Residual: rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(r, "rho"), Alpha: rapid.SampledFrom([]float64{0.25, 1}).Draw(r, "alpha"),
			Squares: rapid.Bool().Draw(r, "squares"),
		}
		form := foam.SquareOfMean
		if want.Squares {
			form = foam.MeanOfSquares
		}
		space := foam.New(want.Level).WithSecond(form).WithResidual(want.Residual).WithScale(want.Alpha)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		w0 := normal(rng, p.Size())
		sim := optimtest.New(r, []optim.Param{p}, optim.Config{Groups: []optim.Group{{
			Rule: adamw.New().WithEpsilon(want.Eps), LR: want.LR, WeightDecay: want.Decay, Space: space,
		}}}, w0)
		w := ref.Matrix{Rows: p.Shape[0], Cols: p.Shape[1], Data: optimtest.Widen(w0)}
		for range 4 {
			g := normal(rng, p.Size())
			sim.Step(r, 0, g)
			want.Step(w, ref.Matrix{Rows: w.Rows, Cols: w.Cols, Data: optimtest.Widen(g)})
			for i, got := range sim.Value("/w") {
				// A second moment of a mean that cancels may be as small as its
				// rounding, so the step is compared relative to its bound.
				require.InDelta(r, w.Data[i], got, 1e-5+2e-3*want.LR)
			}
		}
	})
}

// TestLevelZero: blocks of one weight leave nothing out, and α = 1 makes it the
// rule itself; only the squares are rounded in another order.
func TestLevelZero(t *testing.T) {
	for _, rule := range []update.Rule{adamw.New(), muon.New(), lion.New()} {
		for _, form := range []foam.Second{foam.MeanOfSquares, foam.SquareOfMean} {
			space := foam.New(0).WithScale(1).WithSecond(form)
			want := optimtest.Widen(train(t, matrix(6, 4), config(rule, nil), 4))
			require.InDeltaSlice(t, want, optimtest.Widen(train(t, matrix(6, 4), config(rule, space), 4)), 1e-6, rule.Name())
		}
	}
}

// TestConstantBlocks: gradients that are equal within blocks are the folded
// parameter's, and the weights move like its.
func TestConstantBlocks(t *testing.T) {
	fold := func(g []float32) (wide []float32) {
		for row := range 2 {
			for range 4 {
				wide = append(wide, g[3*row:3*row+3]...)
			}
		}
		return wide
	}
	start := make([]float32, 24)
	whole := optimtest.New(t, []optim.Param{matrix(8, 3)}, config(adamw.New(), foam.New(2).WithScale(1)), start)
	folded := optimtest.New(t, []optim.Param{matrix(2, 3)}, config(adamw.New(), nil), start[:6])
	rng := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		g := normal(rng, 6)
		whole.Step(t, 0, fold(g))
		folded.Step(t, 0, g)
	}
	require.InDeltaSlice(t, optimtest.Widen(fold(folded.Value("/w"))), optimtest.Widen(whole.Value("/w")), 1e-5)
}

// TestWithoutResidual: all weights of a block take the same step.
func TestWithoutResidual(t *testing.T) {
	sim := optimtest.New(t, []optim.Param{matrix(4, 3)}, config(adamw.New(), foam.New(1).WithResidual(0)), make([]float32, 12))
	sim.Step(t, 0, normal(rand.New(rand.NewPCG(1, 1)), 12))
	w := sim.Value("/w")
	require.Equal(t, w[0:3], w[3:6])
	require.Equal(t, w[6:9], w[9:12])
	require.NotEqual(t, w[0:3], w[6:9])
}

// TestUpdateRMS: the size of steps in a steady state of normal gradients, which
// is why α is not 1.
func TestUpdateRMS(t *testing.T) {
	for form, want := range map[foam.Second]float64{foam.MeanOfSquares: 0.566, foam.SquareOfMean: 0.745} {
		rng := rand.New(rand.NewPCG(2, 2))
		p := matrix(32, 32)
		sim := optimtest.New(t, []optim.Param{p}, optim.Config{Groups: []optim.Group{{
			Rule: adamw.New().WithBetas(0.9, 0.999), LR: 1, Space: foam.New(2).WithScale(1).WithSecond(form)}}}, make([]float32, p.Size()))
		sum, n := 0.0, 0
		for step := range 5000 { // 1-β2^t is 0.993 then
			before := sim.Value("/w")
			sim.Step(t, 0, normal(rng, p.Size()))
			if step < 4950 {
				continue
			}
			for i, w := range sim.Value("/w") {
				sum, n = sum+math.Pow(float64(w-before[i]), 2), n+1
			}
		}
		require.InDelta(t, want, math.Sqrt(sum/float64(n)), 0.02, form)
	}
}

// TestOptionsAct: no option may be ignored.
func TestOptionsAct(t *testing.T) {
	run := func(space *foam.Space) string {
		return fmt.Sprint(train(t, matrix(7, 5), config(adamw.New(), space), 3))
	}
	base := run(foam.New(2))
	for name, space := range map[string]*foam.Space{
		"level": foam.New(1), "second": foam.New(2).WithSecond(foam.SquareOfMean), "residual": foam.New(2).WithResidual(0.5),
		"scale": foam.New(2).WithScale(1), "axis": foam.New(2).WithAxis(1), "true means": foam.New(2).WithTrueMeans(true),
	} {
		require.NotEqual(t, base, run(space), name)
	}
	require.Equal(t, base, run(foam.New(2).WithAxis(0)), "the fan-in is axis 0")
}

func TestStateAndTable(t *testing.T) {
	for _, c := range []struct {
		rule  update.Rule
		space *foam.Space
		kept  update.Storage
		bytes int64
		table string
	}{
		{adamw.New(), foam.New(2), nil, 8 * 3 * 6, "foam-2:float32"},
		{adamw.New(), foam.New(8), nil, 8 * 1 * 6, "foam-8:float32"},
		{muon.New(), foam.New(1).WithAxis(1), nil, 4 * 10 * 3, "foam-1:float32"},
		{adamw.New(), foam.New(2), storage.Dynamic8(8), 2 * (3*6 + 4*3), "foam-2:dynamic8/8"},
	} {
		p := matrix(10, 6)
		cfg := config(c.rule, c.space)
		cfg.Groups[0].Storage, cfg.Groups[0].StoreFrom = c.kept, 1
		sim := optimtest.New(t, []optim.Param{p}, cfg, make([]float32, p.Size()))
		sim.Step(t, 0, normal(rand.New(rand.NewPCG(1, 1)), p.Size()))
		require.Equal(t, c.bytes+24, sim.Opt.PlanStateBytes())
		require.Equal(t, sim.Opt.PlanStateBytes(), optim.StateBytes(sim.Store))
		require.Contains(t, sim.Opt.Table(), " "+c.table+" ")
	}
}

func TestCheck(t *testing.T) {
	vector := optim.Param{Name: "b", Shape: []int{4}, FanIn: -1, FanOut: -1}
	require.NoError(t, foam.New(2).Check(matrix(3, 3)))
	require.NoError(t, foam.New(2).WithAxis(0).Check(vector))
	for want, err := range map[string]error{
		"foam: b with shape [4] has no axis -1": foam.New(2).Check(vector),
		"foam: level -1":                        foam.New(-1).Check(matrix(3, 3)),
		`foam: second moment "mean"`:            foam.New(2).WithSecond("mean").Check(matrix(3, 3)),
		"foam: residual -1":                     foam.New(2).WithResidual(-1).Check(matrix(3, 3)),
		"and scale 0":                           foam.New(2).WithScale(0).Check(matrix(3, 3)),
		"w has parts [1 2] along axis 1":        foam.New(2).WithAxis(1).Check(optim.Param{Name: "w", Shape: []int{3, 3}, FanOut: 1, Parts: []int{1, 2}}),
		"has no axis 2":                         foam.New(2).WithAxis(2).Check(matrix(3, 3)),
	} {
		require.ErrorContains(t, err, want)
	}
	_, err := optim.New([]optim.Param{vector}, config(adamw.New(), foam.New(2)))
	require.ErrorContains(t, err, "group 0: foam: b with shape [4]")
}
