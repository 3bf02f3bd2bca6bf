package lm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// Mutation: masking empty slots out of bias no longer, giving every pass the
// number 0 in BlockStack.Forward, or leaving out Stream.Close in HiddenWith
// makes these tests fail.

// cache is a Keys for decoding: the stored keys and values of a layer and pass,
// then the rows' own.
type cache struct {
	stored map[string]KV
	extend map[string]KV // what the graph leaves for the next call
}

func (c *cache) Extend(layer, pass int, own KV) KV {
	key := fmt.Sprint(layer, "/", pass)
	old := c.stored[key]
	all := KV{K: Concatenate([]*Node{old.K, own.K}, 1), V: Concatenate([]*Node{old.V, own.V}, 1),
		Pos: Concatenate([]*Node{old.Pos, own.Pos}, 1), Seg: Concatenate([]*Node{old.Seg, own.Seg}, 1)}
	c.extend[key] = own
	return all
}

// TestCachedEqualsFull decodes rows in chunks through a cache with room for the
// whole row: slots that are not filled yet are segment 0 and must not be seen.
func TestCachedEqualsFull(t *testing.T) {
	for _, v := range []struct {
		name   string
		change func(c *Config)
	}{
		{"two query heads a key head", func(*Config) {}},
		{"one key head", func(c *Config) { c.NumKVHeads = 1 }},
		{"window", func(c *Config) { c.Window = 4 }},
		{"qk norm", func(c *Config) { c.QKNorm = true }},
		{"documents", func(c *Config) { c.DocumentMask = true }},
		{"bitnet", func(c *Config) { c.SubLN, c.MLP = true, ReLU2GLU }},
		{"smear", func(c *Config) { c.Smear, c.DocumentMask = true, true }},
		{"nanochat", nano},
		{"loops", func(c *Config) { c.Loop.Loops, c.SandwichNorm, c.ResidualScalars = 2, true, true }},
	} {
		chunkings := [][]int{{2, 3, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {4, 5}, {8, 1}, {1, 8}}
		if testing.Short() { // each length is a graph to compile
			chunkings = chunkings[:1]
		}
		for _, chunks := range chunkings {
			t.Run(fmt.Sprint(v.name, chunks), func(t *testing.T) {
				c := referenceConfig()
				v.change(&c)
				m, err := New(c)
				require.NoError(t, err)
				store := storeOf(t, m, referenceOf(c, 5))
				rng := rand.New(rand.NewPCG(3, 3))
				tokens, pos, seg := row(rng, c.VocabSize, 4, 5)
				if !c.DocumentMask {
					tokens, pos, seg = row(rng, c.VocabSize, 9)
				}
				want := wide(runRows(t, m, store, tokens, pos, seg))
				got := decode(t, m, store, tokens, pos, seg, chunks)
				require.Less(t, relative(want, got), 1e-5)
			})
		}
	}
}

func runRows(t *testing.T, m *Model, store *model.Store, tokens, pos, seg []int32) *tensors.Tensor {
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) *Node {
		return m.Logits(scope, in[0], in[1], in[2])
	})
	require.NoError(t, err)
	dims := []int{1, len(tokens)}
	out, err := exec.Call1(tensorOf(tokens, dims), tensorOf(pos, dims), tensorOf(seg, dims))
	require.NoError(t, err)
	return out
}

// slot is where a cache keeps the keys and values of a layer in a pass.
type slot struct{ layer, pass, heads, dim int }

func (s slot) key() string { return fmt.Sprint(s.layer, "/", s.pass) }

// slots lists what a model caches.
func slots(c Config) []slot {
	var all []slot
	if c.Smear {
		all = append(all, slot{SmearLayer, 0, 1, c.Dim})
	}
	for pass := range c.Passes() {
		for l := range c.NumLayers {
			all = append(all, slot{l, pass, c.NumKVHeads, c.HeadDim})
		}
	}
	return all
}

// decode returns the logits of the row, computed chunk by chunk.
func decode(t *testing.T, m *Model, store *model.Store, tokens, pos, seg []int32, chunks []int) []float64 {
	capacity, cached := len(tokens), slots(m.Config)
	k, v := make([][]float32, len(cached)), make([][]float32, len(cached))
	for i, s := range cached {
		k[i], v[i] = make([]float32, capacity*s.heads*s.dim), make([]float32, capacity*s.heads*s.dim)
		for j := range k[i] { // what lies in an empty slot must not matter
			k[i][j], v[i][j] = 1e3, 1e3
		}
	}
	slotPos, slotSeg := make([]int32, capacity), make([]int32, capacity)
	var logits []float64
	for start, n := 0, 0; n < len(chunks); n++ {
		end := start + chunks[n]
		args := []any{tensorOf(tokens[start:end], []int{1, end - start}), tensorOf(pos[start:end], []int{1, end - start}),
			tensorOf(seg[start:end], []int{1, end - start}), tensorOf(slotPos, []int{1, capacity}), tensorOf(slotSeg, []int{1, capacity})}
		for i, s := range cached {
			args = append(args, tensorOf(k[i], []int{1, capacity, s.heads, s.dim}), tensorOf(v[i], []int{1, capacity, s.heads, s.dim}))
		}
		out := decodeChunk(t, m, store, args)
		logits = append(logits, wide(out[0])...)
		for i, s := range cached {
			copy(k[i][start*s.heads*s.dim:], tensors.MustCopyFlatData[float32](out[1+2*i]))
			copy(v[i][start*s.heads*s.dim:], tensors.MustCopyFlatData[float32](out[2+2*i]))
		}
		copy(slotPos[start:], pos[start:end])
		copy(slotSeg[start:], seg[start:end])
		start = end
	}
	return logits
}

func decodeChunk(t *testing.T, m *Model, store *model.Store, args []any) []*tensors.Tensor {
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
		keys := &cache{stored: map[string]KV{}, extend: map[string]KV{}}
		for i, s := range slots(m.Config) {
			keys.stored[s.key()] = KV{K: in[5+2*i], V: in[6+2*i], Pos: in[3], Seg: in[4]}
		}
		out := []*Node{m.Unembed(scope, m.HiddenWith(keys, scope, in[0], in[1], in[2]))}
		for _, s := range slots(m.Config) {
			kv := keys.extend[s.key()]
			out = append(out, kv.K, kv.V)
		}
		return out
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(args...)
	require.NoError(t, err)
	return out
}

// twoStreams is a hyper-connection with two residual streams [B, R, 2, C] and
// constant coefficients: it reads pre, writes post and exchanges mix of what
// the streams hold.
type twoStreams struct{ pre, post, mix [2]float64 }

func (s twoStreams) weights(x *Node, w [2]float64) *Node {
	return Reshape(Const(x.Graph(), []float32{float32(w[0]), float32(w[1])}), 1, 1, 2, 1)
}

func (s twoStreams) Open(_ *Build, x *Node) *Node {
	dims := x.Shape().Dimensions
	return BroadcastToDims(InsertAxes(x, 2), dims[0], dims[1], 2, dims[2])
}

func (s twoStreams) Apply(_ *Build, _ Sublayer, h *Node, sublayer func(x *Node) *Node) *Node {
	y := sublayer(ReduceSum(Mul(h, s.weights(h, s.pre)), 2))
	swapped := Concatenate([]*Node{SliceAxis(h, 2, AxisRange(1, 2)), SliceAxis(h, 2, AxisRange(0, 1))}, 2)
	h = Add(Mul(h, s.weights(h, [2]float64{1 - s.mix[0], 1 - s.mix[1]})), Mul(swapped, s.weights(h, s.mix)))
	return Add(h, Mul(InsertAxes(y, 2), s.weights(h, s.post)))
}

func (s twoStreams) Close(_ *Build, h *Node) *Node { return ReduceSum(h, 2) }

// TestStreamSeam: equal streams that are read and written alike are the plain
// residual, since the final norm takes away the factor of their sum; streams
// that are written unequally are another model, and every coefficient counts.
func TestStreamSeam(t *testing.T) {
	c := referenceConfig()
	r := referenceOf(c, 5)
	rows := referenceRows(c.Context, c.VocabSize)
	run := func(opts ...Option) evaluation {
		m, err := New(c, opts...)
		require.NoError(t, err)
		return lossAndGradients(t, m, storeOf(t, m, r), rows)
	}
	plain := run()
	for _, same := range []twoStreams{
		{pre: [2]float64{1, 0}, post: [2]float64{1, 1}},
		{pre: [2]float64{0.25, 0.75}, post: [2]float64{1, 1}, mix: [2]float64{0.5, 0.5}},
	} {
		got := run(WithStream(same))
		require.Less(t, relative(plain.logits, got.logits), 1e-4) // ε of the final norm weighs a fourth
		for i := range got.grads {
			require.Less(t, relative(plain.grads[i], got.grads[i]), 1e-3)
		}
	}
	base := twoStreams{pre: [2]float64{0.7, 0.3}, post: [2]float64{1, 0.5}, mix: [2]float64{0.1, 0.1}}
	seen := [][]float64{plain.logits, run(WithStream(base)).logits}
	for _, change := range []func(s *twoStreams){
		func(s *twoStreams) { s.pre = [2]float64{0.9, 0.1} },
		func(s *twoStreams) { s.post = [2]float64{0.5, 1.5} },
		func(s *twoStreams) { s.mix = [2]float64{0.4, 0.4} },
	} {
		s := base
		change(&s)
		seen = append(seen, run(WithStream(s)).logits)
	}
	for i := range seen {
		for j := range i {
			require.Greater(t, relative(seen[i], seen[j]), 1e-3, "%d and %d", i, j)
		}
	}
}

// passes is OwnKeys that notes which layers ask, and in which pass.
type passes struct{ asked []string }

func (p *passes) Extend(layer, pass int, own KV) KV {
	p.asked = append(p.asked, fmt.Sprint(layer, "/", pass))
	return OwnKeys{}.Extend(layer, pass, own)
}

// TestStackSeam: two loops of a core are the model whose layers are the core
// twice, with the blocks before and after run once, and each loop has keys of
// its own.
func TestStackSeam(t *testing.T) {
	c := referenceConfig()
	c.NumLayers = 4
	looped, err := New(c)
	require.NoError(t, err)
	core := looped.stack.Core
	looped.stack = BlockStack{Before: core[:1], Core: core[1:3], After: core[3:], Loops: 2}
	r := referenceOf(c, 5)

	flat := c
	flat.NumLayers = 6
	unrolled, err := New(flat)
	require.NoError(t, err)
	u := referenceOf(flat, 5)
	for name, v := range r.Weights {
		u.Weights[name] = v
	}
	for layer, from := range []int{0, 1, 2, 1, 2, 3} {
		for _, p := range flat.Params() {
			var rest string
			if n, _ := fmt.Sscanf(p.Name, fmt.Sprintf("model.layers.%d.%%s", layer), &rest); n == 1 {
				u.Weights[p.Name] = r.Weights[fmt.Sprintf("model.layers.%d.%s", from, rest)]
			}
		}
	}
	tokens, pos, seg := row(rand.New(rand.NewPCG(3, 3)), c.VocabSize, 9)
	require.Less(t, relative(wide(runRows(t, unrolled, storeOf(t, unrolled, u), tokens, pos, seg)),
		wide(runRows(t, looped, storeOf(t, looped, r), tokens, pos, seg))), 1e-5)

	// The gradient of shared weights is the sum over the copies.
	rows := referenceRows(c.Context, c.VocabSize)
	shared, copies := lossAndGradients(t, looped, storeOf(t, looped, r), rows), lossAndGradients(t, unrolled, storeOf(t, unrolled, u), rows)
	sums := map[string][]float64{}
	for i, p := range unrolled.Params() {
		name := p.Name
		if p.Block >= 0 {
			name = strings.Replace(name, fmt.Sprintf("layers.%d.", p.Block), fmt.Sprintf("layers.%d.", []int{0, 1, 2, 1, 2, 3}[p.Block]), 1)
		}
		if sums[name] == nil {
			sums[name] = make([]float64, len(copies.grads[i]))
		}
		for k, g := range copies.grads[i] {
			sums[name][k] += g
		}
	}
	for i, p := range looped.Params() {
		require.Less(t, relative(sums[p.Name], shared.grads[i]), 1e-4, p.Name)
	}

	keys := &passes{}
	exec, err := model.NewExec(backend, storeOf(t, looped, r), func(scope *model.Scope, in *Node) *Node {
		return looped.HiddenWith(keys, scope, in, ZerosLike(in), OnesLike(in))
	})
	require.NoError(t, err)
	_, err = exec.Compile(shapes.Make(dtypes.Int32, 1, 5))
	require.NoError(t, err)
	require.Equal(t, []string{"0/0", "1/0", "2/0", "1/1", "2/1", "3/0"}, keys.asked)
}

// byPath gives ternary precision to one weight.
type byPath string

func (p byPath) Recipe(path string) policy.Recipe {
	if path == string(p) {
		return policy.MustBuiltin("ternary")
	}
	return policy.Recipe{}
}

// TestPolicySeam: the policy is asked for every linear of a block by its name,
// and decides alone.
func TestPolicySeam(t *testing.T) {
	c := referenceConfig()
	r := referenceOf(c, 5)
	rows := referenceRows(c.Context, c.VocabSize)
	run := func(c Config, opts ...Option) []float64 {
		m, err := New(c, opts...)
		require.NoError(t, err)
		return lossAndGradients(t, m, storeOf(t, m, r), rows).logits
	}
	plain := run(c)
	for _, p := range c.Params() {
		changed := relative(plain, run(c, WithPolicy(byPath(p.Name)))) > 1e-4
		require.Equal(t, p.Class == Matrix, changed, p.Name)
	}
	c.Ternary = true
	require.Equal(t, plain, run(c, WithPolicy(quant.Uniform{})))
}

// places is the plain residual that notes which sublayers touch it and measures
// what they add, with a parameter it reaches for itself.
type places struct {
	Residual
	seen *[]Sublayer
}

func (p places) Apply(c *Build, at Sublayer, h *Node, sublayer func(x *Node) *Node) *Node {
	*p.seen = append(*p.seen, at)
	c.Measure("add/"+at.Path, ReduceAllMean(Square(c.Norm("model.norm.weight", sublayer(h)))))
	return p.Residual.Apply(c, at, h, sublayer)
}

// TestMeasuresSeam: a stream knows whom it serves and reports once for each
// part of the batch, also when the backward pass builds the block again.
func TestMeasuresSeam(t *testing.T) {
	for _, remat := range []int{0, 1, 2, 3} {
		c := referenceConfig()
		c.Remat = remat
		var seen []Sublayer
		m, err := New(c, WithStream(places{seen: &seen}), WithShards(2))
		require.NoError(t, err)
		var names []string
		measured := m.WithMeasures(func(name string, value *Node) {
			require.True(t, value.Shape().IsScalar())
			names = append(names, name)
		})
		for _, wanted := range []bool{false, true} {
			seen, names = nil, nil
			exec, err := model.NewExec(backend, storeOf(t, m, referenceOf(c, 5)), func(scope *model.Scope, in []*Node) *Node {
				m := m
				if wanted {
					m = measured
				}
				nll, _ := m.Loss(scope, in[0], in[1], in[2], in[3])
				return Gradient(nll, scope.Store().GetVariable("/lm_head.weight").NodeValue(nll.Graph()),
					scope.Store().GetVariable("/model.embed_tokens.weight").NodeValue(nll.Graph()))[1]
			})
			require.NoError(t, err)
			_, err = exec.Call(rowTensors(referenceRows(c.Context, c.VocabSize))...)
			require.NoError(t, err)
			half := []Sublayer{{"model.layers.0.self_attn", 0, 0}, {"model.layers.0.mlp", 0, 0},
				{"model.layers.1.self_attn", 1, 0}, {"model.layers.1.mlp", 1, 0}}
			require.Equal(t, append(half, half...), seen[:8])
			require.Len(t, seen, map[bool]int{false: 8, true: 16}[remat > 0])
			if !wanted {
				require.Empty(t, names)
				continue
			}
			one := []string{"add/model.layers.0.self_attn", "add/model.layers.0.mlp", "add/model.layers.1.self_attn", "add/model.layers.1.mlp"}
			require.Equal(t, append(one, one...), names)
		}
	}
}
