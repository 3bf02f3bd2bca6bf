package lm

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

	"github.com/nanochat-go/nanochat/arch/internal/ref"
	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/precision/golden"
)

// Mutation: equal reading weights in mhc.InitBias, a pass that opens or closes the
// stream in every block, or Sinkhorn logits where Birkhoff ones belong make these
// tests fail.

// initial is the float64 model with the initial values of a configuration.
func initial(c Config) *ref.Model {
	plain := c
	plain.MHC = mhc.Config{}
	r := referenceOf(plain, 5)
	r.Streams = referenceOf(c, 5).Streams
	for _, p := range c.Params() {
		if strings.Contains(p.Name, "_mhc.") {
			r.Weights[p.Name] = golden.Widen(p.Init(5))
		}
	}
	return r
}

var mixings = []mhc.Config{{Streams: 2}, {Streams: 4}, {Streams: 4, Mixing: mhc.Sinkhorn}, {Streams: 3, Mixing: mhc.SinkhornV4, Iterations: 20},
	{Streams: 4, Mixing: mhc.Free}}

// TestStreamsBeginPlain: with the initial maps the model is the plain one. Two steps
// of gradient descent later it is not, and the streams have separated.
func TestStreamsBeginPlain(t *testing.T) {
	c := referenceConfig()
	plain := evaluationOf(t, c)
	for _, s := range mixings {
		c.MHC = s
		require.Less(t, relative(plain.logits, evaluationOf(t, c).logits), 1e-5, s)
	}
	c.MHC = mhc.Config{Streams: 1}
	require.Equal(t, plain, evaluationOf(t, c), "one stream has no maps")
}

func evaluationOf(t *testing.T, c Config) evaluation {
	t.Helper()
	m, err := New(c)
	require.NoError(t, err)
	return lossAndGradients(t, m, storeOf(t, m, initial(c)), referenceRows(c.Context, c.VocabSize))
}

// descend takes one step of gradient descent on every weight.
func descend(c Config, r *ref.Model, e evaluation, rate float64) {
	for i, p := range c.Params() {
		for k, g := range e.grads[i] {
			r.Weights[p.Name][k] -= rate * g
		}
	}
}

// measures runs the forward pass and returns what it reports.
func measures(t *testing.T, m *Model, r *ref.Model) map[string]float64 {
	t.Helper()
	c := m.Config
	var names []string
	exec, err := model.NewExec(backend, storeOf(t, m, r), func(scope *model.Scope, in []*Node) []*Node {
		names = nil
		var out []*Node
		nll, _ := m.WithMeasures(func(name string, x *Node) { names, out = append(names, name), append(out, x) }).
			Loss(scope, in[0], in[1], in[2], in[3])
		return append(out, nll)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(rowTensors(referenceRows(c.Context, c.VocabSize))...)
	require.NoError(t, err)
	got := map[string]float64{}
	for i, name := range names {
		require.NotContains(t, got, name)
		got[name] = float64(tensors.ToScalar[float32](out[i]))
	}
	return got
}

// gradient returns the largest absolute gradient of the part of a parameter.
func gradient(c Config, e evaluation, name string, from, to int) float64 {
	top := 0.0
	for i, p := range c.Params() {
		if p.Name == name {
			for _, g := range e.grads[i][from:to] {
				top = math.Max(top, math.Abs(g))
			}
		}
	}
	return top
}

// TestStreamsSeparate: the default initial values break the symmetry of the streams
// at the first update, so that R has a gradient from the second on, except in the
// last sublayer, on which the mean of the streams does not depend. With equal
// biases the streams stay alike for ever, R has no gradient and changes nothing.
func TestStreamsSeparate(t *testing.T) {
	for _, s := range mixings {
		t.Run(fmt.Sprint(s.Streams, s.Mixing), func(t *testing.T) {
			c := referenceConfig()
			c.MHC = s
			m, err := New(c)
			require.NoError(t, err)
			rows := referenceRows(c.Context, c.VocabSize)
			logitsOfR := func(e evaluation, layer int, sub string) float64 {
				return gradient(c, e, fmt.Sprintf("model.layers.%d.%s_mhc.bias", layer, sub), 2*s.Streams, s.Width())
			}
			last := fmt.Sprintf("%s%03d", MeasureCosine, 3) // what the last of four sublayers reads

			r := initial(c)
			first := lossAndGradients(t, m, storeOf(t, m, r), rows)
			if s.Mixing != mhc.Free { // whose rows may have another sum than 1
				require.Less(t, logitsOfR(first, 0, "mlp"), 1e-6)
			}
			require.InDelta(t, 1, measures(t, m, r)[last], 1e-6)
			descend(c, r, first, 0.3)
			require.Less(t, measures(t, m, r)[last], 1-1e-6, "streams differ after one update")
			second := lossAndGradients(t, m, storeOf(t, m, r), rows)
			require.Greater(t, logitsOfR(second, 0, "mlp"), 1e-6)
			if s.Mixing == "" { // the sums of columns are exact
				require.Less(t, logitsOfR(second, 1, "mlp"), 1e-6, "the last sublayer")
			}

			r = initial(c)
			for _, p := range c.Params() {
				if strings.HasSuffix(p.Name, "_mhc.bias") {
					for j := range s.Streams {
						r.Weights[p.Name][j] = 0.5 // alike for all, as in the ports that fail
					}
				}
			}
			if s.Mixing == mhc.Free {
				return // R acts on equal streams by its row sums
			}
			for range 2 {
				e := lossAndGradients(t, m, storeOf(t, m, r), rows)
				require.Less(t, logitsOfR(e, 0, "mlp"), 1e-6)
				descend(c, r, e, 0.3)
			}
			require.InDelta(t, 1, measures(t, m, r)[last], 1e-6)
			before := lossAndGradients(t, m, storeOf(t, m, r), rows).nll
			for _, p := range c.Params() {
				if strings.HasSuffix(p.Name, "_mhc.bias") {
					r.Weights[p.Name][2*s.Streams+1] += 5
				}
			}
			require.InDelta(t, before, lossAndGradients(t, m, storeOf(t, m, r), rows).nll, 1e-4*before, "R is inert")
		})
	}
}

// TestGains: the maps of a trained-looking model are doubly stochastic, those of the
// free mixing are not; the meters see every sublayer of every pass once, also when
// blocks are recomputed.
func TestGains(t *testing.T) {
	for _, s := range mixings {
		for _, remat := range []bool{false, true} {
			c := referenceConfig()
			c.MHC, c.Loop.Loops = s, 2
			if remat {
				c.Remat = 3
			}
			m, err := New(c)
			require.NoError(t, err)
			got := measures(t, m, referenceOf(c, 5))
			require.Len(t, got, 6*8)
			for depth := range 8 {
				at := func(name string) float64 {
					v, ok := got[fmt.Sprintf("%s%03d", name, depth)]
					require.True(t, ok, name)
					return v
				}
				gain, residual := at(MeasureForwardGain), at(MeasureResidual)
				if s.Mixing == mhc.Free {
					require.Greater(t, residual, 0.01)
					require.Greater(t, math.Abs(gain-1), 0.01)
					continue
				}
				exact := 1e-5
				if s.Mixing != "" { // twenty iterations on random logits, eight maps
					exact = 5e-2
				}
				for _, v := range []float64{gain, at(MeasureBackwardGain), at(MeasureAttenuation), at(MeasureLayerGain)} {
					require.InDelta(t, 1, v, exact)
				}
				require.Less(t, residual, exact)
			}
		}
	}
}

// counted notes how often a stream is opened and closed.
type counted struct {
	Stream
	opened, closed *int
}

func (s counted) Open(c *Build, x *Node) *Node { *s.opened++; return s.Stream.Open(c, x) }

func (s counted) Close(c *Build, h *Node) *Node { *s.closed++; return s.Stream.Close(c, h) }

// TestStreamsPersist: the stream goes through all layers as it is. A model that
// collapses it after every sublayer is another one, without hyper-connections.
func TestStreamsPersist(t *testing.T) {
	c := referenceConfig()
	c.MHC.Streams = 4
	r := referenceOf(c, 5)
	opened, closed := 0, 0
	s := hyperConnections{c.MHC.WithDefaults()}
	m, err := New(c, WithStream(counted{s, &opened, &closed}))
	require.NoError(t, err)
	tokens, pos, seg := row(rand.New(rand.NewPCG(3, 3)), c.VocabSize, 9)
	whole := wide(runRows(t, m, storeOf(t, m, r), tokens, pos, seg))
	require.Equal(t, 1, opened)
	require.Equal(t, 2, closed, "for the head, and before the last block for those that ask")
	m, err = New(c, WithStream(collapsing{s}))
	require.NoError(t, err)
	require.Greater(t, relative(whole, wide(runRows(t, m, storeOf(t, m, r), tokens, pos, seg))), 1e-2)
}

// collapsing closes and opens the stream around every sublayer.
type collapsing struct{ hyperConnections }

func (s collapsing) Apply(c *Build, at Sublayer, h *Node, sublayer func(x *Node) *Node) *Node {
	h = s.hyperConnections.Apply(c, at, h, sublayer)
	return s.Open(c, s.Close(c, h))
}

// TestEveryMixingOptionMatters changes one field at a time on weights that are not
// the initial ones.
func TestEveryMixingOptionMatters(t *testing.T) {
	base := mhc.Config{Streams: 3, Mixing: mhc.Sinkhorn, Iterations: 3}
	run := func(s mhc.Config) evaluation {
		c := referenceConfig()
		c.MHC = s
		m, err := New(c)
		require.NoError(t, err)
		return lossAndGradients(t, m, storeOf(t, m, referenceOf(c, 5)), referenceRows(c.Context, c.VocabSize))
	}
	want := run(base)
	for name, change := range map[string]func(s *mhc.Config){
		"streams":    func(s *mhc.Config) { s.Streams = 4 },
		"mixing":     func(s *mhc.Config) { s.Mixing = mhc.SinkhornV4 },
		"iterations": func(s *mhc.Config) { s.Iterations = 1 },
	} {
		s := base
		change(&s)
		require.Greater(t, relative(want.logits, run(s).logits), 1e-4, name)
	}
}

// TestStreamsLearn: four streams learn a batch by heart as one does, and come apart.
func TestStreamsLearn(t *testing.T) {
	cfg := Config{VocabSize: 32, NumLayers: 2, Dim: 32, NumHeads: 4, NumKVHeads: 2, Context: 16, QKNorm: true, MHC: mhc.Config{Streams: 4}}
	step := newTrainer(t, cfg, 1e-2)
	rng := rand.New(rand.NewPCG(3, 3))
	ids := randomIDs(rng, cfg.VocabSize, 4, cfg.Context+1)
	var loss float32
	for range 100 {
		loss = step.run(t, ids)
	}
	require.Less(t, loss, float32(0.05))
	m, err := New(cfg)
	require.NoError(t, err)
	var cosine *Node
	exec, err := model.NewExec(backend, step.store, func(scope *model.Scope, in *Node) []*Node {
		h := m.WithMeasures(func(name string, x *Node) {
			if name == MeasureCosine+"003" {
				cosine = x
			}
		}).Hidden(scope, in, ZerosLike(in), OnesLike(in))
		return []*Node{cosine, h}
	})
	require.NoError(t, err)
	out, _, err := exec.Call2([][]int32{ids[0][:16]})
	require.NoError(t, err)
	require.Less(t, tensors.ToScalar[float32](out), float32(0.999))
}
