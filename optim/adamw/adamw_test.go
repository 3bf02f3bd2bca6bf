package adamw_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
)

// Mutation: correcting the second moment with the first one's count factor in
// Direction, or leaving ε uncorrected there, fails here.

var shapes = [][]int{{}, {1}, {7}, {1, 9}, {9, 1}, {5, 3}, {2, 3, 4}}

func normal(rng *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * scale)
	}
	return v
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		shape := rapid.SampledFrom(shapes).Draw(r, "shape")
		p := optim.Param{Name: "w", Shape: shape, Class: "vector", FanIn: -1, FanOut: -1}
		want := ref.AdamW{
			LR:    math.Pow(10, rapid.Float64Range(-5, 0).Draw(r, "log lr")),
			Beta1: rapid.SampledFrom([]float64{0, 0.5, 0.9, 0.99}).Draw(r, "beta1"),
			Beta2: rapid.SampledFrom([]float64{0.5, 0.95, 0.999}).Draw(r, "beta2"),
			Eps:   math.Pow(10, rapid.Float64Range(-10, 0).Draw(r, "log eps")),
			Decay: rapid.Float64Range(0, 1).Draw(r, "decay"),
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		scale := math.Pow(10, rapid.Float64Range(-12, 12).Draw(r, "log scale"))
		w0 := normal(rng, p.Size(), 1)
		sim := optimtest.New(r, []optim.Param{p}, optim.Config{Groups: []optim.Group{{
			Rule: adamw.New().WithBetas(want.Beta1, want.Beta2).WithEpsilon(want.Eps), LR: want.LR, WeightDecay: want.Decay,
		}}}, w0)
		w := optimtest.Widen(w0)
		tol := make([]float64, len(w))
		for step := range 5 {
			g := normal(rng, p.Size(), scale)
			if step == 3 {
				clear(g) // a zero gradient in between
			}
			sim.Step(r, 0, g)
			before := append([]float64{}, w...)
			want.Step(w, optimtest.Widen(g))
			got := sim.Value("/w")
			for i := range w {
				// A step rounds the weight three times, and the direction some ten times:
				// relative to its own size, or to the largest gradient seen over √v, which
				// is at most 32 for the β2 above.
				tol[i] += (3*math.Max(1, math.Abs(w[i])) + 10*math.Abs(w[i]-before[i]) + 10*32*want.LR) / (1 << 24)
				require.InDelta(r, w[i], got[i], tol[i], "step %d", step)
			}
		}
	})
}

// TestOptionsAct: no option may be ignored. Each run differs from the default.
func TestOptionsAct(t *testing.T) {
	p := optim.Param{Name: "w", Shape: []int{3}, Class: "vector", FanIn: -1, FanOut: -1}
	run := func(rule *adamw.Rule, change func(*optim.Group)) string {
		g := optim.Group{Rule: rule, LR: 0.1}
		if change != nil {
			change(&g)
		}
		sim := optimtest.New(t, []optim.Param{p}, optim.Config{Groups: []optim.Group{g}}, []float32{1, 2, 3})
		sim.Step(t, 0, []float32{1, -1, 0.5})
		sim.Step(t, 0, []float32{-2, 1, 3})
		return fmt.Sprint(sim.Value("/w"))
	}
	set := func(key string, value any) *model.Scope {
		store := model.NewStore()
		store.SetParam("/"+key, value)
		return store.RootScope()
	}
	base := run(adamw.New(), nil)
	half := 0.5
	for name, got := range map[string]string{
		"beta1":              run(adamw.New().WithBetas(0.5, 0.95), nil),
		"beta2":              run(adamw.New().WithBetas(0.9, 0.5), nil),
		"epsilon":            run(adamw.New().WithEpsilon(0.1), nil),
		"beta1 from scope":   run(adamw.New().FromScope(set("adam_beta1", 0.5)), nil),
		"beta2 from scope":   run(adamw.New().FromScope(set("adam_beta2", 0.5)), nil),
		"epsilon from scope": run(adamw.New().FromScope(set("adam_epsilon", 0.1)), nil),
		"group momentum":     run(adamw.New(), func(g *optim.Group) { g.Momentum = &half }),
		"group rate":         run(adamw.New(), func(g *optim.Group) { g.LR = 0.2 }),
		"group decay":        run(adamw.New(), func(g *optim.Group) { g.WeightDecay = 0.5 }),
	} {
		require.NotEqual(t, base, got, name)
	}
	require.Equal(t, run(adamw.New().WithBetas(0.5, 0.95), nil), run(adamw.New(), func(g *optim.Group) { g.Momentum = &half }))
	require.Equal(t, base, run(adamw.New().FromScope(model.NewStore().RootScope()), nil), "nothing set, nothing changed")
}

// TestFirstStep: with both corrections the first step is lr·g/(|g|+ε).
func TestFirstStep(t *testing.T) {
	p := optim.Param{Name: "w", Shape: []int{4}, Class: "vector", FanIn: -1, FanOut: -1}
	sim := optimtest.New(t, []optim.Param{p}, optim.Config{Groups: []optim.Group{{Rule: adamw.New().WithEpsilon(0.5), LR: 0.1}}}, make([]float32, 4))
	sim.Step(t, 0, []float32{0.5, -0.5, 100, 0})
	require.InDeltaSlice(t, []float64{-0.05, 0.05, -0.1 * 100 / 100.5, 0}, optimtest.Widen(sim.Value("/w")), 1e-6)
}

func TestCheck(t *testing.T) {
	require.NoError(t, adamw.New().Check(optim.Param{}))
	for _, r := range []*adamw.Rule{
		adamw.New().WithBetas(1, 0.9), adamw.New().WithBetas(-0.1, 0.9), adamw.New().WithBetas(0.9, 1),
		adamw.New().WithBetas(0.9, math.NaN()), adamw.New().WithBetas(math.NaN(), 0.9),
		adamw.New().WithEpsilon(0), adamw.New().WithEpsilon(math.NaN()),
	} {
		require.ErrorContains(t, r.Check(optim.Param{}), "adamw: ", "%+v", r)
	}
}

func TestStateBytes(t *testing.T) {
	n := int64(0)
	for _, s := range adamw.New().State(optim.Param{Shape: []int{5, 3}}) {
		n += s.Bytes()
	}
	require.Equal(t, int64(8*15), n)
}
