package optim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
)

// lmParams are the parameters of a transformer with SwiGLU and an untied head.
func lmParams(layers, dim, hidden, vocab int) []optim.Param {
	var params []optim.Param
	add := func(name, class string, shape ...int) {
		p := optim.Param{Name: name, Class: class, Shape: shape, FanIn: -1, FanOut: -1}
		if len(shape) == 2 {
			p.FanIn, p.FanOut = 0, 1
		}
		params = append(params, p)
	}
	add("embed", "embedding", vocab, dim)
	for i := range layers {
		name := func(s string) string { return fmt.Sprintf("layers.%d.%s", i, s) }
		for _, s := range []string{"q", "k", "v", "o"} {
			add(name(s), "matrix", dim, dim)
		}
		add(name("gate"), "matrix", dim, hidden)
		add(name("up"), "matrix", dim, hidden)
		add(name("down"), "matrix", hidden, dim)
		add(name("norm1"), "vector", dim)
		add(name("norm2"), "vector", dim)
	}
	add("norm", "vector", dim)
	add("head", "head", dim, vocab)
	return params
}

// BenchmarkStep is one update, clipping included, of a model of 4 layers × 256
// with vocabulary 4096, on gradients that are there already. The peer is
// GoMLX's own Adam, which does not clip.
func BenchmarkStep(b *testing.B) {
	params := lmParams(4, 256, 704, 4096)
	rest := optim.Group{Rule: adamw.New(), LR: 1e-3}
	matrices := func(p orthogonal.Preset) optim.Group {
		return optim.Group{Class: []string{"matrix"}, Rule: muon.New().WithOrthogonalizer(p), LR: 1e-3}
	}
	for _, c := range []struct {
		name   string
		groups []optim.Group
	}{
		{"adamw", []optim.Group{rest}},
		{"muon", []optim.Group{matrices(orthogonal.Classic(5)), rest}},
		{"muon-pe8", []optim.Group{matrices(orthogonal.PolarExpress8()), rest}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o, err := optim.New(params, optim.Config{Groups: c.groups, Clip: 1})
			require.NoError(b, err)
			benchmarkStep(b, params, func(scope *model.Scope, grads []*Node, loss *Node) *Node {
				return o.Apply(scope, grads, loss).GradNorm
			})
		})
	}
	b.Run("gomlx-adam", func(b *testing.B) {
		o := optimizer.Adam().LearningRate(1e-3).Done().(train.OptimizeWithGradients)
		benchmarkStep(b, params, func(scope *model.Scope, grads []*Node, loss *Node) *Node {
			o.UpdateGraphWithGradients(scope, grads, dtypes.Float32)
			return loss
		})
	})
}

// benchmarkStep times apply, which is given one gradient for each parameter.
func benchmarkStep(b *testing.B, params []optim.Param, apply func(scope *model.Scope, grads []*Node, loss *Node) *Node) {
	store, rng, size := model.NewStore(), rand.New(rand.NewPCG(1, 1)), 0
	for _, p := range params {
		size += p.Size()
		for _, prefix := range []string{"/", "/gradient/"} {
			v, err := store.CreateVariable(prefix+p.Name, optimtest.Tensor(p.Shape, normal(rng, p.Size(), 0.02)))
			require.NoError(b, err)
			v.SetTrainable(prefix == "/")
		}
	}
	given := store.ByteSize()
	exec, err := model.NewExec(optimtest.Backend, store, func(scope *model.Scope, loss *Node) *Node {
		var grads []*Node
		for _, p := range params {
			store.GetVariable("/" + p.Name).NodeValue(loss) // in use, as in a step
			grads = append(grads, store.GetVariable("/gradient/"+p.Name).NodeValue(loss))
		}
		return apply(scope, grads, loss)
	})
	require.NoError(b, err)
	exec.MustCall1(float32(1)).MustFinalizeAll()
	state := float64(store.ByteSize() - given)
	b.ReportAllocs()
	b.SetBytes(int64(4 * size))
	for b.Loop() {
		exec.MustCall1(float32(1)).MustFinalizeAll()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/param")
	b.ReportMetric(state, "state-bytes")
	b.ReportMetric(state/float64(size), "state-bytes/param")
}
