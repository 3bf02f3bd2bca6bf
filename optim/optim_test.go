package optim

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"
)

// Mutation: replacing Gain by the plain complement in Apply makes
// TestNonFiniteStepChangesNothing fail.

// problem is a small regression with a matrix and a vector.
type problem struct {
	store *model.Store
	opt   *Optimizer
	exec  *model.Exec
}

var params = []Param{
	{Name: "w", Shape: []int{6, 4}, Class: "matrix", FanIn: 0, FanOut: 1},
	{Name: "b", Shape: []int{4}, Class: "vector", FanIn: -1, FanOut: -1},
}

func groups() []Group {
	return []Group{
		{Class: []string{"matrix"}, Rule: muon.New(), LR: 0.05},
		{Rule: adamw.New(), LR: 0.05},
	}
}

func newProblem(t *testing.T, cfg Config) *problem {
	t.Helper()
	o, err := New(params, cfg)
	require.NoError(t, err)
	store := model.NewStore()
	for _, p := range params {
		v := make([]float32, p.Size())
		for i := range v {
			v[i] = float32(i%5) * 0.3
		}
		_, err := store.CreateVariable("/"+p.Name, tensors.FromFlatDataAndDimensions(v, p.Shape...))
		require.NoError(t, err)
	}
	o.InitState(store)
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x *Node) (*Node, *Node, *Node) {
		w, b := store.GetVariable("/w").NodeValue(x), store.GetVariable("/b").NodeValue(x)
		y := Add(MatMul(x, w), ExpandLeftToRank(b, 2))
		loss := ReduceAllMean(Square(SubScalar(y, 1)))
		m := o.Apply(scope, o.Gradients(scope, loss), loss)
		return loss, m.GradNorm, m.Skipped
	})
	require.NoError(t, err)
	return &problem{store, o, exec}
}

func (p *problem) step(t *testing.T, scale float32) (loss, norm, skipped float32) {
	t.Helper()
	x := make([]float32, 48)
	for i := range x {
		x[i] = float32(math.Sin(float64(i))) * scale
	}
	a, b, c, err := p.exec.Call3(tensors.FromFlatDataAndDimensions(x, 8, 6))
	require.NoError(t, err)
	return tensors.ToScalar[float32](a), tensors.ToScalar[float32](b), tensors.ToScalar[float32](c)
}

// snapshot copies every variable's bytes.
func (p *problem) snapshot() map[string][]byte {
	all := map[string][]byte{}
	for v := range p.store.IterVariables() {
		_ = v.MustValue().ConstBytes(func(b []byte) { all[v.Path()] = append([]byte{}, b...) })
	}
	return all
}

func TestNonFiniteStepChangesNothing(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), 1e30} { // 1e30: the norm overflows
		p := newProblem(t, Config{Groups: groups(), Clip: 1})
		p.step(t, 1)
		before := p.snapshot()
		_, _, skipped := p.step(t, float32(bad))
		require.Equal(t, float32(1), skipped)
		after := p.snapshot()
		require.NotEqual(t, before["/optim/skipped"], after["/optim/skipped"])
		delete(before, "/optim/skipped")
		delete(after, "/optim/skipped")
		require.Equal(t, before, after)
		steps, count := p.opt.Counters(p.store)
		require.Equal(t, []int{1, 1}, []int{steps, count})
		_, _, skipped = p.step(t, 1)
		require.Zero(t, skipped)
	}
	first := newProblem(t, Config{Groups: groups()}) // a first step that is skipped divides by no zero
	before := first.snapshot()
	first.step(t, float32(math.NaN()))
	require.Equal(t, before["/w"], first.snapshot()["/w"])
}

func TestConverges(t *testing.T) {
	p := newProblem(t, Config{Groups: groups(), Clip: 1})
	first, _, _ := p.step(t, 1)
	var last float32
	for i := range 300 {
		require.NoError(t, p.opt.SetMultiplier(p.store, 1-float64(i)/300))
		last, _, _ = p.step(t, 1)
	}
	require.Less(t, last, first/100)
}

func TestPlanEqualsLive(t *testing.T) {
	p := newProblem(t, Config{Groups: groups()})
	require.Equal(t, p.opt.PlanStateBytes(), StateBytes(p.store))
	p.step(t, 1)
	require.Equal(t, p.opt.PlanStateBytes(), StateBytes(p.store))
	require.Equal(t, int64(4*24+2*4*4+12+2*12), p.opt.PlanStateBytes()) // Muon one moment, AdamW two, counters, inputs
}

func TestResumeIsExact(t *testing.T) {
	straight, first := newProblem(t, Config{Groups: groups(), Clip: 0.5}), newProblem(t, Config{Groups: groups(), Clip: 0.5})
	for range 6 {
		straight.step(t, 1)
	}
	for range 3 {
		first.step(t, 1)
	}
	resumed := newProblem(t, Config{Groups: groups(), Clip: 0.5})
	for v := range first.store.IterVariables() {
		clone, err := v.MustValue().LocalClone()
		require.NoError(t, err)
		require.NoError(t, resumed.store.GetVariable(v.Path()).SetValue(clone))
	}
	for range 3 {
		resumed.step(t, 1)
	}
	require.Equal(t, straight.snapshot(), resumed.snapshot())
}

func TestInputsActWithoutRecompiling(t *testing.T) {
	compiled := 0
	p := newProblem(t, Config{Groups: groups()})
	exec, err := model.NewExec(backend, p.store, func(scope *model.Scope, x *Node) *Node {
		compiled++
		loss := ReduceAllSum(MatMul(x, p.store.GetVariable("/w").NodeValue(x)))
		b := p.store.GetVariable("/b").NodeValue(x)
		loss = Add(loss, ReduceAllSum(Square(b)))
		p.opt.Apply(scope, p.opt.Gradients(scope, loss), loss)
		return loss
	})
	require.NoError(t, err)
	start := p.snapshot()
	run := func(set func() error) map[string][]byte {
		for path, bytes := range start {
			v := p.store.GetVariable(path)
			require.NoError(t, v.MustValue().MutableBytes(func(b []byte) { copy(b, bytes) }))
		}
		require.NoError(t, set())
		for range 2 {
			_, err := exec.Call1(tensors.FromFlatDataAndDimensions([]float32{1, 2, 3, 4, 5, 6}, 1, 6))
			require.NoError(t, err)
		}
		return p.snapshot()
	}
	plain := run(func() error { return nil })
	for name, set := range map[string]func() error{
		"multiplier": func() error { return p.opt.SetMultiplier(p.store, 0.5) },
		"lr":         func() error { return p.opt.SetLR(p.store, 0, 0.5) },
		"decay":      func() error { return p.opt.SetDecay(p.store, 0, 0.5) },
	} {
		require.NotEqual(t, plain["/w"], run(set)["/w"], name)
	}
	momentum := run(func() error { return p.opt.SetMomentum(p.store, 1, 0.5) })
	require.NotEqual(t, plain["/b"], momentum["/b"])
	require.Equal(t, 1, compiled)
}

func TestClipActs(t *testing.T) {
	free, bound := newProblem(t, Config{Groups: []Group{{Rule: adamw.New(), LR: 0.1}}}), newProblem(t, Config{Groups: []Group{{Rule: adamw.New(), LR: 0.1}}, Clip: 1e-3})
	_, norm, _ := free.step(t, 1)
	_, same, _ := bound.step(t, 1)
	require.Equal(t, norm, same, "the norm is the one before clipping")
	require.NotEqual(t, free.snapshot()["/optim/momentum/w"], bound.snapshot()["/optim/momentum/w"])
}

func TestAccumulation(t *testing.T) {
	o, err := New(params, Config{Groups: groups()})
	require.NoError(t, err)
	p := newProblem(t, Config{Groups: groups()})
	add := func(drain bool) func(scope *model.Scope, x *Node) []*Node {
		return func(scope *model.Scope, x *Node) []*Node {
			grads := []*Node{BroadcastToDims(x, 6, 4), BroadcastToDims(x, 4)}
			if !drain {
				o.Accumulate(scope, grads, x)
				return []*Node{x}
			}
			sums, total := o.Drain(scope, grads, x)
			return []*Node{ReduceAllMax(sums[0]), ReduceAllMax(sums[1]), total}
		}
	}
	gather, err := model.NewExec(backend, p.store, func(scope *model.Scope, x *Node) []*Node { return add(false)(scope, x) })
	require.NoError(t, err)
	drain, err := model.NewExec(backend, p.store, func(scope *model.Scope, x *Node) []*Node { return add(true)(scope, x) })
	require.NoError(t, err)
	for range 2 { // the second round starts from empty accumulators
		for range 3 {
			gather.MustCall(float32(2))
		}
		for _, v := range drain.MustCall(float32(1)) {
			require.Equal(t, float32(7), tensors.ToScalar[float32](v))
		}
	}
}

func TestRouting(t *testing.T) {
	_, err := New(params, Config{Groups: []Group{{Class: []string{"matrix"}, Rule: muon.New(), LR: 1}}})
	require.ErrorContains(t, err, "no group takes b")
	_, err = New(params, Config{Groups: []Group{{Rule: muon.New(), LR: 1}}})
	require.ErrorContains(t, err, "want a matrix")
	_, err = New(params, Config{Groups: []Group{{Match: []string{"["}, Rule: adamw.New(), LR: 1}}})
	require.ErrorContains(t, err, "pattern")
	_, err = New(params, Config{})
	require.ErrorContains(t, err, "no groups")
	o, err := New(params, Config{Groups: []Group{{Match: []string{"b*"}, Rule: adamw.New(), LR: 2}, {Rule: muon.New(), LR: 1}}})
	require.NoError(t, err)
	require.Regexp(t, `w +\[6 4\] +matrix +muon +1 +0 +96\n`, o.Table())
	require.Regexp(t, `b +\[4\] +vector +adamw +2 +0 +32\n`, o.Table())
}

func TestMuonOptionsAct(t *testing.T) {
	run := func(r *muon.Rule) []byte {
		p := newProblem(t, Config{Groups: []Group{{Class: []string{"matrix"}, Rule: r, LR: 0.1}, {Rule: adamw.New(), LR: 0.1}}})
		p.step(t, 1)
		p.step(t, 2)
		return p.snapshot()["/w"]
	}
	base := run(muon.New())
	for name, r := range map[string]*muon.Rule{
		"momentum": muon.New().WithMomentum(0.5), "nesterov": muon.New().WithNesterov(false),
		"correction": muon.New().WithBiasCorrection(true), "match_rms": muon.New().WithScale(muon.MatchRMS),
		"spectral": muon.New().WithScale(muon.Spectral),
	} {
		require.NotEqual(t, base, run(r), name)
	}
	require.Equal(t, base, run(muon.New().WithScale(muon.NoScale)), "fan-out below fan-in: the original scale is 1")
	require.Error(t, muon.New().WithScale("x").Check(params[0]))
	require.Error(t, muon.New().WithMomentum(1).Check(params[0]))
	require.Error(t, adamw.New().WithBetas(1, 0).Check(params[0]))
}

func BenchmarkStep(b *testing.B) {
	for name, rule := range map[string]Group{"adamw": {Rule: adamw.New(), LR: 1e-3}, "muon": {Rule: muon.New(), LR: 1e-3}} {
		b.Run(name, func(b *testing.B) {
			p := []Param{{Name: "w", Shape: []int{512, 512}, FanIn: 0, FanOut: 1}}
			o, err := New(p, Config{Groups: []Group{rule}})
			require.NoError(b, err)
			store := model.NewStore()
			_, err = store.CreateVariable("/w", tensors.FromFlatDataAndDimensions(make([]float32, 512*512), 512, 512))
			require.NoError(b, err)
			exec, err := model.NewExec(backend, store, func(scope *model.Scope, g *Node) *Node {
				return o.Apply(scope, []*Node{BroadcastToDims(g, 512, 512)}, g).GradNorm
			})
			require.NoError(b, err)
			exec.MustCall1(float32(1))
			b.SetBytes(4 * 512 * 512)
			b.ReportMetric(float64(o.PlanStateBytes()), "state-bytes")
			for b.Loop() {
				exec.MustCall1(float32(1))
			}
		})
	}
}
