package lm

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/internal/ref"
	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/precision/golden"
)

// Mutation: any wrong sign in rotate, scale in scoreScale, head in headsFirst
// or mask in bias, an option that is ignored, or an adjoint without one of its
// terms makes TestEqualsReference fail.

// referenceVariants are the options one at a time and together, on a model with
// no two equal sizes that is small enough for central differences.
var referenceVariants = []struct {
	name   string
	change func(c *Config)
}{
	{"plain", func(*Config) {}},
	{"one key head", func(c *Config) { c.NumKVHeads = 1 }},
	{"a key head each", func(c *Config) { c.NumKVHeads = 4 }},
	{"qk norm", func(c *Config) { c.QKNorm = true }},
	{"window", func(c *Config) { c.Window = 3 }},
	{"documents", func(c *Config) { c.DocumentMask = true }},
	{"tied", func(c *Config) { c.Tied = true }},
	{"soft cap", func(c *Config) { c.SoftCap = 1.5 }},
	{"relu2", func(c *Config) { c.MLP = ReLU2 }},
	{"silu", func(c *Config) { c.MLP = SiLU }},
	{"relu2glu", func(c *Config) { c.MLP = ReLU2GLU }},
	{"subln", func(c *Config) { c.SubLN = true }},
	{"bitnet", func(c *Config) { c.SubLN, c.MLP, c.Ternary = true, ReLU2GLU, true }},
	{"linear rope", func(c *Config) { c.RopeScaling = RopeScaling{Kind: ScalingLinear, Factor: 3} }},
	{"llama3 rope", func(c *Config) { c.RopeScaling, c.RopeTheta = llama3Scaling, 50 }},
	{"no gain", func(c *Config) { c.NoGain, c.QKNorm = true, true }},
	{"qk scale", func(c *Config) { c.QKNorm, c.QKScale = true, 1.2 }},
	{"embedding norm", func(c *Config) { c.EmbedNorm = true }},
	{"smear", func(c *Config) { c.Smear = true }},
	{"smear in documents", func(c *Config) { c.Smear, c.DocumentMask = true, true }},
	{"value embeddings", func(c *Config) { c.ValueEmbed = true }},
	{"value embeddings of odd layers", func(c *Config) { c.ValueEmbed, c.NumLayers, c.NumKVHeads = true, 3, 4 }},
	{"residual scalars", func(c *Config) { c.ResidualScalars = true }},
	{"residual scalars, loops", func(c *Config) { c.ResidualScalars, c.Loop.Loops = true, 2 }},
	{"backout", func(c *Config) { c.Backout, c.NumLayers = true, 3 }},
	{"window pattern", func(c *Config) { c.WindowPattern, c.Window, c.NumLayers = "SL", 2, 3 }},
	{"nanochat", nano},
	{"nanochat, documents", func(c *Config) { nano(c); c.DocumentMask = true }},
	{"nanochat, remat", func(c *Config) { nano(c); c.DocumentMask, c.Remat = true, 3 }},
	{"nanochat, ternary", func(c *Config) { nano(c); c.Ternary = true }},
	{"theta", func(c *Config) { c.RopeTheta = 30 }},
	{"eps", func(c *Config) { c.NormEps = 0.2 }},
	{"ternary", func(c *Config) { c.Ternary = true }},
	{"chunks", func(c *Config) { c.LossChunk = 4 }},
	{"chunks and cap", func(c *Config) { c.LossChunk, c.SoftCap = 5, 2 }},
	{"remat", func(c *Config) { c.Remat = 2 }},
	{"remat of sublayers", func(c *Config) { c.Remat = 1 }},
	{"remat of three sublayers", func(c *Config) { c.Remat, c.NumLayers = 3, 3 }},
	{"remat of everything", func(c *Config) { c.Remat = 100 }},
	{"ternary remat", func(c *Config) { c.Remat, c.Ternary = 2, true }},
	{"sandwich norm", func(c *Config) { c.SandwichNorm = true }},
	{"loops", func(c *Config) { c.Loop.Loops = 3 }},
	{"ternary loops", func(c *Config) { c.Loop.Loops, c.SandwichNorm, c.Ternary = 2, true, true }},
	{"remat loops", func(c *Config) { c.Loop, c.Remat = Loop{Loops: 2, Gate: true}, 3 }},
	{"two streams", func(c *Config) { c.MHC.Streams = 2 }},
	{"four streams", func(c *Config) { c.MHC.Streams = 4 }},
	{"sinkhorn", func(c *Config) { c.MHC = mhc.Config{Streams: 3, Mixing: mhc.Sinkhorn, Iterations: 4} }},
	{"sinkhorn v4", func(c *Config) { c.MHC = mhc.Config{Streams: 3, Mixing: mhc.SinkhornV4, Iterations: 3} }},
	{"free streams", func(c *Config) { c.MHC = mhc.Config{Streams: 3, Mixing: mhc.Free} }},
	{"ternary streams", func(c *Config) { c.MHC.Streams, c.Ternary = 4, true }},
	{"remat streams", func(c *Config) { c.MHC.Streams, c.Remat = 4, 3 }},
	{"looped streams", func(c *Config) { c.MHC.Streams, c.Loop.Loops, c.SandwichNorm = 4, 2, true }},
	{"everything", func(c *Config) {
		c.SandwichNorm, c.Loop.Loops, c.MHC.Streams = true, 2, 3
		c.QKNorm, c.Window, c.DocumentMask, c.Tied, c.SoftCap, c.MLP, c.LossChunk, c.Remat = true, 4, true, true, 3, ReLU2, 3, 2
	}},
}

// nano makes a model of nanochat of its own sizes.
func nano(c *Config) {
	n := NanoChat(1)
	n.VocabSize, n.NumLayers, n.Dim, n.NumHeads, n.NumKVHeads, n.HeadDim, n.HiddenDim, n.Context = c.VocabSize, 3, c.Dim, c.NumHeads, c.NumKVHeads,
		c.HeadDim, c.HiddenDim, c.Context
	n.Window, n.SoftCap, n.Init = 3, 3, ""
	*c = n
}

// llama3Scaling keeps one, stretches one and blends one of the frequencies of
// a head of six at theta 50: 20, 5.4 and 1.5 turns in 126 tokens.
var llama3Scaling = RopeScaling{Kind: ScalingLlama3, Factor: 8, LowFreq: 2, HighFreq: 8, Original: 126}

// stretchLlama3 is that scaling as the release of Llama 3.1 writes it.
func stretchLlama3(f float64) float64 {
	wavelength := 2 * math.Pi / f
	switch {
	case wavelength < 126./8:
		return f
	case wavelength > 126./2:
		return f / 8
	}
	smooth := (126/wavelength - 2) / (8 - 2)
	return (1-smooth)*f/8 + smooth*f
}

func referenceConfig() Config {
	return Config{VocabSize: 13, NumLayers: 2, Dim: 12, NumHeads: 4, NumKVHeads: 2, HeadDim: 6, HiddenDim: 10, Context: 9}
}

// referenceOf is the float64 model with the same weights, gains that differ
// from one included.
func referenceOf(c Config, seed uint64) *ref.Model {
	c = c.WithDefaults()
	m := &ref.Model{Weights: map[string][]float64{}, Config: ref.Config{Vocab: c.VocabSize, Layers: c.NumLayers, Dim: c.Dim,
		Heads: c.NumHeads, KVHeads: c.NumKVHeads, HeadDim: c.HeadDim, Hidden: c.HiddenDim, MLP: c.MLP, Tied: c.Tied, Ternary: c.Ternary,
		QKNorm: c.QKNorm, SandwichNorm: c.SandwichNorm, Loops: c.Loop.Loops, DocumentMask: c.DocumentMask, Window: c.Window, SoftCap: c.SoftCap, RopeTheta: c.RopeTheta, NormEps: c.NormEps}}
	m.SubLN = c.SubLN
	m.Streams = ref.Streams{N: c.MHC.Streams, Mixing: c.MHC.Mixing, Iterations: c.MHC.Iterations}
	m.Nano = ref.Nano{NoGain: c.NoGain, EmbedNorm: c.EmbedNorm, Smear: c.Smear, ValueEmbed: c.ValueEmbed,
		ResidualScalars: c.ResidualScalars, Backout: c.Backout, QKScale: c.QKScale, WindowPattern: c.WindowPattern}
	switch c.RopeScaling.Kind {
	case ScalingLinear:
		m.Stretch = func(f float64) float64 { return f / 3 }
	case ScalingLlama3:
		m.Stretch = stretchLlama3
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	for _, p := range c.Params() {
		v := golden.Widen(p.Init(seed))
		for i := range v {
			switch {
			case strings.Contains(p.Name, "_mhc."):
				v[i] = float64(float32(v[i]/4 + 0.5*rng.NormFloat64()))
			case p.Class == Vector:
				v[i] = float64(float32(0.5 + rng.Float64()))
			case p.Class == Embedding:
				v[i] = float64(float32(30 * v[i])) // scores of order one
			}
		}
		m.Weights[p.Name] = v
	}
	return m
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// storeOf holds the weights of a reference model as variables.
func storeOf(t *testing.T, m *Model, r *ref.Model) *model.Store {
	t.Helper()
	store := model.NewStore()
	for _, p := range m.Params() {
		_, err := store.CreateVariable("/"+p.Name, tensorOf(narrow(r.Weights[p.Name]), p.Shape))
		require.NoError(t, err)
	}
	return store
}

// referenceRows are two rows of documents and padding with some targets that
// are not scored.
func referenceRows(length, vocab int) []ref.Batch {
	rng := rand.New(rand.NewPCG(8, 8))
	rows := make([]ref.Batch, 2)
	for i, documents := range [][]int{{4, 3}, {1, 5, 3}} {
		b := &rows[i]
		for d, n := range documents {
			for p := range n {
				b.Tokens = append(b.Tokens, rng.IntN(vocab))
				b.Targets = append(b.Targets, rng.IntN(vocab))
				b.Pos, b.Seg = append(b.Pos, p), append(b.Seg, d+1)
			}
			b.Targets[len(b.Targets)-1] = -1 // the next token is another document's
		}
		for len(b.Tokens) < length {
			b.Tokens, b.Targets = append(b.Tokens, 0), append(b.Targets, -1)
			b.Pos, b.Seg = append(b.Pos, 0), append(b.Seg, 0)
		}
	}
	return rows
}

// rowTensors are tokens, targets, positions and segments [B, T].
func rowTensors(rows []ref.Batch) []any {
	var flat [4][]int32
	for _, b := range rows {
		for k, v := range [][]int{b.Tokens, b.Targets, b.Pos, b.Seg} {
			for _, x := range v {
				flat[k] = append(flat[k], int32(x))
			}
		}
	}
	var args []any
	for _, f := range flat {
		args = append(args, tensorOf(f, []int{len(rows), len(rows[0].Tokens)}))
	}
	return args
}

func relative(want, got []float64) float64 {
	d, n := 0.0, 0.0
	for i := range want {
		d += (want[i] - got[i]) * (want[i] - got[i])
		n += want[i] * want[i]
	}
	return math.Sqrt(d / max(n, 1e-30))
}

// TestEqualsReference holds logits, loss and every gradient against float64.
// Float32 resolves 6e-8; through two layers, a softmax and sums of some hundred
// terms the results keep four to five digits, and 1e-4 of the norm is allowed.
// Any mistake of a formula is larger by orders of magnitude.
func TestEqualsReference(t *testing.T) {
	for _, v := range referenceVariants {
		t.Run(v.name, func(t *testing.T) {
			c := referenceConfig()
			v.change(&c)
			r := referenceOf(c, 5)
			m, err := New(c)
			require.NoError(t, err)
			rows := referenceRows(c.Context, c.VocabSize)
			out := lossAndGradients(t, m, storeOf(t, m, r), rows)

			var logits []float64
			nats, count := 0.0, 0
			for _, b := range rows {
				for _, z := range r.Logits(b) {
					logits = append(logits, z...)
				}
				n, k := r.Loss(b)
				nats, count = nats+n, count+k
			}
			if c.DocumentMask { // what padding computes is nobody's
				out.logits, logits = withoutPadding(rows, out.logits), withoutPadding(rows, logits)
			}
			require.Less(t, relative(logits, out.logits), 1e-5)
			require.InDelta(t, nats, out.nll, 1e-5*nats)
			require.Equal(t, float64(count), out.count)
			checkGradients(t, m, r, rows, out.grads)
		})
	}
}

// checkGradients compares a few values of every gradient: those of all would
// take minutes.
func checkGradients(t *testing.T, m *Model, r *ref.Model, rows []ref.Batch, grads [][]float64) {
	t.Helper()
	const sampled = 8
	rng := rand.New(rand.NewPCG(4, 4))
	params := m.Params()
	want, got, at := make([][]float64, len(grads)), make([][]float64, len(grads)), make([][]int, len(grads))
	for i, g := range grads {
		at[i] = rng.Perm(len(g))[:min(sampled, len(g))]
		want[i] = make([]float64, len(at[i]))
		for _, k := range at[i] {
			got[i] = append(got[i], g[k])
		}
	}
	for _, b := range rows {
		if r.Ternary {
			r.Freeze(b)
		}
		for i, p := range params {
			for n, v := range r.Gradient(p.Name, b, at[i]) {
				want[i][n] += v
			}
		}
	}
	var scalars [2][]float64 // are compared together: one alone may be a small difference of large sums
	for i, p := range params {
		if p.Size() == 1 {
			scalars[0], scalars[1] = append(scalars[0], want[i]...), append(scalars[1], got[i]...)
			continue
		}
		// A sample may be zero, as those of φ for R where all streams are alike: the
		// size of the whole gradient counts then.
		size := math.Sqrt(float64(len(at[i]))/float64(len(grads[i]))) * norm(grads[i])
		require.LessOrEqual(t, norm(difference(want[i], got[i])), 1e-4*max(norm(want[i]), size), p.Name)
	}
	require.Less(t, relative(scalars[0], scalars[1]), 1e-4, "parameters of one value")
}

func difference(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

func withoutPadding(rows []ref.Batch, logits []float64) []float64 {
	var kept []float64
	vocab := len(logits) / (len(rows) * len(rows[0].Tokens))
	for _, b := range rows {
		for t := range b.Tokens {
			if b.Seg[t] != 0 {
				kept = append(kept, logits[:vocab]...)
			}
			logits = logits[vocab:]
		}
	}
	return kept
}

type evaluation struct {
	logits     []float64
	nll, count float64
	grads      [][]float64
}

// lossAndGradients evaluates a model on rows.
func lossAndGradients(t *testing.T, m *Model, store *model.Store, rows []ref.Batch) evaluation {
	t.Helper()
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
		nll, count := m.Loss(scope, in[0], in[1], in[2], in[3])
		var at []*Node
		for _, p := range m.Params() {
			at = append(at, scope.Store().GetVariable("/"+p.Name).NodeValue(nll.Graph()))
		}
		return append([]*Node{m.Logits(scope, in[0], in[2], in[3]), nll, count}, Gradient(nll, at...)...)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(rowTensors(rows)...)
	require.NoError(t, err)
	e := evaluation{logits: wide(out[0]), nll: float64(tensors.ToScalar[float32](out[1])), count: float64(tensors.ToScalar[float32](out[2]))}
	for _, g := range out[3:] {
		e.grads = append(e.grads, wide(g))
	}
	return e
}

// TestShardsChangeNothing: the parts of a batch add up to the whole, also when
// the batch does not divide.
func TestShardsChangeNothing(t *testing.T) {
	c := referenceConfig()
	c.DocumentMask = true
	rows := append(referenceRows(c.Context, c.VocabSize), referenceRows(c.Context, c.VocabSize)[1])
	r := referenceOf(c, 5)
	whole, err := New(c)
	require.NoError(t, err)
	want := lossAndGradients(t, whole, storeOf(t, whole, r), rows)
	for _, shards := range []int{1, 2, 3, 8} {
		m, err := New(c, WithShards(shards))
		require.NoError(t, err)
		got := lossAndGradients(t, m, storeOf(t, m, r), rows)
		require.InDelta(t, want.nll, got.nll, 1e-5*want.nll)
		require.Equal(t, want.count, got.count)
		for i, p := range m.Params() {
			require.Less(t, relative(want.grads[i], got.grads[i]), 1e-5, p.Name)
		}
	}
}
