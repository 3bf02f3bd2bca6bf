// Package reftest prepares small models, in the graph and in package ref, for
// tests that hold one against the other.
package reftest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/internal/ref"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/golden"
)

// Config is a model with no two equal sizes that is small enough for central
// differences.
func Config() lm.Config {
	return lm.Config{VocabSize: 13, NumLayers: 2, Dim: 12, NumHeads: 4, NumKVHeads: 2, HeadDim: 6, HiddenDim: 10, Context: 9}
}

// Model is the float64 model of a configuration with the same weights: gains
// between 0.5 and 1.5, a gate that is neither open nor shut.
func Model(c lm.Config, seed uint64) *ref.Model {
	c = c.WithDefaults()
	m := &ref.Model{Weights: map[string][]float64{}, Config: ref.Config{Vocab: c.VocabSize, Layers: c.NumLayers, Dim: c.Dim,
		Heads: c.NumHeads, KVHeads: c.NumKVHeads, HeadDim: c.HeadDim, Hidden: c.HiddenDim, MLP: c.MLP, Tied: c.Tied, Ternary: c.Ternary,
		QKNorm: c.QKNorm, SandwichNorm: c.SandwichNorm, Loops: c.Loop.Loops, DocumentMask: c.DocumentMask, Window: c.Window,
		SoftCap: c.SoftCap, RopeTheta: c.RopeTheta, NormEps: c.NormEps}}
	rng := rand.New(rand.NewPCG(seed, 2))
	for _, p := range c.Params() {
		v := golden.Widen(p.Init(seed))
		for i := range v {
			switch {
			case p.Class == lm.Vector && p.Value == 0:
				v[i] = float64(float32(rng.Float64() - 0.5))
			case p.Class == lm.Vector:
				v[i] = float64(float32(0.5 + rng.Float64()))
			case p.Class == lm.Embedding:
				v[i] = float64(float32(30 * v[i])) // scores of order one
			}
		}
		m.Weights[p.Name] = v
	}
	return m
}

// Store holds the weights of a reference model as variables.
func Store(t testing.TB, params []lm.Param, r *ref.Model) *model.Store {
	t.Helper()
	store := model.NewStore()
	for _, p := range params {
		flat := make([]float32, p.Size())
		for i, x := range r.Weights[p.Name] {
			flat[i] = float32(x)
		}
		_, err := store.CreateVariable("/"+p.Name, tensors.FromFlatDataAndDimensions(flat, p.Shape...))
		require.NoError(t, err)
	}
	return store
}

// Rows are two rows of documents and padding with some targets that are not
// scored.
func Rows(length, vocab int) []ref.Batch {
	rng := rand.New(rand.NewPCG(8, 8))
	rows := make([]ref.Batch, 2)
	for i, documents := range [][]int{{4, length - 6}, {1, length - 1}} {
		b := &rows[i]
		for d, n := range documents {
			first := len(b.Tokens)
			for p := range n {
				b.Tokens = append(b.Tokens, rng.IntN(vocab))
				b.Pos, b.Seg = append(b.Pos, p), append(b.Seg, d+1)
			}
			b.Targets = append(append(b.Targets, b.Tokens[first+1:]...), -1) // the next token is another document's
		}
		for len(b.Tokens) < length {
			b.Tokens, b.Targets = append(b.Tokens, 0), append(b.Targets, -1)
			b.Pos, b.Seg = append(b.Pos, 0), append(b.Seg, 0)
		}
	}
	return rows
}

// Tensors are tokens, targets, positions and segments [B, T].
func Tensors(rows []ref.Batch) []any {
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
		args = append(args, tensors.FromFlatDataAndDimensions(f, len(rows), len(rows[0].Tokens)))
	}
	return args
}

// Wide are the values of a float32 tensor.
func Wide(t *tensors.Tensor) []float64 { return golden.Widen(tensors.MustCopyFlatData[float32](t)) }

// Relative is ‖want - got‖/‖want‖.
func Relative(want, got []float64) float64 {
	d, n := 0.0, 0.0
	for i := range want {
		d += (want[i] - got[i]) * (want[i] - got[i])
		n += want[i] * want[i]
	}
	return math.Sqrt(d / max(n, 1e-30))
}

// CheckGradients compares gradients of the parameters with central differences
// of f, which is float64 and evaluates the reference model, at a few places of
// each. The norms of the differences may be 1e-4 of those of the gradients:
// float32 keeps four to five digits through the layers of a small model.
func CheckGradients(t testing.TB, params []lm.Param, r *ref.Model, grads []*tensors.Tensor, f func() float64) {
	t.Helper()
	const sampled = 4
	rng := rand.New(rand.NewPCG(4, 4))
	for i, p := range params {
		all := Wide(grads[i])
		at := rng.Perm(len(all))[:min(sampled, len(all))]
		got := make([]float64, len(at))
		for n, k := range at {
			got[n] = all[k]
		}
		require.Less(t, Relative(r.Differentiate(p.Name, at, f), got), 1e-4, p.Name)
	}
}
