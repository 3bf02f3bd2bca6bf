package looplm

import (
	"fmt"
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/arch/internal/ref"
	"github.com/nanochat-go/nanochat/arch/internal/reftest"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// Mutation: a λ of the wrong pass in Exits, entropy with the other sign, a
// gradient through w of Stage II, or a dropped β makes these tests fail.

func logit(p float64) float32 { return float32(math.Log(p / (1 - p))) }

// exits runs Exits on one token.
func exits(t require.TestingT, g []float32, passes int) (p []float64, entropy float64) {
	var in []any
	for _, x := range g {
		in = append(in, x)
	}
	out, err := ExecOnceN(backend, func(in []*Node) []*Node {
		p, h := Exits(in, passes)
		return append(p, h)
	}, in...)
	require.NoError(t, err)
	for _, x := range out {
		p = append(p, float64(tensors.ToScalar[float32](x)))
	}
	return p[:passes], p[passes]
}

// TestExitsByHand: the distributions and entropies that the method's authors
// could have computed by hand.
func TestExitsByHand(t *testing.T) {
	for _, v := range []struct {
		lambda  [3]float64
		p       []float64
		entropy float64
	}{
		{[3]float64{.5, .5, .5}, []float64{.5, .25, .125, .125}, 1.2130075660},
		{[3]float64{.1, .4, .7}, []float64{.1, .36, .378, .162}, 1.2606601968},
		{[3]float64{.25, 1. / 3, .5}, []float64{.25, .25, .25, .25}, 1.3862943611}, // ln 4, the most
	} {
		want := ref.ExitDistribution([]float64{v.lambda[0], v.lambda[1], v.lambda[2], 0.9})
		require.InDeltaSlice(t, v.p, want, 1e-12)
		require.InDelta(t, v.entropy, ref.Entropy(want), 1e-10)
		p, h := exits(t, []float32{logit(v.lambda[0]), logit(v.lambda[1]), logit(v.lambda[2])}, 4)
		require.InDeltaSlice(t, v.p, p, 1e-6)
		require.InDelta(t, v.entropy, h, 1e-6)
	}
	lambda := []float64{.5, .5, .5, .9}
	require.InDelta(t, 2.6625, ref.ExpectedLoss(lambda, []float64{3, 2.5, 2.2, 2.1}, 0), 1e-12)
	require.InDelta(t, 2.5411992434, ref.ExpectedLoss(lambda, []float64{3, 2.5, 2.2, 2.1}, .1), 1e-10)
	for q, m := range map[float64]int{.5: 3, .45: 2, .9: 4, .09: 1} {
		require.Equal(t, m, ref.QExit([]float64{.1, .4, .7, .9}, q), "q %g", q)
	}
}

// TestExitsAtTheEnds: gates that are shut or open for good give exact
// probabilities and an entropy of zero, and no gradient that is not finite.
func TestExitsAtTheEnds(t *testing.T) {
	p, h := exits(t, []float32{-200, -200, -200}, 4)
	require.Equal(t, []float64{0, 0, 0, 1}, p)
	require.Zero(t, h)
	p, h = exits(t, []float32{200, 0, 0}, 4)
	require.Equal(t, []float64{1, 0, 0, 0}, p)
	require.Zero(t, h)
	for _, g := range []float32{-200, 0, 200} {
		out := MustExecOnce(backend, func(x *Node) *Node {
			p, h := Exits([]*Node{x, x}, 3)
			return Gradient(Add(h, Mul(p[0], p[1])), x)[0]
		}, g)
		require.False(t, math.IsNaN(float64(tensors.ToScalar[float32](out))), "gate %g", g)
	}
}

// TestExitsEqualReference for any gates and numbers of passes.
func TestExitsEqualReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		passes := rapid.IntRange(1, 6).Draw(rt, "R")
		g := rapid.SliceOfN(rapid.Float32Range(-12, 12), passes, passes).Draw(rt, "gates")
		lambda := make([]float64, passes)
		for i, x := range g {
			lambda[i] = 1 / (1 + math.Exp(-float64(x)))
		}
		want := ref.ExitDistribution(lambda)
		p, h := exits(rt, g, passes)
		require.InDeltaSlice(rt, want, p, 1e-6)
		require.InDelta(rt, ref.Entropy(want), h, 5e-6)
	})
}

// TestSoftplus: its derivative at 0, where the gate begins, is a half.
func TestSoftplus(t *testing.T) {
	for x, want := range map[float32][2]float64{0: {math.Ln2, 0.5}, 3: {3.0485873516, 0.9525741268}, -3: {0.0485873516, 0.0474258732}, 100: {100, 1}} {
		out := MustExecOnceN(backend, func(in []*Node) []*Node {
			y := softplus(in[0])
			return []*Node{y, Gradient(y, in[0])[0]}
		}, x)
		for i := range want {
			require.InDelta(t, want[i], float64(tensors.ToScalar[float32](out[i])), 1e-6)
		}
	}
}

// evaluation is what a model makes of rows.
type evaluation struct {
	objective, nll, count float64
	parts                 map[string]float64 // means
	grads                 []*tensors.Tensor
}

// evaluate runs an objective on rows; build receives β.
func evaluate(t *testing.T, c lm.Config, r *ref.Model, rows []ref.Batch, beta float32, build func(beta *Node) lm.Objective) evaluation {
	t.Helper()
	m, err := lm.New(c)
	require.NoError(t, err)
	var names []string
	exec, err := model.NewExec(backend, reftest.Store(t, m.Params(), r), func(scope *model.Scope, in []*Node) []*Node {
		l := m.Losses([]lm.Objective{build(in[4])}, new(quant.Operands), scope, in[0], in[1], in[2], in[3])
		out := []*Node{l.Objective, l.NLL, l.Count}
		names = nil
		for _, p := range l.Parts {
			names, out = append(names, p.Name), append(out, Div(p.Sum, p.Count))
		}
		var at []*Node
		for _, p := range m.Params() {
			at = append(at, scope.Store().GetVariable("/"+p.Name).NodeValue(l.NLL.Graph()))
		}
		return append(out, Gradient(l.Objective, at...)...)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(append(reftest.Tensors(rows), beta)...)
	require.NoError(t, err)
	number := func(i int) float64 { return float64(tensors.ToScalar[float32](out[i])) }
	e := evaluation{objective: number(0), nll: number(1), count: number(2), parts: map[string]float64{}, grads: out[3+len(names):]}
	for i, name := range names {
		e.parts[name] = number(3 + i)
	}
	return e
}

func stageOne(beta *Node) lm.Objective { return Objective{Beta: beta} }

func loopConfig(change func(c *lm.Config)) lm.Config {
	c := reftest.Config()
	c.Loop, c.DocumentMask = lm.Loop{Loops: 3, Gate: true}, true
	if change != nil {
		change(&c)
	}
	return c
}

// each calls f with the gates and the losses of the passes of every scored token.
func each(r *ref.Model, rows []ref.Batch, f func(lambda, ce []float64)) {
	for _, b := range rows {
		passes := r.Passes(b)
		gates := r.Gates(passes)
		var nll [][]float64
		for _, h := range passes {
			nll = append(nll, ref.NLL(r.Unembed(h), b.Targets))
		}
		for t, y := range b.Targets {
			if y < 0 {
				continue
			}
			var ce []float64
			for _, n := range nll {
				ce = append(ce, n[t])
			}
			f(gates[t], ce)
		}
	}
}

// TestObjectiveEqualsReference: values, reports and gradients of Stage I.
func TestObjectiveEqualsReference(t *testing.T) {
	const beta = 0.3
	for name, change := range map[string]func(c *lm.Config){
		"plain":     nil,
		"two":       func(c *lm.Config) { c.Loop.Loops = 2 },
		"sandwich":  func(c *lm.Config) { c.SandwichNorm = true },
		"tied":      func(c *lm.Config) { c.Tied = true },
		"chunks":    func(c *lm.Config) { c.LossChunk, c.SoftCap = 4, 2 },
		"remat":     func(c *lm.Config) { c.Remat = 2 },
		"one row":   func(c *lm.Config) { c.DocumentMask = false },
		"few parts": func(c *lm.Config) { c.Loop.Loops, c.LossChunk, c.Remat = 2, 5, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			c := loopConfig(change)
			r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
			got := evaluate(t, c, r, rows, beta, stageOne)
			want := func() (objective float64) {
				each(r, rows, func(lambda, ce []float64) { objective += ref.ExpectedLoss(lambda, ce, beta) })
				return objective
			}
			count, last := 0.0, 0.0
			means := map[string]float64{}
			each(r, rows, func(lambda, ce []float64) {
				count++
				last += ce[len(ce)-1]
				p := ref.ExitDistribution(lambda)
				for i := range p {
					means[fmt.Sprint(PassLoss, i+1)] += ce[i]
					means[fmt.Sprint(PassExit, i+1)] += p[i]
					means[Depth] += p[i] * float64(i+1)
				}
				means[Entropy] += ref.Entropy(p)
			})
			require.InDelta(t, want(), got.objective, 1e-5*math.Abs(want()))
			require.InDelta(t, last, got.nll, 1e-5*last)
			require.Equal(t, count, got.count)
			require.Len(t, got.parts, len(means))
			for name, sum := range means {
				require.InDelta(t, sum/count, got.parts[name], 1e-5*(1+sum/count), name)
			}
			reftest.CheckGradients(t, c.Params(), r, got.grads, want)
		})
	}
}

// TestTernary: with frozen offsets of the straight-through estimator, one row at
// a time.
func TestTernary(t *testing.T) {
	c := loopConfig(func(c *lm.Config) { c.Ternary, c.SandwichNorm = true, true })
	r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)[:1]
	got := evaluate(t, c, r, rows, 0.3, stageOne)
	r.Freeze(rows[0])
	want := func() (objective float64) {
		each(r, rows, func(lambda, ce []float64) { objective += ref.ExpectedLoss(lambda, ce, 0.3) })
		return objective
	}
	require.InDelta(t, want(), got.objective, 1e-5*math.Abs(want()))
	reftest.CheckGradients(t, c.Params(), r, got.grads, want)
}

// TestForcedExits: a gate that never opens leaves the last pass alone, one that
// opens at once the first.
func TestForcedExits(t *testing.T) {
	c := loopConfig(nil)
	rows := reftest.Rows(c.Context, c.VocabSize)
	for bias, pass := range map[float64]int{-300: 3, 300: 1} {
		r := reftest.Model(c, 5)
		for i := range r.Weights["model.early_exit_gate.weight"] {
			r.Weights["model.early_exit_gate.weight"][i] = 0
		}
		r.Weights["model.early_exit_gate.bias"][0] = bias
		got := evaluate(t, c, r, rows, 0.7, stageOne)
		require.InDelta(t, got.parts[fmt.Sprint(PassLoss, pass)]*got.count, got.objective, 1e-4)
		require.Equal(t, 1.0, got.parts[fmt.Sprint(PassExit, pass)])
		require.Zero(t, got.parts[Entropy])
		require.Equal(t, float64(pass), got.parts[Depth])
	}
}

// TestOneLoop: with a single pass the objective is the next token's loss, bit by
// bit, gradients too.
func TestOneLoop(t *testing.T) {
	c := loopConfig(func(c *lm.Config) { c.Loop.Loops = 1 })
	r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
	got := evaluate(t, c, r, rows, 0.3, stageOne)
	want := evaluate(t, c, r, rows, 0.3, func(*Node) lm.Objective { return lm.NextToken{} })
	require.Equal(t, want.objective, got.objective)
	for i := range want.grads {
		require.Equal(t, reftest.Wide(want.grads[i]), reftest.Wide(got.grads[i]), c.Params()[i].Name)
	}
}

// TestUniform: every pass counts the same.
func TestUniform(t *testing.T) {
	c := loopConfig(nil)
	r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
	got := evaluate(t, c, r, rows, 0, func(*Node) lm.Objective { return Uniform{} })
	want := func() (objective float64) {
		each(r, rows, func(_, ce []float64) { objective += (ce[0] + ce[1] + ce[2]) / 3 })
		return objective
	}
	require.InDelta(t, want(), got.objective, 1e-5*want())
	reftest.CheckGradients(t, c.Params(), r, got.grads, want)
}

// TestGateByHand holds what Stage II asks of a gate.
func TestGateByHand(t *testing.T) {
	for gain, w := range map[float64]float64{.105: .9933071491, 0: .4378234991, .005: .5} {
		require.InDelta(t, w, ref.Continue(1+gain, 1, 50, .005), 1e-10)
	}
	require.InDelta(t, .4378234991, ref.Continue(1, 2, 50, .005), 1e-10, "a loss that grows asks for no more than one that stays")
	// BCE(1-λ = .8, w = .99331), as one of two passes
	require.InDelta(t, .2324218128, 2*ref.GateLoss([]float64{.2, .2}, []float64{1.105, 1}, 50, .005, 1), 1e-9)
}

// TestGateObjective: the value and the gate's gradients equal the reference, and
// every other gradient is exactly zero.
func TestGateObjective(t *testing.T) {
	for offset := range 2 {
		c := loopConfig(nil)
		r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
		o := GateObjective{K: 50, Gamma: 0.005, Offset: offset}
		got := evaluate(t, c, r, rows, 0, func(*Node) lm.Objective { return o })
		want := func() (objective float64) {
			each(r, rows, func(lambda, ce []float64) { objective += ref.GateLoss(lambda, ce, o.K, o.Gamma, offset) })
			return objective
		}
		require.InDelta(t, want(), got.objective, 1e-4*want()) // k multiplies the error of the losses by 50
		require.Positive(t, got.nll)
		var gate []lm.Param
		var grads []*tensors.Tensor
		for i, p := range c.Params() {
			if p.Name == "model.early_exit_gate.weight" || p.Name == "model.early_exit_gate.bias" {
				gate, grads = append(gate, p), append(grads, got.grads[i])
				continue
			}
			for _, g := range reftest.Wide(got.grads[i]) {
				require.Zero(t, g, p.Name)
			}
		}
		reftest.CheckGradients(t, gate, r, grads, want)
	}
}

// TestNothingLeaks: a token changes neither gates nor losses of what comes before
// it, in any pass.
func TestNothingLeaks(t *testing.T) {
	c := loopConfig(func(c *lm.Config) { c.DocumentMask = false })
	r := reftest.Model(c, 5)
	m, err := lm.New(c)
	require.NoError(t, err)
	exec, err := model.NewExec(backend, reftest.Store(t, m.Params(), r), func(scope *model.Scope, in []*Node) []*Node {
		read := &reader{}
		l := m.Losses([]lm.Objective{read}, new(quant.Operands), scope, in[0], in[1], in[2], in[3])
		return append(read.out, l.NLL)
	})
	require.NoError(t, err)
	rows := reftest.Rows(c.Context, c.VocabSize)
	before, err := exec.Call(reftest.Tensors(rows)...)
	require.NoError(t, err)
	const at = 5
	rows[0].Tokens[at] = (rows[0].Tokens[at] + 1) % c.VocabSize
	after, err := exec.Call(reftest.Tensors(rows)...)
	require.NoError(t, err)
	for i := range before[:6] {
		a, b := reftest.Wide(before[i]), reftest.Wide(after[i])
		width := len(a) / (2 * c.Context)
		require.Equal(t, a[:at*width], b[:at*width], "output %d", i)
		require.NotEqual(t, a[at*width:(at+1)*width], b[at*width:(at+1)*width], "output %d", i)
	}
}

// reader keeps gates and states of every pass.
type reader struct{ out []*Node }

func (r *reader) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	r.out = append(gates(f, false), f.Hidden...)
	lm.NextToken{}.Terms(f, targets, l)
}
