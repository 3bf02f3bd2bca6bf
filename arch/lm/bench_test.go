package lm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/mhc"
)

// Mutation: leaving out the update in adamStep makes TestTrainingLearns fail.

// benchConfig is the model that this module reports its speed on.
func benchConfig() Config {
	return Config{VocabSize: 4096, NumLayers: 4, Dim: 256, NumHeads: 4, Context: 256, MLP: SiLU}
}

// adamStep updates every trainable variable with Adam and a constant rate.
func adamStep(scope *model.Scope, loss *Node, rate float64) {
	g := loss.Graph()
	grads := scope.BuildTrainableVariablesGradientsGraph(loss)
	var vars []*model.Variable
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			vars = append(vars, v)
		}
	}
	state := func(name string, like shapes.Shape) *model.Variable {
		if v := scope.Store().GetVariable("/adam/" + name); v != nil {
			return v
		}
		t := tensors.FromShape(like)
		v, err := scope.Store().CreateVariable("/adam/"+name, t)
		if err != nil {
			panic(err)
		}
		return v.SetTrainable(false)
	}
	const beta1, beta2 = 0.9, 0.95
	count := state("step", shapes.Make(dtypes.Float32))
	step := AddScalar(count.NodeValue(g), 1)
	count.SetNodeValue(step)
	correct := func(beta float64) *Node { return OneMinus(Pow(Scalar(g, dtypes.Float32, beta), step)) }
	c1, c2 := correct(beta1), correct(beta2)
	for i, v := range vars {
		m, s := state(v.Name()+"/m", v.Shape()), state(v.Name()+"/v", v.Shape())
		mean := Add(MulScalar(m.NodeValue(g), beta1), MulScalar(grads[i], 1-beta1))
		square := Add(MulScalar(s.NodeValue(g), beta2), MulScalar(Square(grads[i]), 1-beta2))
		m.SetNodeValue(mean)
		s.SetNodeValue(square)
		update := Div(Div(mean, c1), AddScalar(Sqrt(Div(square, c2)), 1e-8))
		v.SetNodeValue(Sub(v.NodeValue(g), MulScalar(update, rate)))
	}
}

// trainer is a compiled training step on its own store.
type trainer struct {
	store *model.Store
	step  *model.Exec
}

func newTrainer(tb testing.TB, cfg Config, rate float64, opts ...Option) *trainer {
	m, err := New(cfg, opts...)
	require.NoError(tb, err)
	store := model.NewStore()
	require.NoError(tb, m.InitStore(store, 1))
	step, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) *Node {
		nll, count := m.Loss(scope, in[0], in[1], in[2], in[3])
		loss := Div(nll, count)
		adamStep(scope, loss, rate)
		return loss
	})
	require.NoError(tb, err)
	return &trainer{store, step}
}

// run takes one step on the ids [batch, length+1] and returns the loss.
func (s *trainer) run(tb testing.TB, ids [][]int32) float32 {
	var batch [4][]int32 // tokens, targets, positions, segments
	for _, row := range ids {
		for i := range len(row) - 1 {
			for k, v := range []int32{row[i], row[i+1], int32(i), 1} {
				batch[k] = append(batch[k], v)
			}
		}
	}
	var args []any
	for _, flat := range batch {
		args = append(args, tensors.FromFlatDataAndDimensions(flat, len(ids), len(ids[0])-1))
	}
	loss, err := s.step.Call1(args...)
	require.NoError(tb, err)
	defer loss.MustFinalizeAll()
	return tensors.ToScalar[float32](loss)
}

func randomIDs(rng *rand.Rand, vocab, batch, length int) [][]int32 {
	ids := make([][]int32, batch)
	for i := range ids {
		ids[i] = make([]int32, length)
		for j := range ids[i] {
			ids[i][j] = rng.Int32N(int32(vocab))
		}
	}
	return ids
}

// BenchmarkTrainStep is a whole training step with Adam on 8 rows of 256
// random tokens, float32. best-tok/s is the fastest step's rate.
func BenchmarkTrainStep(b *testing.B) {
	variants := []struct {
		name   string
		change func(*Config)
	}{
		{"dense", func(*Config) {}},
		{"chunked", func(c *Config) { c.LossChunk = 512 }},
		{"packed", func(c *Config) { c.DocumentMask = true }},
		{"ternary", func(c *Config) { c.Ternary = true }},
		{"swiglu", func(c *Config) { c.MLP = SwiGLU }},
		{"remat", func(c *Config) { c.Remat = 2 }},
	}
	for _, v := range variants {
		b.Run(v.name, func(b *testing.B) {
			cfg := benchConfig()
			v.change(&cfg)
			step := newTrainer(b, cfg, 1e-3)
			rng := rand.New(rand.NewPCG(1, 1))
			const batch = 8
			for range 2 {
				step.run(b, randomIDs(rng, cfg.VocabSize, batch, cfg.Context+1))
			}
			b.ReportAllocs()
			b.SetBytes(4 * batch * int64(cfg.Context))
			var times []time.Duration
			for b.Loop() {
				ids := randomIDs(rng, cfg.VocabSize, batch, cfg.Context+1)
				start := time.Now()
				step.run(b, ids)
				times = append(times, time.Since(start))
			}
			slices.Sort(times)
			tokens := float64(batch * cfg.Context)
			b.ReportMetric(tokens/times[len(times)/2].Seconds(), "tok/s")
			b.ReportMetric(tokens/times[0].Seconds(), "best-tok/s")
		})
	}
}

func TestTrainingLearns(t *testing.T) {
	cfg := Config{VocabSize: 32, NumLayers: 2, Dim: 32, NumHeads: 4, NumKVHeads: 2, Context: 16, QKNorm: true}
	step := newTrainer(t, cfg, 1e-2)
	ids := randomIDs(rand.New(rand.NewPCG(3, 3)), cfg.VocabSize, 4, cfg.Context+1)
	var loss float32
	for range 60 {
		loss = step.run(t, ids)
	}
	require.Less(t, loss, float32(0.05), "a batch of 64 tokens is learned by heart")
}

// BenchmarkStreams is what hyper-connections add to a training step of a model of
// width 512, dense and ternary: steps of both take turns, and ratio is the median
// of the quotients of neighbours.
func BenchmarkStreams(b *testing.B) {
	for _, v := range []struct {
		name   string
		change func(*Config)
	}{
		{"n=2", func(c *Config) { c.MHC.Streams = 2 }},
		{"n=4", func(c *Config) { c.MHC.Streams = 4 }},
		{"n=4/ternary", func(c *Config) { c.MHC.Streams, c.Ternary = 4, true }},
		{"n=4/sinkhorn", func(c *Config) { c.MHC = mhc.Config{Streams: 4, Mixing: mhc.Sinkhorn} }},
		{"n=4/free", func(c *Config) { c.MHC = mhc.Config{Streams: 4, Mixing: mhc.Free} }},
	} {
		b.Run(v.name, func(b *testing.B) {
			c := Config{VocabSize: 4096, NumLayers: 4, Dim: 512, NumHeads: 8, Context: 256}
			v.change(&c)
			plain := c
			plain.MHC = mhc.Config{}
			ids := randomIDs(rand.New(rand.NewPCG(1, 2)), c.VocabSize, 8, c.Context+1)
			steps := []*trainer{newTrainer(b, plain, 1e-3), newTrainer(b, c, 1e-3)}
			took := func(s *trainer) float64 {
				start := time.Now()
				s.run(b, ids)
				return time.Since(start).Seconds()
			}
			for _, s := range steps {
				took(s)
			}
			var ratios, seconds []float64
			for b.Loop() {
				p, m := took(steps[0]), took(steps[1])
				ratios, seconds = append(ratios, m/p), append(seconds, p)
			}
			slices.Sort(ratios)
			slices.Sort(seconds)
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
			b.ReportMetric(1e3*seconds[len(seconds)/2], "plain-ms")
		})
	}
}
