package optim_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/schedule"
)

// Mutation: dropping the Where in keep, or the clip factor in updateParam,
// fails here.

var twoParams = []optim.Param{
	{Name: "w", Shape: []int{6, 4}, Class: "matrix", FanIn: 0, FanOut: 1},
	{Name: "b", Shape: []int{4}, Class: "vector", FanIn: -1, FanOut: -1},
}

func twoGroups() []optim.Group {
	return []optim.Group{
		{Class: []string{"matrix"}, Rule: muon.New(), LR: 0.05},
		{Rule: adamw.New(), LR: 0.05},
	}
}

func normal(rng *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64() * scale)
	}
	return v
}

// newSim starts both parameters from fixed values.
func newSim(t optimtest.TB, cfg optim.Config) *optimtest.Sim {
	rng := rand.New(rand.NewPCG(1, 1))
	return optimtest.New(t, twoParams, cfg, normal(rng, 24, 1), normal(rng, 4, 1))
}

// steps makes n updates with gradients that depend on first only.
func steps(t optimtest.TB, s *optimtest.Sim, first, n int) {
	for i := range n {
		rng := rand.New(rand.NewPCG(uint64(first+i), 7))
		s.Step(t, 1, normal(rng, 24, 1), normal(rng, 4, 1))
	}
}

func TestNonFiniteStepChangesNothing(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct{ loss, w, b float64 }{
		"NaN loss": {nan, 1, 1}, "infinite loss": {inf, 1, 1}, "NaN gradient": {1, nan, 1}, "infinite gradient": {1, 1, -inf},
		"norm overflows": {1, 1e30, 1}, "all": {nan, nan, inf},
	} {
		for _, before := range []int{0, 2} { // as the very first step, too
			s := newSim(t, optim.Config{Groups: twoGroups(), Clip: 1})
			s.Opt.InitState(s.Store)
			steps(t, s, 0, before)
			was := s.Snapshot()
			w, b := make([]float32, 24), make([]float32, 4)
			w[5], b[1] = float32(c.w), float32(c.b)
			_, skipped := s.Step(t, float32(c.loss), w, b)
			require.True(t, skipped, name)
			is := s.Snapshot()
			require.NotEqual(t, was["/optim/skipped"], is["/optim/skipped"])
			delete(was, "/optim/skipped")
			delete(is, "/optim/skipped")
			require.Equal(t, was, is, name)
			made, missed := s.Opt.Counters(s.Store)
			require.Equal(t, []int{before, 1}, []int{made, missed}, name)

			steps(t, s, before, 2) // and the run goes on as if nothing had been
			straight := newSim(t, optim.Config{Groups: twoGroups(), Clip: 1})
			steps(t, straight, 0, before+2)
			require.Equal(t, straight.Snapshot()["/w"], s.Snapshot()["/w"], name)
			require.Equal(t, straight.Snapshot()["/b"], s.Snapshot()["/b"], name)
		}
	}
}

// TestLossGuard: the same steps as with the whole guard, but of bad ones only those
// with a bad loss are skipped.
func TestLossGuard(t *testing.T) {
	for _, clip := range []float64{0, 1} {
		guarded, free := newSim(t, optim.Config{Groups: twoGroups(), Clip: clip}), newSim(t, optim.Config{Groups: twoGroups(), Clip: clip, LossGuard: true})
		steps(t, guarded, 0, 3)
		steps(t, free, 0, 3)
		require.Equal(t, guarded.Snapshot(), free.Snapshot())
		bad := make([]float32, 24)
		bad[5] = float32(math.Inf(1))
		_, skipped := free.Step(t, float32(math.NaN()), bad, make([]float32, 4))
		require.True(t, skipped)
		require.Equal(t, guarded.Snapshot()["/w"], free.Snapshot()["/w"])
		_, skipped = free.Step(t, 1, bad, make([]float32, 4))
		require.False(t, skipped)
		made, missed := free.Opt.Counters(free.Store)
		require.Equal(t, []int{4, 1}, []int{made, missed})
		require.NotEqual(t, guarded.Snapshot()["/w"], free.Snapshot()["/w"])
	}
	require.True(t, adamw.New().Optimizer(0.1).WithLossGuard().Config().LossGuard)
}

// TestAnyGradientKeepsWeightsFinite: a step either counts, and then everything
// stays finite, or changes nothing.
func TestAnyGradientKeepsWeightsFinite(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rows, cols := rapid.IntRange(1, 9).Draw(r, "rows"), rapid.IntRange(1, 9).Draw(r, "cols")
		params := []optim.Param{
			{Name: "w", Shape: []int{rows, cols}, Class: "matrix", FanIn: 0, FanOut: 1},
			{Name: "b", Shape: []int{cols}, Class: "vector", FanIn: -1, FanOut: -1},
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		s := optimtest.New(r, params, optim.Config{Groups: twoGroups(), Clip: 1}, normal(rng, rows*cols, 1), normal(rng, cols, 1))
		s.Opt.InitState(s.Store)
		special := []float32{0, float32(math.NaN()), float32(math.Inf(1)), 1e30, -1e30, 1e-30, 1e-45, math.MaxFloat32}
		for range 4 {
			scale := math.Pow(10, rapid.Float64Range(-30, 30).Draw(r, "log scale"))
			w, b := normal(rng, rows*cols, scale), normal(rng, cols, scale)
			if rapid.Bool().Draw(r, "special") {
				w[rng.IntN(len(w))] = rapid.SampledFrom(special).Draw(r, "value")
			}
			if rapid.Bool().Draw(r, "zero") {
				clear(b)
			}
			was := s.Snapshot()
			norm, skipped := s.Step(r, 1, w, b)
			require.Equal(r, math.IsNaN(norm) || math.IsInf(norm, 0), skipped)
			is := s.Snapshot()
			if skipped {
				delete(was, "/optim/skipped")
				delete(is, "/optim/skipped")
				require.Equal(r, was, is)
			}
			for v := range s.Store.IterVariables() {
				if v.DType().IsFloat() {
					for _, x := range tensors.MustCopyFlatData[float32](v.MustValue()) {
						require.False(r, math.IsNaN(float64(x)) || math.IsInf(float64(x), 0), "%s after norm %g", v.Path(), norm)
					}
				}
			}
		}
	})
}

// TestClipIsJoint: clipping both gradients by one factor is what the
// reference does, and the reported norm is the one before.
func TestClipIsJoint(t *testing.T) {
	cfg := optim.Config{Groups: []optim.Group{{Rule: adamw.New().WithEpsilon(1), LR: 0.1}}, Clip: 0.5} // with ε = 1 the size of a gradient shows
	s := newSim(t, cfg)
	w, b := optimtest.Widen(s.Value("/w")), optimtest.Widen(s.Value("/b"))
	rw, rb := ref.AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1}, ref.AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1}
	for i := range 4 {
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		gw, gb := normal(rng, 24, 1), normal(rng, 4, 1)
		norm, _ := s.Step(t, 1, gw, gb)
		want := ref.Norm(optimtest.Widen(gw), optimtest.Widen(gb))
		require.InDelta(t, want, norm, want*1e-5)
		f := ref.ClipFactor(want, 0.5)
		require.Less(t, f, 0.2)
		rw.Step(w, scaled(gw, f))
		rb.Step(b, scaled(gb, f))
	}
	require.InDeltaSlice(t, w, optimtest.Widen(s.Value("/w")), 1e-5)
	require.InDeltaSlice(t, b, optimtest.Widen(s.Value("/b")), 1e-5)
}

// TestClipOfAGroup: the group's own norm is bounded, the other group does not
// notice, and where all are bounded too, both bounds hold.
func TestClipOfAGroup(t *testing.T) {
	for _, all := range []float64{0, 0.5, 0.05} {
		rule := adamw.New().WithEpsilon(1)
		cfg := optim.Config{Groups: []optim.Group{{Match: []string{"w"}, Rule: rule, LR: 0.1, Clip: 0.2}, {Rule: rule, LR: 0.1}}, Clip: all}
		s := newSim(t, cfg)
		w, b := optimtest.Widen(s.Value("/w")), optimtest.Widen(s.Value("/b"))
		rw, rb := ref.AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1}, ref.AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1}
		for i := range 3 {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			gw, gb := normal(rng, 24, 1), normal(rng, 4, 1)
			s.Step(t, 1, gw, gb)
			joint, own := 1.0, ref.ClipFactor(ref.Norm(optimtest.Widen(gw)), 0.2)
			if all > 0 {
				joint = ref.ClipFactor(ref.Norm(optimtest.Widen(gw), optimtest.Widen(gb)), all)
			}
			rw.Step(w, scaled(gw, min(joint, own)))
			rb.Step(b, scaled(gb, joint))
		}
		require.InDeltaSlice(t, w, optimtest.Widen(s.Value("/w")), 1e-5, "all %g", all)
		require.InDeltaSlice(t, b, optimtest.Widen(s.Value("/b")), 1e-5, "all %g", all)
	}
}

func scaled(v []float32, f float64) []float64 {
	out := optimtest.Widen(v)
	for i := range out {
		out[i] *= f
	}
	return out
}

func TestPlanEqualsLive(t *testing.T) {
	s := newSim(t, optim.Config{Groups: twoGroups(), Clip: 1})
	require.Zero(t, optim.StateBytes(s.Store))
	s.Opt.InitState(s.Store)
	require.Equal(t, s.Opt.PlanStateBytes(), optim.StateBytes(s.Store))
	steps(t, s, 0, 1)
	require.Equal(t, s.Opt.PlanStateBytes(), optim.StateBytes(s.Store))
	require.Equal(t, int64(4*24+2*4*4+12+2*12), s.Opt.PlanStateBytes()) // Muon one moment, AdamW two, counters, inputs
	for _, spec := range s.Opt.Specs() {
		require.NotNil(t, s.Store.GetVariable(optim.Root+"/"+spec.Name), spec.Name)
	}
	for v := range s.Store.IterVariables() {
		require.Equal(t, !strings.HasPrefix(v.Path(), optim.Root+"/"), v.Trainable, v.Path())
	}
}

// TestResumeIsExact: a run that is interrupted after any step and continued
// from the bytes of its variables in a new store is the straight run.
func TestResumeIsExact(t *testing.T) {
	const total = 5
	cfg := optim.Config{Groups: twoGroups(), Clip: 0.5}
	straight := newSim(t, cfg)
	steps(t, straight, 0, total)
	for stop := range total + 1 {
		first := newSim(t, cfg)
		first.Opt.InitState(first.Store)
		steps(t, first, 0, stop)
		second := newSim(t, cfg)
		second.Opt.InitState(second.Store)
		optimtest.Restore(second.Store, first.Snapshot())
		steps(t, second, stop, total-stop)
		require.Equal(t, straight.Snapshot(), second.Snapshot(), "stopped after %d", stop)
	}
}

// TestScheduleNeverRecompiles drives every input of the graph on one graph, and
// compares each step with the reference.
func TestScheduleNeverRecompiles(t *testing.T) {
	sched := schedule.Config{Kind: "wsd", Warmup: 3, Length: 0.5, Floor: 0.1}
	s := newSim(t, optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 1}}})
	w := optimtest.Widen(s.Value("/w"))
	want := ref.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}
	for i := range 10 {
		multiplier, lr, decay, beta := sched.Multiplier(i, float64(i)/10), 0.1+0.01*float64(i), 0.02*float64(i), 0.5+0.04*float64(i)
		require.NoError(t, s.Opt.SetMultiplier(s.Store, multiplier))
		require.NoError(t, s.Opt.SetLR(s.Store, 0, lr))
		require.NoError(t, s.Opt.SetDecay(s.Store, 0, decay))
		require.NoError(t, s.Opt.SetMomentum(s.Store, 0, beta))
		steps(t, s, i, 1)
		want.LR, want.Decay, want.Beta1 = multiplier*lr, decay, beta
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		want.Step(w, optimtest.Widen(normal(rng, 24, 1)))
		require.InDeltaSlice(t, w, optimtest.Widen(s.Value("/w")), 1e-5, "step %d", i)
	}
	require.Equal(t, 1, s.Compiled)
}

func TestSettersRefuse(t *testing.T) {
	s := newSim(t, optim.Config{Groups: twoGroups()})
	for _, err := range []error{
		s.Opt.SetMultiplier(s.Store, math.NaN()), s.Opt.SetMultiplier(s.Store, -0.1), s.Opt.SetMultiplier(s.Store, math.Inf(1)),
		s.Opt.SetLR(s.Store, 0, -1), s.Opt.SetLR(s.Store, 2, 1), s.Opt.SetLR(s.Store, -1, 1),
		s.Opt.SetDecay(s.Store, 0, math.NaN()), s.Opt.SetMomentum(s.Store, 0, 1), s.Opt.SetMomentum(s.Store, 0, -0.5),
	} {
		require.ErrorContains(t, err, "optim: setting ")
	}
	require.NoError(t, s.Opt.SetMultiplier(s.Store, 0))
	before := s.Snapshot()
	steps(t, s, 0, 1)
	require.Equal(t, before["/w"], s.Snapshot()["/w"], "rate zero, no change")
}

// TestGroupSettings: each group has its own rate, decay and momentum.
func TestGroupSettings(t *testing.T) {
	run := func(change func(groups []optim.Group)) (w, b []float32) {
		groups := twoGroups()
		change(groups)
		s := newSim(t, optim.Config{Groups: groups})
		steps(t, s, 0, 2)
		return s.Value("/w"), s.Value("/b")
	}
	w0, b0 := run(func([]optim.Group) {})
	half := 0.5
	for name, change := range map[string]func(g *optim.Group){
		"rate": func(g *optim.Group) { g.LR = 1 }, "decay": func(g *optim.Group) { g.WeightDecay = 1 }, "momentum": func(g *optim.Group) { g.Momentum = &half },
	} {
		w, b := run(func(groups []optim.Group) { change(&groups[0]) })
		require.NotEqual(t, w0, w, name)
		require.Equal(t, b0, b, name)
		w, b = run(func(groups []optim.Group) { change(&groups[1]) })
		require.Equal(t, w0, w, name)
		require.NotEqual(t, b0, b, name)
	}
}

// TestDecayIsDecoupled: λ acts on the weights and leaves no trace in moments.
func TestDecayIsDecoupled(t *testing.T) {
	run := func(decay float64) *optimtest.Sim {
		s := newSim(t, optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 0.1, WeightDecay: decay}}})
		steps(t, s, 0, 1)
		return s
	}
	with, without := run(0.5), run(0)
	require.Equal(t, without.Value("/optim/momentum/w"), with.Value("/optim/momentum/w"))
	require.Equal(t, without.Value("/optim/second/w"), with.Value("/optim/second/w"))
	start := newSim(t, optim.Config{Groups: twoGroups()}).Value("/w")
	for i, x := range start {
		require.InDelta(t, without.Value("/w")[i]-0.1*0.5*x, with.Value("/w")[i], 1e-6)
	}
}

// TestCautiousDecay: only weights that the step takes towards zero decay.
func TestCautiousDecay(t *testing.T) {
	p := []optim.Param{{Name: "w", Shape: []int{4}, FanIn: -1, FanOut: -1}}
	s := optimtest.New(t, p, optim.Config{Groups: []optim.Group{{Rule: lion.New(), LR: 0.5, WeightDecay: 0.25, CautiousDecay: true}}}, []float32{8, 8, -8, 8})
	s.Step(t, 0, []float32{1, -1, 1, 0}) // the step is against the gradient's sign
	require.Equal(t, []float32{7 - 0.5, 8.5, -8.5, 7}, s.Value("/w"))
}

// TestAccumulationEqualsTheBigBatch: micro-batches of unequal weight, gathered
// and drained, give the update of one batch with the same rows.
func TestAccumulationEqualsTheBigBatch(t *testing.T) {
	rows := [][]float32{{1, 2, 3}, {-1, 0.5, 2}, {0, 1, -2}, {3, 1, 1}, {2, -2, 0.5}, {1, 1, 1}}
	p := []optim.Param{{Name: "w", Shape: []int{3}, Class: "vector", FanIn: -1, FanOut: -1}}
	build := func() (*model.Store, *optim.Optimizer, func(micro ...[][]float32)) {
		o, err := optim.New(p, optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 0.1}}, Clip: 1})
		require.NoError(t, err)
		store := model.NewStore()
		_, err = store.CreateVariable("/w", tensors.FromValue([]float32{0.5, -0.5, 1}))
		require.NoError(t, err)
		loss := func(x *Node) (sum, count *Node) { // Σ (x·w)², rows
			y := Dot(x, store.GetVariable("/w").NodeValue(x)).Product()
			return ReduceAllSum(Square(y)), Scalar(x.Graph(), x.DType(), x.Shape().Dim(0))
		}
		gather, err := model.NewExec(optimtest.Backend, store, func(scope *model.Scope, x *Node) *Node {
			sum, count := loss(x)
			o.Accumulate(scope, o.Gradients(scope, sum), count)
			return sum
		})
		require.NoError(t, err)
		drain, err := model.NewExec(optimtest.Backend, store, func(scope *model.Scope, x *Node) *Node {
			sum, count := loss(x)
			grads, total := o.Drain(scope, o.Gradients(scope, sum), count)
			for i := range grads {
				grads[i] = Div(grads[i], total)
			}
			return o.Apply(scope, grads, sum).GradNorm
		})
		require.NoError(t, err)
		return store, o, func(micro ...[][]float32) {
			for _, b := range micro[:len(micro)-1] {
				_, err := gather.Call1(b)
				require.NoError(t, err)
			}
			_, err := drain.Call1(micro[len(micro)-1])
			require.NoError(t, err)
		}
	}
	big, _, runBig := build()
	small, o, runSmall := build()
	for range 3 { // the later rounds start from empty accumulators
		runBig(rows)
		runSmall(rows[:1], rows[1:4], rows[4:])
		a, b := tensors.MustCopyFlatData[float32](big.GetVariable("/w").MustValue()), tensors.MustCopyFlatData[float32](small.GetVariable("/w").MustValue())
		require.InDeltaSlice(t, a, b, 1e-6)
	}
	made, _ := o.Counters(small)
	require.Equal(t, 3, made)
	require.Equal(t, optim.StateBytes(big), o.PlanStateBytes()+4*4, "accumulators are live, but not part of the plan")
}

func TestApplyPanics(t *testing.T) {
	s := newSim(t, optim.Config{Groups: twoGroups()})
	build := func(grads func(g *Node) []*Node) error {
		exec, err := model.NewExec(optimtest.Backend, s.Store, func(scope *model.Scope, x *Node) *Node {
			return s.Opt.Apply(scope, grads(x), x).GradNorm
		})
		require.NoError(t, err)
		_, err = exec.Call1(float32(1))
		return err
	}
	require.ErrorContains(t, build(func(*Node) []*Node { return nil }), "optim: 0 gradients for 2 parameters")
	require.ErrorContains(t, build(func(x *Node) []*Node { return []*Node{x, x} }), `optim: gradient of "w" is (Float32), want (Float32)[6, 4]`)
	require.NoError(t, s.Store.DeleteVariable("/b"))
	ok := func(x *Node) []*Node { return []*Node{BroadcastToDims(x, 6, 4), BroadcastToDims(x, 4)} }
	require.ErrorContains(t, build(ok), `optim: parameter "b" is not in the store`)
	_, err := s.Store.CreateVariable("/b", tensors.FromValue([]float64{1, 2, 3, 4}))
	require.NoError(t, err)
	require.ErrorContains(t, build(ok), `optim: parameter "b" is (Float64)[4] in the store, want (Float32)[4]`)
}

// TestConverges is a smoke test of the whole: a quadratic to a hundredth.
func TestConverges(t *testing.T) {
	groups := twoGroups()
	groups[0].LR = 0.2 // moves every singular value by 0.2·0.2·√6 a step
	s := newSim(t, optim.Config{Groups: groups, Clip: 1})
	distance := func() float64 { return ref.Norm(optimtest.Widen(s.Value("/w")), optimtest.Widen(s.Value("/b"))) }
	first := distance()
	for i := range 300 {
		require.NoError(t, s.Opt.SetMultiplier(s.Store, 1-float64(i)/300))
		s.Step(t, 1, s.Value("/w"), s.Value("/b")) // the gradient of ‖w‖²/2 + ‖b‖²/2
	}
	require.Less(t, distance(), first/100)
}
