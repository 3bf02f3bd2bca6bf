package mtp

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/internal/graphtest"
	"github.com/nanochat-go/nanochat/arch/internal/ref"
	"github.com/nanochat-go/nanochat/arch/internal/reftest"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// Mutation: targets of k+2 in Objective.Terms, f.Trunk in place of f.Last for
// parallel heads, or an embedding of the token k-1 places on makes these tests
// fail.

// evaluation is what a model makes of rows.
type evaluation struct {
	objective, nll, count float64
	parts, counts         map[string]float64 // means, and over how many positions
	grads                 []*tensors.Tensor
}

// evaluate runs objectives on rows; build receives the weights of the heads.
func evaluate(t *testing.T, c lm.Config, r *ref.Model, rows []ref.Batch, weights []float32, build func(w *Node) []lm.Objective) evaluation {
	t.Helper()
	m, err := lm.New(c)
	require.NoError(t, err)
	var names []string
	exec, err := model.NewExec(backend, reftest.Store(t, m.Params(), r), func(scope *model.Scope, in []*Node) []*Node {
		l := m.Losses(build(in[4]), new(quant.Operands), scope, in[0], in[1], in[2], in[3])
		out := []*Node{l.Objective, l.NLL, l.Count}
		names = nil
		for _, p := range l.Parts {
			names, out = append(names, p.Name), append(out, Div(p.Sum, p.Count), p.Count)
		}
		var at []*Node
		for _, p := range m.Params() {
			at = append(at, scope.Store().GetVariable("/"+p.Name).NodeValue(l.NLL.Graph()))
		}
		return append(out, Gradient(l.Objective, at...)...)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(append(reftest.Tensors(rows), weights)...)
	require.NoError(t, err)
	number := func(i int) float64 { return float64(tensors.ToScalar[float32](out[i])) }
	e := evaluation{objective: number(0), nll: number(1), count: number(2), parts: map[string]float64{}, counts: map[string]float64{}}
	for i, name := range names {
		e.parts[name], e.counts[name] = number(3+2*i), number(4+2*i)
	}
	e.grads = out[3+2*len(names):]
	return e
}

func withNext(w *Node) []lm.Objective { return []lm.Objective{lm.NextToken{}, Objective{Weights: w}} }

func headsConfig(heads int, kind string, change func(c *lm.Config)) lm.Config {
	c := reftest.Config()
	c.MTP, c.DocumentMask = lm.MTP{Heads: heads, Kind: kind}, true
	if change != nil {
		change(&c)
	}
	return c
}

// headsOf are the states of the reference's heads.
func headsOf(r *ref.Model, b ref.Batch, m lm.MTP) [][][]float64 {
	if m.Kind == lm.Parallel {
		return r.ParallelHeads(b, m.Heads)
	}
	return r.SequentialHeads(b, m.Heads)
}

// total is the objective by the reference.
func total(r *ref.Model, rows []ref.Batch, m lm.MTP, weights []float32) (objective float64) {
	for _, b := range rows {
		nats, _ := r.Loss(b)
		objective += nats
		for k, h := range headsOf(r, b, m) {
			for _, nll := range ref.NLL(r.Unembed(h), ref.Later(b, k+1)) {
				objective += float64(weights[k]) * nll
			}
		}
	}
	return objective
}

var kinds = []string{lm.Parallel, lm.Sequential}

// TestEqualsReference: values, reports and every gradient, of both kinds.
func TestEqualsReference(t *testing.T) {
	weights := []float32{0.5, 0.25}
	for _, kind := range kinds {
		for name, change := range map[string]func(c *lm.Config){
			"plain":     nil,
			"loops":     func(c *lm.Config) { c.Loop.Loops, c.SandwichNorm = 2, true },
			"one row":   func(c *lm.Config) { c.DocumentMask, c.Tied = false, true },
			"few parts": func(c *lm.Config) { c.LossChunk, c.Remat, c.SoftCap, c.QKNorm = 5, 2, 2, true },
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				c := headsConfig(2, kind, change)
				r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
				got := evaluate(t, c, r, rows, weights, withNext)
				want := func() float64 { return total(r, rows, c.MTP, weights) }
				require.InDelta(t, want(), got.objective, 1e-5*want())
				next, count := 0.0, 0
				for _, b := range rows {
					n, k := r.Loss(b)
					next, count = next+n, count+k
				}
				require.InDelta(t, next, got.nll, 1e-5*next)
				require.Equal(t, float64(count), got.count)
				require.Len(t, got.parts, 2)
				reftest.CheckGradients(t, c.Params(), r, got.grads, want)
			})
		}
	}
}

func TestTernary(t *testing.T) {
	weights := []float32{0.5, 0.25}
	for _, kind := range kinds {
		c := headsConfig(2, kind, func(c *lm.Config) { c.Ternary = true })
		r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)[:1]
		got := evaluate(t, c, r, rows, weights, withNext)
		want := func() float64 { return total(r, rows, c.MTP, weights) }
		r.Record(func() { want() })
		require.InDelta(t, want(), got.objective, 1e-5*want())
		reftest.CheckGradients(t, c.Params(), r, got.grads, want)
	}
}

// TestHeadsChangeNothingElse: with weights of 0, and without the heads, the next
// token's loss and its gradients are the same to the bit.
func TestHeadsChangeNothingElse(t *testing.T) {
	for _, kind := range kinds {
		c := headsConfig(2, kind, nil)
		r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
		next := func(*Node) []lm.Objective { return []lm.Objective{lm.NextToken{}} }
		discarded := c
		discarded.MTP = lm.MTP{}
		want := evaluate(t, discarded, r, rows, []float32{1}, next)
		for name, got := range map[string]evaluation{
			"not scored": evaluate(t, c, r, rows, []float32{1}, next),
			"weight 0":   evaluate(t, c, r, rows, []float32{0, 0}, withNext),
		} {
			require.Equal(t, want.objective, got.objective, name)
			require.Equal(t, want.nll, got.nll, name)
			byName := map[string][]float64{}
			for i, p := range c.Params() {
				byName[p.Name] = reftest.Wide(got.grads[i])
			}
			for i, p := range discarded.Params() {
				require.Equal(t, reftest.Wide(want.grads[i]), byName[p.Name], "%s: %s", name, p.Name)
				delete(byName, p.Name)
			}
			for name, g := range byName {
				for _, x := range g {
					require.Zero(t, x, name)
				}
			}
		}
	}
}

// TestGradientsAddUp: the gradient of all terms is the sum of theirs.
func TestGradientsAddUp(t *testing.T) {
	for _, kind := range kinds {
		c := headsConfig(3, kind, nil)
		r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
		joint := evaluate(t, c, r, rows, []float32{1, 1, 1}, withNext)
		next := evaluate(t, c, r, rows, []float32{0, 0, 0}, withNext)
		sums := make([][]float64, len(joint.grads))
		for i := range sums {
			sums[i] = reftest.Wide(next.grads[i])
		}
		for k := range 3 {
			w := make([]float32, 3)
			w[k] = 1
			one := evaluate(t, c, r, rows, w, withNext)
			for i := range sums {
				base := reftest.Wide(next.grads[i])
				for n, x := range reftest.Wide(one.grads[i]) {
					sums[i][n] += x - base[n]
				}
			}
		}
		for i, p := range c.Params() {
			require.Less(t, reftest.Relative(sums[i], reftest.Wide(joint.grads[i])), 2e-6, p.Name)
		}
	}
}

// TestUniformLogits: with a head of zeros every loss is ln V nats, so that the
// objective is (1 + Σ w) ln V when each is divided by its own count.
func TestUniformLogits(t *testing.T) {
	for _, v := range []struct {
		weights []float32
		want    float64
	}{
		{[]float32{1, 1, 1}, 4}, {[]float32{.5, .25, .125}, 1.875},
		{[]float32{.2, .1, .05}, 1.35}, {[]float32{.2, .1, .05, .025}, 1.375}, {[]float32{.3}, 1.3},
	} {
		for _, kind := range kinds {
			c := headsConfig(len(v.weights), kind, nil)
			r := reftest.Model(c, 5)
			clear(r.Weights["lm_head.weight"])
			got := evaluate(t, c, r, reftest.Rows(c.Context, c.VocabSize), v.weights, withNext)
			sum := got.nll / got.count
			objective := got.nll
			for k, w := range v.weights {
				name := fmt.Sprint(Loss, k+2)
				sum += float64(w) * got.parts[name]
				objective += float64(w) * got.parts[name] * got.counts[name]
			}
			require.InDelta(t, v.want*math.Log(13), sum, 1e-5)
			require.InDelta(t, objective, got.objective, 1e-4)
		}
	}
}

// oracle says of every position, with certainty, that the token ahead places on
// comes next in the cycle 0 1 2 3 0 1 2 3 …
type oracle struct{ k, ahead int }

func (o oracle) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	lm.NextToken{}.Terms(f, targets, l)
	said := ModScalar(AddScalar(f.Tokens, float64(o.ahead)), 4)
	hidden := MulScalar(OneHot(said, 4, dtypes.Float32), 100)
	l.Score(lm.Score{Names: []string{"oracle"}, Hidden: hidden, Targets: Later(f, targets, o.k)})
}

// TestAlignment: head k is held against the token k+1 places on, of which a row
// of T tokens and targets has T-k, and against no other.
func TestAlignment(t *testing.T) {
	const length = 11
	c := lm.Config{VocabSize: 4, NumLayers: 1, Dim: 4, NumHeads: 1, Context: length}
	r := reftest.Model(c, 1)
	r.Weights["lm_head.weight"] = []float64{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
	b := ref.Batch{}
	for i := range length {
		b.Tokens, b.Targets = append(b.Tokens, i%4), append(b.Targets, (i+1)%4)
		b.Pos, b.Seg = append(b.Pos, i), append(b.Seg, 1)
	}
	for k := range 4 {
		for ahead := 1; ahead <= 4; ahead++ {
			got := evaluate(t, c, r, []ref.Batch{b}, []float32{1}, func(*Node) []lm.Objective { return []lm.Objective{oracle{k, ahead}} })
			require.Equal(t, float64(length-k), got.counts["oracle"])
			if ahead == k+1 {
				require.Zero(t, got.parts["oracle"])
			} else {
				require.InDelta(t, 100, got.parts["oracle"], 1e-3)
			}
		}
	}
}

// TestDocumentsEnd: no target lies in another document.
func TestDocumentsEnd(t *testing.T) {
	c := headsConfig(3, lm.Parallel, nil)
	rows := reftest.Rows(c.Context, c.VocabSize)
	got := evaluate(t, c, reftest.Model(c, 5), rows, []float32{1, 1, 1}, withNext)
	for k := 1; k <= 3; k++ {
		count := 0.0
		for _, b := range rows {
			for _, y := range ref.Later(b, k) {
				if y >= 0 {
					count++
				}
			}
		}
		require.Equal(t, count, got.counts[fmt.Sprint(Loss, k+1)], "head %d", k)
	}
}

// TestNothingLeaks: a token changes no state of a parallel head before it, and
// of sequential module k none more than k places before it.
func TestNothingLeaks(t *testing.T) {
	for _, kind := range kinds {
		c := headsConfig(3, kind, func(c *lm.Config) { c.DocumentMask = false })
		m, err := lm.New(c)
		require.NoError(t, err)
		exec, err := model.NewExec(backend, reftest.Store(t, m.Params(), reftest.Model(c, 5)), func(scope *model.Scope, in []*Node) []*Node {
			read := &reader{}
			l := m.Losses([]lm.Objective{read}, new(quant.Operands), scope, in[0], in[1], in[2], in[3])
			return append(read.heads, l.NLL)
		})
		require.NoError(t, err)
		rows := reftest.Rows(c.Context, c.VocabSize)
		before, err := exec.Call(reftest.Tensors(rows)...)
		require.NoError(t, err)
		const at = 6
		rows[0].Tokens[at] = (rows[0].Tokens[at] + 1) % c.VocabSize
		after, err := exec.Call(reftest.Tensors(rows)...)
		require.NoError(t, err)
		for k := range 3 {
			first := at
			if kind == lm.Sequential {
				first = at - (k + 1)
			}
			a, b := reftest.Wide(before[k]), reftest.Wide(after[k])
			require.Equal(t, a[:first*c.Dim], b[:first*c.Dim], "%s head %d", kind, k+1)
			require.NotEqual(t, a[first*c.Dim:(first+1)*c.Dim], b[first*c.Dim:(first+1)*c.Dim], "%s head %d sees it", kind, k+1)
		}
	}
}

// reader keeps the heads' states.
type reader struct{ heads []*Node }

func (r *reader) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	r.heads = Heads(f)
	lm.NextToken{}.Terms(f, targets, l)
}

// TestShared: several targets for one position's logits, and the gradients.
func TestShared(t *testing.T) {
	weights := []float32{0.5, 0.25}
	for _, chunk := range []int{0, 4} {
		c := reftest.Config()
		c.DocumentMask, c.LossChunk = true, chunk
		r, rows := reftest.Model(c, 5), reftest.Rows(c.Context, c.VocabSize)
		rows[1].Targets[3] = rows[1].Targets[2] // a token that is the target of two offsets
		got := evaluate(t, c, r, rows, weights, func(w *Node) []lm.Objective { return []lm.Objective{Shared{w}} })
		want := func() (objective float64) {
			for _, b := range rows {
				z := r.Logits(b)
				for k, w := range []float64{1, 0.5, 0.25} {
					for _, nll := range ref.NLL(z, ref.Later(b, k)) {
						objective += w * nll / 1.75
					}
				}
			}
			return objective
		}
		require.InDelta(t, want(), got.objective, 1e-5*want())
		next, _ := r.Loss(rows[0])
		other, _ := r.Loss(rows[1])
		require.InDelta(t, next+other, got.nll, 1e-4)
		reftest.CheckGradients(t, c.Params(), r, got.grads, want)
	}
}

// TestOneHeadsLogitsAlive: two more heads cost less memory than the logits of one.
func TestOneHeadsLogitsAlive(t *testing.T) {
	const batch = 4
	measure := func(heads, chunk int) int {
		c := lm.Config{VocabSize: 3000, NumLayers: 1, Dim: 8, NumHeads: 2, HiddenDim: 16, Context: 32, LossChunk: chunk}
		if heads > 0 {
			c.MTP = lm.MTP{Heads: heads, Kind: lm.Parallel}
		}
		m, err := lm.New(c)
		require.NoError(t, err)
		store := model.NewStore()
		require.NoError(t, m.InitStore(store, 1))
		size := 0
		exec, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
			of := []lm.Objective{lm.NextToken{}}
			if heads > 0 {
				of = append(of, Objective{Weights: Const(in[0].Graph(), make([]float32, heads))})
			}
			l := m.Losses(of, new(quant.Operands), scope, in[0], in[1], in[2], in[3])
			out := append([]*Node{l.Objective}, scope.BuildTrainableVariablesGradientsGraph(l.Objective)...)
			size = graphtest.Peak(graphtest.Needed(l.Objective.Graph(), out))
			return out
		})
		require.NoError(t, err)
		ids := shapes.Make(dtypes.Int32, batch, c.Context)
		_, err = exec.Compile(ids, ids, ids, ids)
		require.NoError(t, err)
		return size
	}
	logits := batch * 32 * 3000
	require.Less(t, measure(2, 0)-measure(0, 0), logits/2)
	require.Less(t, measure(2, 16), measure(0, 0)/2, "with chunks no head has all its logits")
}

func TestCurriculum(t *testing.T) {
	all := []float64{.5, .25}
	for _, v := range []struct {
		c     Curriculum
		share float64
		want  []float32
	}{
		{ConstantCurriculum, 0, []float32{.5, .25}}, {ConstantCurriculum, 1, []float32{.5, .25}},
		{ForwardCurriculum, 0, []float32{0, 0}}, {ForwardCurriculum, .34, []float32{.5, 0}},
		{ForwardCurriculum, .7, []float32{.5, .25}}, {ForwardCurriculum, 1, []float32{.5, .25}},
		{ReverseCurriculum, 0, []float32{.5, .25}}, {ReverseCurriculum, .34, []float32{.5, 0}},
		{ReverseCurriculum, .7, []float32{0, 0}}, {ReverseCurriculum, 1, []float32{0, 0}},
		{DecayCurriculum, 0, []float32{.5, .25}}, {DecayCurriculum, .25, []float32{.5, .0625}},
		{DecayCurriculum, .5, []float32{.25, 0}}, {DecayCurriculum, 1, []float32{0, 0}},
	} {
		require.NoError(t, v.c.Validate())
		require.InDeltaSlice(t, v.want, v.c.Weights(all, v.share), 1e-6, "%s at %g", v.c, v.share)
	}
	require.ErrorContains(t, Curriculum("upwards").Validate(), `"upwards"`)
}
