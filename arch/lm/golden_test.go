package lm

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/golden"
)

// Mutation: rotating by the opposite angle in rotate, or reading KV head
// h mod Hkv in attend, makes these tests fail.

const goldenDir = "testdata/golden"

// tensorOf is a float32 or int32 tensor with a golden tensor's shape.
func tensorOf[T float32 | int32](flat []T, shape []int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(flat, shape...)
}

func wide(t *tensors.Tensor) []float64 {
	if t.DType() == dtypes.Float64 {
		return tensors.MustCopyFlatData[float64](t)
	}
	return golden.Widen(tensors.MustCopyFlatData[float32](t))
}

// realTensor is the tensor in a role as float32, or as float64 when it has
// values that float32 only holds as subnormals: their squares are zero there.
func realTensor(c *golden.Case, role string, double bool) *tensors.Tensor {
	if double {
		return tensors.FromFlatDataAndDimensions(c.F64(role), c.Shape(role)...)
	}
	return tensorOf(c.F32(role), c.Shape(role))
}

func subnormal(c *golden.Case, role string) bool {
	for _, v := range c.F64(role) {
		if v != 0 && math.Abs(v) < 0x1p-126 {
			return true
		}
	}
	return false
}

// evaluate returns f(inputs) and the gradients of Σ f·cotangent by the inputs.
func evaluate(t *testing.T, f func(in []*Node) *Node, cotangent *tensors.Tensor, inputs ...*tensors.Tensor) [][]float64 {
	t.Helper()
	args := []any{cotangent}
	for _, in := range inputs {
		args = append(args, in)
	}
	exec, err := NewExec(backend, func(in []*Node) []*Node {
		y := f(in[1:])
		return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, in[0])), in[1:]...)...)
	})
	require.NoError(t, err)
	outputs, err := exec.Call(args...)
	require.NoError(t, err)
	var all [][]float64
	for _, o := range outputs {
		all = append(all, wide(o))
	}
	return all
}

func TestGoldenOps(t *testing.T) {
	golden.Load(t, "ops", goldenDir).Run(t, func(t *testing.T, c *golden.Case) {
		roles := []string{"x"}
		var f func(in []*Node) *Node
		switch c.Text("op") {
		case "rmsnorm":
			c.Known("op", "eps")
			eps := c.Number("eps", 0)
			if c.Has("gain") {
				roles = append(roles, "gain")
			}
			f = func(in []*Node) *Node {
				var gain *Node
				if len(in) > 1 {
					gain = in[1]
				}
				return rmsNorm(in[0], gain, eps)
			}
		case "swiglu":
			c.Known("op")
			roles = []string{"gate", "up"}
			f = func(in []*Node) *Node { return swiGLU(in[0], in[1]) }
		case "relu2":
			c.Known("op")
			f = func(in []*Node) *Node { return Square(MaxScalar(in[0], 0)) }
		case "softcap":
			c.Known("op", "cap")
			f = func(in []*Node) *Node { return softCap(in[0], c.Number("cap", 0)) }
		case "rope":
			c.Known("op", "theta", "positions", "style")
			f = ropeCase(t, c)
		default:
			t.Fatalf("operation %q is not understood", c.Text("op"))
		}
		var inputs []*tensors.Tensor
		double := subnormal(c, roles[0]) && c.Text("op") != "rope"
		for _, r := range roles {
			inputs = append(inputs, realTensor(c, r, double))
		}
		got := evaluate(t, f, realTensor(c, "cotangent", double), inputs...)
		c.Check("out", got[0])
		for i, r := range roles {
			c.Check("d_"+r, got[i+1])
		}
	})
}

// ropeCase rotates rows [T, H, d]; the interleaved style is the
// half-split one between two fixed permutations of the features.
func ropeCase(t *testing.T, c *golden.Case) func(in []*Node) *Node {
	shape := c.Shape("x")
	require.Len(t, shape, 3)
	d, rows := shape[2], shape[0]
	var positions []int
	for _, p := range c.Hyper["positions"].([]any) {
		positions = append(positions, int(p.(float64)))
	}
	require.Len(t, positions, rows)
	last := 0
	for _, p := range positions {
		last = max(last, p)
	}
	cos, sin := Config{HeadDim: d, RopeTheta: c.Number("theta", 0)}.RopeTable(last + 1)
	pick := func(table []float32) [][]float32 {
		var out [][]float32
		for _, p := range positions {
			out = append(out, table[p*d/2:(p+1)*d/2])
		}
		return out
	}
	interleaved := c.Text("style") == "interleaved"
	require.Contains(t, []string{"half", "interleaved"}, c.Text("style"))
	return func(in []*Node) *Node {
		g := in[0].Graph()
		tables := ropeTables{
			cos: Reshape(Const(g, pick(cos)), 1, rows, 1, d/2),
			sin: Reshape(Const(g, pick(sin)), 1, rows, 1, d/2),
		}
		x := Reshape(in[0], 1, rows, -1, d)
		if interleaved {
			pairs := Reshape(x, 1, rows, -1, d/2, 2)
			x = Reshape(Transpose(pairs, 3, 4), 1, rows, -1, d)
		}
		y := tables.apply(x)
		if interleaved {
			y = Transpose(Reshape(y, 1, rows, -1, 2, d/2), 3, 4)
		}
		return Reshape(y, in[0].Shape().Dimensions...)
	}
}

func TestGoldenAttention(t *testing.T) {
	golden.Load(t, "attention", goldenDir).Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("theta", "window", "window_rule", "scale", "gqa", "documents", "rope")
		require.Equal(t, "1/sqrt(d)", c.Text("scale"))
		q, k := c.Shape("q"), c.Shape("k")
		tokens := len(c.F64("segments")) / q[0]
		headsFirst := q[1] != tokens
		if !headsFirst {
			require.Equal(t, tokens, k[1])
		}
		heads, kvHeads := q[2], k[2]
		if headsFirst {
			heads, kvHeads = q[1], k[1]
		}
		cfg := Config{NumHeads: heads, NumKVHeads: kvHeads, HeadDim: q[3], DocumentMask: true,
			Window: int(c.Number("window", 0)), RopeTheta: c.Number("theta", 0), Context: tokens}
		order := func(x *Node) *Node {
			if headsFirst {
				return Transpose(x, 1, 2)
			}
			return x
		}
		seg := tensorOf(c.I32("segments"), []int{q[0], tokens})
		pos := tensorOf(c.I32("positions"), []int{q[0], tokens})
		got := evaluate(t, func(in []*Node) *Node {
			g := in[0].Graph()
			rows := Rows{Pos: ConstTensor(g, pos), Seg: ConstTensor(g, seg)}
			build := &Build{g: g, model: &Model{Config: cfg.WithDefaults()}}
			rope := newRopeTables(build, rows.Pos)
			kv := OwnKeys{}.Extend(0, 0, KV{K: rope.apply(order(in[1])), V: order(in[2]), Pos: rows.Pos, Seg: rows.Seg})
			return order(attend(cfg, rope.scaled(cfg.ScoreScale()).apply(order(in[0])), rows, kv))
		}, tensorOf(c.F32("cotangent"), c.Shape("cotangent")),
			tensorOf(c.F32("q"), q), tensorOf(c.F32("k"), k), tensorOf(c.F32("v"), c.Shape("v")))
		for i, role := range []string{"out", "dq", "dk", "dv"} {
			c.Check(role, got[i])
		}
	})
}

func TestGoldenLlama(t *testing.T) {
	family := golden.Load(t, "llama", goldenDir)
	family.Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("folder", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
			"head_dim", "vocab_size", "tie_word_embeddings", "rms_norm_eps", "rope_theta", "rope", "gqa", "qk_norm", "parameters")
		dir := filepath.Join(family.Dir, c.Text("folder"))
		text, err := os.ReadFile(filepath.Join(dir, "config.json"))
		require.NoError(t, err)
		cfg, err := ConfigFromHF(text)
		require.NoError(t, err)
		ids := c.I32("input_ids")
		greedy := c.I32("greedy")
		cfg.Context = max(len(ids), len(greedy)) // its table is a constant of the graph
		m, err := New(cfg)
		require.NoError(t, err)
		store := loadFolder(t, m, filepath.Join(dir, "model.safetensors"))

		shape := c.Shape("input_ids")
		batch, length := 1, shape[len(shape)-1]
		if len(shape) == 2 {
			batch = shape[0]
		}
		logits, hidden := runModel(t, m, store, ids, batch, length)
		c.Check("logits", logits)
		c.Check("logits_f64", logits)
		states := c.F64("hidden")
		golden.Compare(t, "hidden", c.Tol("hidden"), states[len(states)-len(hidden):], hidden, nil)
		checkGreedy(t, m, store, ids[:length], greedy)
	})
}

// arraySource serves the arrays of a file.
type arraySource struct{ *golden.Arrays }

func (a arraySource) Tensor(name string) ([]float32, []int, error) {
	flat, shape := a.F32(name)
	return flat, shape, nil
}

// loadFolder fills a store from a Hugging Face file.
func loadFolder(t *testing.T, m *Model, path string) *model.Store {
	store := model.NewStore()
	require.NoError(t, m.Load(store, arraySource{golden.ReadFile(t, path)}))
	return store
}

// runModel returns logits and final hidden states of ids [batch, length].
func runModel(t *testing.T, m *Model, store *model.Store, ids []int32, batch, length int) (logits, hidden []float64) {
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, tokens *Node) (*Node, *Node) {
		seg := OnesLike(tokens)
		h := m.Hidden(scope, tokens, Iota(tokens.Graph(), tokens.Shape(), 1), seg)
		return m.Unembed(scope, h), h
	})
	require.NoError(t, err)
	a, b, err := exec.Call2(tensorOf(ids, []int{batch, length}))
	require.NoError(t, err)
	return wide(a), wide(b)
}

// checkGreedy continues the prompt token by token with the largest logit.
func checkGreedy(t *testing.T, m *Model, store *model.Store, prompt, want []int32) {
	require.Equal(t, prompt, want[:len(prompt)])
	length := len(want)
	logits, _ := runModel(t, m, store, want, 1, length)
	vocab := m.Config.VocabSize
	for i := len(prompt) - 1; i+1 < length; i++ {
		row := logits[i*vocab : (i+1)*vocab]
		best := 0
		for j, v := range row {
			if v > row[best] {
				best = j
			}
		}
		require.Equal(t, want[i+1], int32(best), "token %d", i+1)
	}
}
