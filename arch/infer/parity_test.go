package infer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/precision/ternary"
)

// Mutation: reading KV head h mod Hkv in attend, leaving out the window in
// attend, or rounding activations half away from zero makes these tests fail.

// small is a model that computes fast and has no two equal sizes.
func small(change func(c *lm.Config)) lm.Config {
	c := lm.Config{VocabSize: 83, NumLayers: 2, Dim: 32, NumHeads: 4, NumKVHeads: 2, HeadDim: 10, HiddenDim: 52, Context: 40}
	if change != nil {
		change(&c)
	}
	return c
}

// variants are the options of a model, one at a time and together.
var variants = []struct {
	name   string
	change func(c *lm.Config)
}{
	{"plain", nil},
	{"one KV head", func(c *lm.Config) { c.NumKVHeads = 1 }},
	{"as many KV heads", func(c *lm.Config) { c.NumKVHeads = 4 }},
	{"qk_norm", func(c *lm.Config) { c.QKNorm = true }},
	{"window", func(c *lm.Config) { c.Window = 5 }},
	{"window of one", func(c *lm.Config) { c.Window = 1 }},
	{"relu2", func(c *lm.Config) { c.MLP = lm.ReLU2 }},
	{"silu", func(c *lm.Config) { c.MLP = lm.SiLU }},
	{"relu2glu", func(c *lm.Config) { c.MLP = lm.ReLU2GLU }},
	{"subln", func(c *lm.Config) { c.SubLN = true }},
	{"bitnet", func(c *lm.Config) { c.SubLN, c.MLP = true, lm.ReLU2GLU }},
	{"linear rope", func(c *lm.Config) { c.RopeScaling = lm.RopeScaling{Kind: lm.ScalingLinear, Factor: 3} }},
	{"no gain", func(c *lm.Config) { c.NoGain, c.QKNorm, c.SandwichNorm, c.SubLN = true, true, true, true }},
	{"qk scale", func(c *lm.Config) { c.QKNorm, c.QKScale = true, 1.2 }},
	{"embedding norm", func(c *lm.Config) { c.EmbedNorm = true }},
	{"smear", func(c *lm.Config) { c.Smear = true }},
	{"value embeddings", func(c *lm.Config) { c.ValueEmbed, c.NumLayers = true, 3 }},
	{"residual scalars", func(c *lm.Config) { c.ResidualScalars = true }},
	{"residual scalars, smear, loops", func(c *lm.Config) { c.ResidualScalars, c.Smear, c.ValueEmbed, c.Loop.Loops = true, true, true, 2 }},
	{"backout", func(c *lm.Config) { c.Backout = true }},
	{"window pattern", func(c *lm.Config) { c.WindowPattern, c.Window, c.NumLayers = "SL", 3, 3 }},
	{"nanochat", nanochat},
	{"tied", func(c *lm.Config) { c.Tied = true }},
	{"soft cap", func(c *lm.Config) { c.SoftCap = 1.5 }},
	{"rope theta", func(c *lm.Config) { c.RopeTheta = 50 }},
	{"norm eps", func(c *lm.Config) { c.NormEps = 0.1 }},
	{"document mask", func(c *lm.Config) { c.DocumentMask = true }},
	{"sandwich norm", func(c *lm.Config) { c.SandwichNorm = true }},
	{"loops", func(c *lm.Config) { c.Loop.Loops = 3 }},
	{"loops with sandwich norm and gate", func(c *lm.Config) { c.Loop, c.SandwichNorm = lm.Loop{Loops: 2, Gate: true}, true }},
	{"parallel heads", func(c *lm.Config) { c.MTP = lm.MTP{Heads: 2, Kind: lm.Parallel} }},
	{"sequential heads", func(c *lm.Config) { c.MTP = lm.MTP{Heads: 1, Kind: lm.Sequential} }},
	{"two streams", func(c *lm.Config) { c.MHC.Streams = 2 }},
	{"four streams", func(c *lm.Config) { c.MHC.Streams = 4 }},
	{"sinkhorn", func(c *lm.Config) { c.MHC = mhc.Config{Streams: 5, Mixing: mhc.Sinkhorn, Iterations: 4} }},
	{"sinkhorn v4", func(c *lm.Config) { c.MHC = mhc.Config{Streams: 3, Mixing: mhc.SinkhornV4, Iterations: 3} }},
	{"free streams", func(c *lm.Config) { c.MHC = mhc.Config{Streams: 3, Mixing: mhc.Free} }},
	{"looped streams", func(c *lm.Config) { c.MHC.Streams, c.Loop.Loops, c.SandwichNorm = 3, 2, true }},
	{"streams, scalars, backout", func(c *lm.Config) { c.MHC.Streams, c.ResidualScalars, c.Backout, c.Smear = 2, true, true, true }},
	{"streams, parallel heads", func(c *lm.Config) { c.MHC.Streams, c.MTP = 2, lm.MTP{Heads: 2, Kind: lm.Parallel} }},
	{"everything", func(c *lm.Config) {
		c.QKNorm, c.Window, c.MLP, c.Tied, c.SoftCap, c.RopeTheta, c.DocumentMask = true, 7, lm.ReLU2, true, 2, 300, true
	}},
	{"quick start", func(c *lm.Config) {
		*c = lm.Config{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, Context: 40, QKNorm: true, DocumentMask: true}
	}},
}

// nanochat is a model of nanochat of small sizes.
func nanochat(c *lm.Config) {
	n := lm.NanoChat(1)
	n.VocabSize, n.NumLayers, n.Dim, n.NumHeads, n.NumKVHeads, n.HeadDim, n.HiddenDim, n.Context = c.VocabSize, 4, c.Dim, c.NumHeads, c.NumKVHeads,
		c.HeadDim, c.HiddenDim, c.Context
	n.Window, n.SoftCap, n.Init = 3, 3, ""
	*c = n
}

// values are the initial parameters of a model with gains that are not all one.
func values(c lm.Config, seed uint64) map[string][]float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	all := map[string][]float32{}
	for _, p := range c.Params() {
		v := p.Init(seed)
		for i := range v {
			switch {
			case strings.Contains(p.Name, "_mhc."):
				v[i] = v[i]/4 + float32(rng.NormFloat64()/2)
			case p.Class == lm.Vector:
				v[i] = float32(0.5 + rng.Float64())
			case p.Class == lm.Embedding:
				v[i] *= 10 // logits of size 1 also with a tied head
			}
		}
		all[p.Name] = v
	}
	return all
}

func graphSource(c lm.Config, v map[string][]float32) Source {
	return FromGraph(c, func(name string) ([]float32, error) { return v[name], nil })
}

func newEngine(t testing.TB, c lm.Config, seed uint64, opts ...Option) *Engine {
	t.Helper()
	e, err := New(c, graphSource(c, values(c, seed)), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func randomTokens(rng *rand.Rand, vocab, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = rng.Int32N(int32(vocab))
	}
	return ids
}

// trainingGraph returns a function that computes the logits of the training
// graph for sequences of one length, which compiles once.
func trainingGraph(t *testing.T, c lm.Config, v map[string][]float32, opts ...lm.Option) func(ids []int32) []float32 {
	t.Helper()
	if raceDetector {
		t.Skip("the training graph runs on the Go backend, which the race detector's pointer checks do not accept")
	}
	m, err := lm.New(c, opts...)
	require.NoError(t, err)
	store := model.NewStore()
	for _, p := range m.Params() {
		_, err := store.CreateVariable("/"+p.Name, tensors.FromFlatDataAndDimensions(v[p.Name], p.Shape...))
		require.NoError(t, err)
	}
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, tokens *Node) *Node {
		return m.Logits(scope, tokens, Iota(tokens.Graph(), tokens.Shape(), 1), OnesLike(tokens))
	})
	require.NoError(t, err)
	t.Cleanup(exec.Finalize)
	return func(ids []int32) []float32 {
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(ids, 1, len(ids)))
		require.NoError(t, err)
		return tensors.MustCopyFlatData[float32](out)
	}
}

func maxDiff(a, b []float32) float64 {
	d := 0.0
	for i := range a {
		d = math.Max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

// flipMargin is how far from a rounding threshold, in units of a code, an
// activation must lie for both sides to round it alike. Normed activations of
// both sides differ by some 1e-6 of their size and codes reach 127.
const flipMargin = 5e-4

// margins records, for each token of a row that is fed token by token, the
// smallest distance of an activation from a rounding threshold.
type margins struct{ smallest float64 }

func (m *margins) watch(x []float32) {
	top := float32(ternary.MinScale)
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	for _, v := range x {
		_, frac := math.Modf(math.Abs(float64(v * (127 / top))))
		m.smallest = math.Min(m.smallest, math.Abs(frac-0.5))
	}
}

// TestEqualsTrainingGraph holds the logits within 1e-4 of the training graph's.
// A ternary model rounds activations, and where one lies on a threshold the two
// sides may take different codes: a larger difference is accepted only from
// the first token on that had such an activation, and such tokens must be few.
func TestEqualsTrainingGraph(t *testing.T) {
	const length, sequences = 8, 5
	for _, v := range variants {
		for _, quantised := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ternary=%v", v.name, quantised), func(t *testing.T) {
				c := small(v.change)
				c.Ternary = quantised
				e := newEngine(t, c, 3, WithThreads(1))
				graph := trainingGraph(t, c, values(c, 3))
				m := &margins{}
				e.watch = m.watch
				rng := rand.New(rand.NewPCG(5, 6))
				strict, flipped := 0, 0
				for seq := range sequences {
					ids := randomTokens(rng, c.VocabSize, length)
					want := graph(ids)
					s := e.NewSession(1)
					m.smallest = 1
					for i := range ids {
						got, err := s.Extend(0, ids[i:i+1])
						require.NoError(t, err)
						d := maxDiff(want[i*c.VocabSize:(i+1)*c.VocabSize], got)
						if d > 1e-4 && quantised && m.smallest < flipMargin {
							flipped++
							break
						}
						require.LessOrEqual(t, d, 1e-4, "sequence %d token %d, margin %g", seq, i, m.smallest)
						strict++
					}
				}
				t.Logf("%d tokens within 1e-4, %d sequences cut at a rounding threshold", strict, flipped)
				require.GreaterOrEqual(t, strict, sequences*length/2)
			})
		}
	}
}

// TestLongEqualsTrainingGraph covers a full context, where the window and the
// query blocks of the graph act.
func TestLongEqualsTrainingGraph(t *testing.T) {
	for _, window := range []int{0, 50} {
		c := small(func(c *lm.Config) { c.Context, c.Window, c.QKNorm = 300, window, true })
		ids := randomTokens(rand.New(rand.NewPCG(1, 2)), c.VocabSize, c.Context)
		want := trainingGraph(t, c, values(c, 4))(ids)
		got, err := newEngine(t, c, 4).NewSession(1).Forward(Span{Tokens: ids, All: true})
		require.NoError(t, err)
		require.LessOrEqual(t, maxDiff(want, got[0]), 1e-4)
	}
}
