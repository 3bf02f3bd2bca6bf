package muon_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/schedule"
)

// Mutation: giving the fresh gradient the weight of the old momentum in
// Direction, or reading fan-in from FanOut in Factor, fails here.

func normal(rng *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * scale)
	}
	return v
}

func matrix(rows, cols int) optim.Param {
	return optim.Param{Name: "w", Shape: []int{rows, cols}, Class: "matrix", FanIn: 0, FanOut: 1}
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rows, cols := rapid.IntRange(1, 24).Draw(r, "rows"), rapid.IntRange(1, 24).Draw(r, "cols")
		p := matrix(rows, cols)
		want := ref.Muon{
			LR:        rapid.Float64Range(1e-4, 0.1).Draw(r, "lr"),
			Momentum:  rapid.SampledFrom([]float64{0, 0.5, 0.95}).Draw(r, "momentum"),
			Decay:     rapid.Float64Range(0, 1).Draw(r, "decay"),
			Nesterov:  rapid.Bool().Draw(r, "nesterov"),
			Corrected: rapid.Bool().Draw(r, "corrected"),
			Neuron:    rapid.SampledFrom([]float64{0, 0, 0.5, 0.95}).Draw(r, "neuron"),
		}
		rule := muon.New().WithMomentum(want.Momentum).WithNesterov(want.Nesterov).WithBiasCorrection(want.Corrected).WithNeuronNorm(want.Neuron)
		slope := 485.0
		if rapid.Bool().Draw(r, "polar express") {
			rule, slope = rule.WithOrthogonalizer(orthogonal.PolarExpress5()), 990
			want.Orth = func(m ref.Matrix) ref.Matrix {
				return ref.NewtonSchulz(m, ref.PolarExpress, func(n float64) float64 { return 1.02*n + 1e-6 })
			}
		} else {
			want.Orth = func(m ref.Matrix) ref.Matrix { return ref.NewtonSchulz(m, ref.Classic, ref.ClampNorm) }
		}
		scale := rapid.SampledFrom([]muon.Scale{muon.Original, muon.MatchRMS, muon.Spectral, muon.NoScale}).Draw(r, "scale")
		rule = rule.WithScale(scale)
		in, out := float64(rows), float64(cols)
		want.Scale = map[muon.Scale]float64{
			muon.Original: math.Sqrt(max(1, out/in)), muon.MatchRMS: 0.2 * math.Sqrt(max(in, out)), muon.Spectral: math.Sqrt(out / in), muon.NoScale: 1,
		}[scale]

		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		size := math.Pow(10, rapid.Float64Range(-8, 12).Draw(r, "log gradient"))
		w0 := normal(rng, rows*cols, 1)
		sim := optimtest.New(r, []optim.Param{p}, optim.Config{Groups: []optim.Group{{Rule: rule, LR: want.LR, WeightDecay: want.Decay}}}, w0)
		w := ref.Matrix{Rows: rows, Cols: cols, Data: optimtest.Widen(w0)}
		travelled := 0.0
		for step := range 4 {
			g := normal(rng, rows*cols, size)
			sim.Step(r, 0, g)
			want.Step(w, ref.Matrix{Rows: rows, Cols: cols, Data: optimtest.Widen(g)})
			// One update has norm η·s·√rank; the polynomial magnifies roundings by
			// its slope. The weights are rounded three times a step.
			travelled += want.LR * want.Scale * math.Sqrt(float64(min(rows, cols)))
			tol := travelled*8*slope/(1<<24) + float64(step+1)*3*ref.Norm(w.Data)/(1<<24)
			diff := make([]float64, len(w.Data))
			for i, x := range sim.Value("/w") {
				diff[i] = w.Data[i] - float64(x)
			}
			require.LessOrEqual(r, ref.Norm(diff), tol, "step %d", step)
		}
	})
}

// TestMomentumWarmup: a momentum that changes with every step is the reference's,
// on one graph.
func TestMomentumWarmup(t *testing.T) {
	const rows, cols, steps = 6, 9, 6
	rng := rand.New(rand.NewPCG(4, 4))
	w0 := normal(rng, rows*cols, 1)
	warmup := schedule.Momentum{Start: 0.5, End: 0.9, Steps: 4}
	want := ref.Muon{LR: 0.05, Nesterov: true, Scale: 1, Orth: func(m ref.Matrix) ref.Matrix { return ref.NewtonSchulz(m, ref.Classic, ref.ClampNorm) }}
	sim := optimtest.New(t, []optim.Param{matrix(rows, cols)}, optim.Config{Groups: []optim.Group{{Rule: muon.New().WithScale(muon.NoScale), LR: want.LR}}}, w0)
	w := ref.Matrix{Rows: rows, Cols: cols, Data: optimtest.Widen(w0)}
	for step := range steps {
		want.Momentum = ref.MomentumWarmup(step, warmup.Steps, warmup.Start, warmup.End)
		require.NoError(t, sim.Opt.SetMomentum(sim.Store, 0, warmup.At(step)))
		g := normal(rng, rows*cols, 1)
		sim.Step(t, 0, g)
		want.Step(w, ref.Matrix{Rows: rows, Cols: cols, Data: optimtest.Widen(g)})
	}
	require.Equal(t, 1, sim.Compiled)
	// As in TestAgainstReference: updates of norm η·√6, magnified roundings.
	tol := steps * (want.LR*math.Sqrt(rows)*8*485 + 3*ref.Norm(w.Data)) / (1 << 24)
	require.InDeltaSlice(t, w.Data, optimtest.Widen(sim.Value("/w")), tol)
}

// TestOptionsAct: no option may be ignored. Each run differs from the default.
func TestOptionsAct(t *testing.T) {
	run := func(rule *muon.Rule, change func(*optim.Group)) string {
		g := optim.Group{Rule: rule, LR: 0.1}
		if change != nil {
			change(&g)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		sim := optimtest.New(t, []optim.Param{matrix(4, 6)}, optim.Config{Groups: []optim.Group{g}}, normal(rng, 24, 1))
		sim.Step(t, 0, normal(rng, 24, 1))
		sim.Step(t, 0, normal(rng, 24, 1))
		return fmt.Sprint(sim.Value("/w"))
	}
	set := func(key string, value any) *model.Scope {
		store := model.NewStore()
		store.SetParam("/"+key, value)
		return store.RootScope()
	}
	base := run(muon.New(), nil)
	half := 0.5
	results := map[string]string{
		"momentum":        run(muon.New().WithMomentum(0.5), nil),
		"neuron norm":     run(muon.New().WithNeuronNorm(0.95), nil),
		"nesterov":        run(muon.New().WithNesterov(false), nil),
		"correction":      run(muon.New().WithBiasCorrection(true), nil),
		"original":        run(muon.New().WithScale(muon.Original), nil),
		"none":            run(muon.New().WithScale(muon.NoScale), nil),
		"polar express 5": run(muon.New().WithOrthogonalizer(orthogonal.PolarExpress5()), nil),
		"polar express 8": run(muon.New().WithOrthogonalizer(orthogonal.PolarExpress8()), nil),
		"four steps":      run(muon.New().WithOrthogonalizer(orthogonal.Classic(4)), nil),
		"group rate":      run(muon.New(), func(g *optim.Group) { g.LR = 0.2 }),
		"group decay":     run(muon.New(), func(g *optim.Group) { g.WeightDecay = 0.5 }),
		"default":         base,
	}
	seen := map[string]string{}
	for name, got := range results {
		require.Empty(t, seen[got], "%s does what %s does", name, seen[got])
		seen[got] = name
	}
	require.Equal(t, results["momentum"], run(muon.New().FromScope(set(muon.ParamMomentum, 0.5)), nil))
	require.Equal(t, results["nesterov"], run(muon.New().FromScope(set(muon.ParamNesterov, false)), nil))
	require.Equal(t, results["original"], run(muon.New().FromScope(set(muon.ParamScale, "original")), nil))
	require.Equal(t, results["momentum"], run(muon.New(), func(g *optim.Group) { g.Momentum = &half }))
	require.Equal(t, base, run(muon.New().FromScope(model.NewStore().RootScope()), nil), "nothing set, nothing changed")
	require.NotEqual(t, run(muon.New().WithNesterov(false), nil), run(muon.New().WithNesterov(false).WithOrthogonalizer(orthogonal.Classic(4)), nil))
}

// TestBFloat16Products: the Go backend refuses with the orthogonalizer's error;
// elsewhere the step is another one, by what five steps in bfloat16 may do.
func TestBFloat16Products(t *testing.T) {
	step := func(rule *muon.Rule) (*tensors.Tensor, error) {
		store := model.NewStore()
		rng := rand.New(rand.NewPCG(1, 1))
		_, err := store.CreateVariable("/w", optimtest.Tensor([]int{4, 6}, normal(rng, 24, 1)))
		require.NoError(t, err)
		opt, err := optim.New([]optim.Param{matrix(4, 6)}, optim.Config{Groups: []optim.Group{{Rule: rule, LR: 0.1}}})
		require.NoError(t, err)
		exec, err := model.NewExec(optimtest.Backend, store, func(scope *model.Scope, in []*Node) []*Node {
			return []*Node{opt.Apply(scope, in[:1], in[1]).GradNorm}
		})
		require.NoError(t, err)
		_, err = exec.Call(optimtest.Tensor([]int{4, 6}, normal(rng, 24, 1)), tensors.FromScalar(float32(0)))
		return store.GetVariable("/w").MustValue(), err
	}
	want, err := step(muon.New())
	require.NoError(t, err)
	got, err := step(muon.New().WithOrthogonalizer(orthogonal.Classic(5).WithDType(dtypes.BFloat16)))
	if !optimtest.OnXLA() {
		var refused *orthogonal.DTypeError
		require.ErrorAs(t, err, &refused)
		return
	}
	require.NoError(t, err)
	a, b := tensors.MustCopyFlatData[float32](want), tensors.MustCopyFlatData[float32](got)
	require.NotEqual(t, a, b)
	// η·s times an orthogonal matrix in both, whose elements are at most 1.2
	require.InDeltaSlice(t, a, b, 0.1*muon.New().Factor(matrix(4, 6))*2*1.2)
}

// TestFactor holds the scales of equation 4 of arXiv:2502.16982 and its peers
// for both layouts of the same layer with 8 inputs and 32 outputs.
func TestFactor(t *testing.T) {
	inOut := optim.Param{Shape: []int{8, 32}, FanIn: 0, FanOut: 1}
	outIn := optim.Param{Shape: []int{32, 8}, FanIn: 1, FanOut: 0}
	narrow := optim.Param{Shape: []int{32, 8}, FanIn: 0, FanOut: 1}
	for _, c := range []struct {
		scale        muon.Scale
		wide, narrow float64
	}{
		{muon.Original, 2, 1}, {muon.MatchRMS, 0.2 * math.Sqrt(32), 0.2 * math.Sqrt(32)}, {muon.Spectral, 2, 0.5}, {muon.NoScale, 1, 1},
	} {
		r := muon.New().WithScale(c.scale)
		require.InDelta(t, c.wide, r.Factor(inOut), 1e-12, c.scale)
		require.InDelta(t, c.wide, r.Factor(outIn), 1e-12, c.scale)
		require.InDelta(t, c.narrow, r.Factor(narrow), 1e-12, c.scale)
	}
}

// TestUpdateRMS is what MatchRMS is for: 0.2 in every shape, as AdamW has it.
// Five classic steps leave singular values between 0.68 and 1.2.
func TestUpdateRMS(t *testing.T) {
	for _, shape := range [][2]int{{16, 64}, {64, 16}, {8, 200}, {1, 50}, {50, 1}} {
		rng := rand.New(rand.NewPCG(9, 9))
		n := shape[0] * shape[1]
		sim := optimtest.New(t, []optim.Param{matrix(shape[0], shape[1])}, optim.Config{Groups: []optim.Group{{Rule: muon.New(), LR: 1}}}, make([]float32, n))
		sim.Step(t, 0, normal(rng, n, 3))
		rms := ref.Norm(optimtest.Widen(sim.Value("/w"))) / math.Sqrt(float64(n))
		require.InDelta(t, 0.2, rms, 0.065, "%v", shape)
	}
}

// TestScaleInvariance: all gradients times c give the same trajectory.
func TestScaleInvariance(t *testing.T) {
	run := func(c float64) []float32 {
		rng := rand.New(rand.NewPCG(2, 2))
		sim := optimtest.New(t, []optim.Param{matrix(5, 7)}, optim.Config{Groups: []optim.Group{{Rule: muon.New(), LR: 0.1}}}, make([]float32, 35))
		for range 3 {
			sim.Step(t, 0, normal(rng, 35, c))
		}
		return sim.Value("/w")
	}
	// Powers of two change no mantissa, so that even the roundings are the same.
	require.Equal(t, run(1), run(1<<20))
	require.Equal(t, run(1), run(1.0/(1<<10)))
}

// TestZeroGradient: nothing but decay moves the weights.
func TestZeroGradient(t *testing.T) {
	sim := optimtest.New(t, []optim.Param{matrix(2, 3)}, optim.Config{Groups: []optim.Group{{Rule: muon.New(), LR: 0.5, WeightDecay: 0.5}}}, []float32{1, 2, 3, 4, 5, 6})
	for range 2 {
		sim.Step(t, 0, make([]float32, 6))
	}
	require.Equal(t, []float32{0.5625, 1.125, 1.6875, 2.25, 2.8125, 3.375}, sim.Value("/w")) // (1-0.25)²
}

func TestCheck(t *testing.T) {
	require.NoError(t, muon.New().Check(matrix(2, 3)))
	require.ErrorContains(t, muon.New().Check(optim.Param{Name: "b", Shape: []int{3}}), "b has shape [3], want a matrix; route it to another rule")
	require.ErrorContains(t, muon.New().Check(optim.Param{Name: "w", Shape: []int{3, 3}, FanIn: 1, FanOut: 1}), "fan-in 1, window [] and fan-out 1, want different axes")
	require.ErrorContains(t, muon.New().WithMomentum(1).Check(matrix(2, 3)), "momentum")
	require.ErrorContains(t, muon.New().WithMomentum(math.NaN()).Check(matrix(2, 3)), "momentum")
	require.ErrorContains(t, muon.New().WithScale("x").Check(matrix(2, 3)), `scale "x", want "original"`)
	require.ErrorContains(t, muon.New().WithOrthogonalizer(orthogonal.Preset{}).Check(matrix(2, 3)), "orthogonalizer without steps")
}

func TestStateBytes(t *testing.T) {
	n := int64(0)
	for _, s := range muon.New().State(matrix(5, 3)) {
		n += s.Bytes()
	}
	require.Equal(t, int64(4*15), n)
}
