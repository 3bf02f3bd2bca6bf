package infer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
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
	{"tied", func(c *lm.Config) { c.Tied = true }},
	{"soft cap", func(c *lm.Config) { c.SoftCap = 1.5 }},
	{"rope theta", func(c *lm.Config) { c.RopeTheta = 50 }},
	{"norm eps", func(c *lm.Config) { c.NormEps = 0.1 }},
	{"document mask", func(c *lm.Config) { c.DocumentMask = true }},
	{"everything", func(c *lm.Config) {
		c.QKNorm, c.Window, c.MLP, c.Tied, c.SoftCap, c.RopeTheta, c.DocumentMask = true, 7, lm.ReLU2, true, 2, 300, true
	}},
	{"quick start", func(c *lm.Config) {
		*c = lm.Config{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, Context: 40, QKNorm: true, DocumentMask: true}
	}},
}

// values are the initial parameters of a model with gains that are not all one.
func values(c lm.Config, seed uint64) map[string][]float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	all := map[string][]float32{}
	for _, p := range c.Params() {
		v := p.Init(seed)
		for i := range v {
			switch p.Class {
			case lm.Vector:
				v[i] = float32(0.5 + rng.Float64())
			case lm.Embedding:
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

// graphLogits are the logits of the training graph for one sequence.
func graphLogits(t *testing.T, c lm.Config, v map[string][]float32, ids []int32) []float32 {
	t.Helper()
	m, err := lm.New(c)
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
	out, err := exec.Call1(tensors.FromFlatDataAndDimensions(ids, 1, len(ids)))
	require.NoError(t, err)
	return tensors.MustCopyFlatData[float32](out)
}

func maxDiff(a, b []float32) float64 {
	d := 0.0
	for i := range a {
		d = math.Max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

func TestEqualsTrainingGraph(t *testing.T) {
	for _, v := range variants {
		for _, ternary := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ternary=%v", v.name, ternary), func(t *testing.T) {
				c := small(v.change)
				c.Ternary = ternary
				e := newEngine(t, c, 3)
				ids := randomTokens(rand.New(rand.NewPCG(5, 6)), c.VocabSize, c.Context)
				want := graphLogits(t, c, values(c, 3), ids)
				s := e.NewSession(1)
				got, err := s.Forward(Span{Row: 0, Tokens: ids, All: true})
				require.NoError(t, err)
				require.Len(t, got[0], len(want))
				t.Logf("max %g of %g", maxDiff(want, got[0]), maxDiff(want, make([]float32, len(want))))
			})
		}
	}
}
