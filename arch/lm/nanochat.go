package lm

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// The numbers of features that the gates of smear and value embeddings read.
const (
	smearFeatures = 24
	valueFeatures = 12
)

// SmearLayer is the layer under which smear asks Keys for the rows before: its
// keys and values are the embeddings [B, R, 1, C].
const SmearLayer = -1

// NanoChat is the model of nanochat (github.com/karpathy/nanochat, commit
// 92d63d4) for its one dial, the depth: width 64·depth rounded up to heads of
// 128, vocabulary 32768, context 2048.
func NanoChat(depth int) Config {
	heads := (64*depth + 127) / 128
	return Config{VocabSize: 32768, NumLayers: depth, Dim: 128 * heads, NumHeads: heads, HeadDim: 128, Context: 2048, MLP: ReLU2,
		QKNorm: true, QKScale: 1.2, NoGain: true, EmbedNorm: true, ValueEmbed: true, ResidualScalars: true, Smear: true, Backout: true,
		WindowPattern: "SSSL", SoftCap: 15, RopeTheta: 100_000, NormEps: 1e-6, Init: InitNanoChat}
}

// LayerWindow is the number of keys that a query of the layer sees, 0 for all.
func (c Config) LayerWindow(layer int) int {
	if c.WindowPattern == "" {
		return c.Window
	}
	if layer >= c.NumLayers-1 || c.WindowPattern[layer%len(c.WindowPattern)] == 'L' {
		return 0
	}
	return c.WithDefaults().Window
}

// HasValueEmbed says whether the layer has a value embedding: every second one,
// the last among them.
func (c Config) HasValueEmbed(layer int) bool {
	return c.ValueEmbed && layer < c.NumLayers && layer%2 == (c.NumLayers-1)%2
}

// BackoutLayer is the layer whose result Backout subtracts at the end.
func (c Config) BackoutLayer() int { return c.NumLayers / 2 }

// gateParam is a linear that opens a gate. It is small, and not a matrix for the
// optimizer: it begins with small values of one sign.
func gateParam(name string, in, out, block int) Param {
	p := vectorParam(name, in, block, 0.01)
	p.Shape, p.Linear, p.Std, p.Uniform = []int{in, out}, true, 0.01/math.Sqrt(3), true // U(0, 0.02)
	return p
}

// residualParams are the factors of the block's stream and of the embedding.
func (c Config) residualParams(layer int) []Param {
	if !c.ResidualScalars || layer >= c.NumLayers {
		return nil
	}
	at := float64(layer) / math.Max(float64(c.NumLayers-1), 1)
	path := fmt.Sprintf("model.layers.%d.", layer)
	return []Param{vectorParam(path+"resid_lambda", 1, layer, 1.15-0.10*at), vectorParam(path+"x0_lambda", 1, layer, 0.20-0.15*at)}
}

// valueParams are the value embedding of the layer and its gate.
func (c Config) valueParams(layer int) []Param {
	if !c.HasValueEmbed(layer) {
		return nil
	}
	path := fmt.Sprintf("model.layers.%d.", layer)
	return []Param{
		{Name: path + "value_embed.weight", Shape: []int{c.VocabSize, c.NumKVHeads * c.HeadDim}, Class: Embedding, FanIn: 0, FanOut: 1,
			Block: layer, Std: 1 / math.Sqrt(float64(c.Dim)), Uniform: true},
		gateParam(path+"self_attn.value_gate.weight", min(valueFeatures, c.Dim), c.NumKVHeads, layer),
	}
}

// smearParams are the gate of the row before and its factor.
func (c Config) smearParams() []Param {
	if !c.Smear {
		return nil
	}
	return []Param{gateParam("model.smear_gate.weight", min(smearFeatures, c.Dim), 1, -1), vectorParam("model.smear_lambda", 1, -1, 0)}
}

// gate is the logistic of a plain product of the first features of x with a
// gate's weight.
func (c *Build) gate(name string, x *Node) *Node {
	w := c.Param(name)
	return Sigmoid(quant.Linear(policy.Recipe{}, SliceAxis(x, -1, AxisRange(0, w.Shape().Dim(0))), w))
}

// scalar is the value of a parameter of one value.
func (c *Build) scalar(name string) *Node { return Reshape(c.Param(name)) }

// smear adds to each embedding a part of the one before in its document:
//
//	x_t ← x_t + λ·σ(W·x_t[:24])·x_{t-1}
func (c *Build) smear(x *Node, rows Rows) *Node {
	own := KV{K: InsertAxes(x, 2), V: InsertAxes(x, 2), Pos: rows.Pos, Seg: rows.Seg}
	before := c.before(rows, c.keys.Extend(SmearLayer, 0, own))
	open := Mul(c.gate("model.smear_gate.weight", x), c.scalar("model.smear_lambda"))
	return Add(x, Mul(open, before))
}

// before returns the values [B, R, C] of the keys that lie one position before
// each row, zero where there is none. Where keys lie in order the row before is
// the key before.
func (c *Build) before(rows Rows, all KV) *Node {
	values := Squeeze(all.V, 2)
	follows := func(query, key *Node) *Node { // as attention's mask has it
		if c.model.Config.DocumentMask {
			return LogicalAnd(Equal(query, key), NotEqual(query, ZerosLike(query)))
		}
		if all.InOrder {
			return OnesLike(Equal(query, key))
		}
		return NotEqual(key, ZerosLike(key))
	}
	if !all.InOrder {
		dims := []int{rows.Pos.Shape().Dim(0), rows.Pos.Shape().Dim(1), all.Pos.Shape().Dim(1)}
		query := func(x *Node) *Node { return BroadcastToDims(InsertAxes(x, -1), dims...) }
		key := func(x *Node) *Node { return BroadcastToDims(InsertAxes(x, 1), dims...) }
		match := LogicalAnd(Equal(AddScalar(query(rows.Pos), -1), key(all.Pos)), follows(query(rows.Seg), key(all.Seg)))
		return Dot(ConvertDType(match, values.DType()), values).General([]int{2}, []int{0}, []int{1}, []int{0})
	}
	shift := func(x *Node) *Node {
		first := ZerosLike(SliceAxis(x, 1, AxisRange(0, 1)))
		if n := x.Shape().Dim(1); n > 1 {
			return Concatenate([]*Node{first, SliceAxis(x, 1, AxisRange(0, n-1))}, 1)
		}
		return first
	}
	match := LogicalAnd(GreaterThan(rows.Pos, ZerosLike(rows.Pos)), follows(rows.Seg, shift(all.Seg)))
	return Mul(shift(values), InsertAxes(ConvertDType(match, dtypes.Float32), -1))
}

// valueEmbedding adds to the values v [B, R, Hkv, d] of a layer with normed
// input x what it looks up for the tokens, by a gate for each head:
//
//	v ← v + 3·σ(W·x[:12])·E[token]
func (b decoderBlock) valueEmbedding(c *Build, rows Rows, v *Node) *Node {
	path := b.path()
	table := Gather(c.Param(path+"value_embed.weight"), InsertAxes(rows.Tok, -1))
	open := MulScalar(c.gate(path+"self_attn.value_gate.weight", rows.X), 3)
	return Add(v, Mul(Reshape(table, v.Shape().Dimensions...), InsertAxes(open, -1)))
}

// mixEmbedding is what a block reads with ResidualScalars: r·h + z·x⁰, where x⁰
// is the stream at the beginning.
func (b decoderBlock) mixEmbedding(c *Build, h *Node) *Node {
	if !c.model.Config.ResidualScalars || b.layer >= c.model.Config.NumLayers {
		return h
	}
	path := b.path()
	return Add(Mul(h, c.scalar(path+"resid_lambda")), Mul(c.outside(c.first), c.scalar(path+"x0_lambda")))
}

// outside returns a node from outside of a block for use inside of it, where a
// recomputation needs to know of it.
func (c *Build) outside(x *Node) *Node {
	if c.use != nil {
		return c.use(x)
	}
	return x
}

// backout subtracts from the stream after the blocks what it was in the middle.
func (c *Build) backout(h *Node) *Node {
	if !c.model.Config.Backout {
		return h
	}
	return Sub(h, Mul(c.middle, c.scalar("model.backout_lambda")))
}
