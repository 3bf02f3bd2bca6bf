package lm

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/precision/policy"
)

// Class says what role a parameter plays; optimizers and precision policies
// route by it.
type Class string

// The classes of parameters.
const (
	Matrix    Class = "matrix"    // weight of a linear inside a block
	Embedding Class = "embedding" // token embedding table
	Head      Class = "head"      // unembedding
	Vector    Class = "vector"    // norm gain, gate, map of hyper-connections
)

// Param describes one parameter before it exists.
type Param struct {
	Name  string // Hugging Face name, e.g. model.layers.3.self_attn.q_proj.weight
	Shape []int  // in the graph; [in, out] for a linear
	Class Class
	// FanIn and FanOut are the axes of Shape, or -1.
	FanIn, FanOut int
	Block         int       // index of the block, -1 outside
	Linear        bool      // stored transposed, as [out, in], on disk
	Std           float64   // standard deviation of the initial values
	Value         float64   // their mean
	Uniform       bool      // they are uniform, not normal
	Values        []float32 // the initial values themselves; nil: by Std and Value
}

// Size is the number of values.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// DiskShape is the shape of the parameter in a Hugging Face checkpoint.
func (p Param) DiskShape() []int {
	if p.Linear {
		return []int{p.Shape[1], p.Shape[0]}
	}
	return p.Shape
}

// Init returns the initial values in row-major order of Shape. They depend on
// the seed, the name and the shape only, not on the backend or on the order in
// which parameters are made.
func (p Param) Init(seed uint64) []float32 {
	v := make([]float32, p.Size())
	if p.Values != nil {
		copy(v, p.Values)
		return v
	}
	if p.Std == 0 {
		for i := range v {
			v[i] = float32(p.Value)
		}
		return v
	}
	h := fnv.New64a()
	h.Write([]byte(p.Name))
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	for i := range v {
		x := rng.NormFloat64()
		if p.Uniform { // ±√3 has the deviation 1
			x = math.Sqrt(3) * (2*rng.Float64() - 1)
		}
		v[i] = float32(p.Value + p.Std*x)
	}
	return v
}

// Linears lists the linears that a policy gives a precision: those inside blocks.
// MTP heads count as parts of the last block.
func (c Config) Linears() []policy.Linear {
	var linears []policy.Linear
	for _, p := range c.Params() {
		if p.Class == Matrix && p.Linear {
			linears = append(linears, policy.Linear{Path: p.Name, In: p.Shape[0], Out: p.Shape[1], Block: min(p.Block, c.NumLayers-1)})
		}
	}
	return linears
}

// Params lists the parameters in the order in which a forward pass meets them.
//
// The initial standard deviation is 0.02 for the embedding and 1/√Dim for the
// head, 1/√fan-in for the linears that read the residual stream, and that
// divided by √(2·NumLayers) for those that write to it, so that the stream's
// variance does not grow with depth (the GPT-2 rule). Gains begin at 1, the
// gate of a looped model at 0: each pass ends with probability 1/2.
//
// With InitNanoChat the deviation is 0.8 for the embedding, 0.001 for the head,
// and 1/√Dim, uniform, for the linears that read the stream, 0.4 of that in the
// MLP; those that write to it begin at 0.
func (c Config) Params() []Param {
	c = c.WithDefaults()
	params := []Param{{
		Name: "model.embed_tokens.weight", Shape: []int{c.VocabSize, c.Dim},
		Class: Embedding, FanIn: 0, FanOut: 1, Block: -1, Std: 0.02,
	}}
	if c.EmbedNorm {
		params = append(params, vectorParam("model.embed_norm.weight", c.Dim, -1, 1))
	}
	params = append(params, c.smearParams()...)
	for i := range c.NumLayers {
		params = append(params, c.blockParams(i)...)
	}
	if c.Backout {
		params = append(params, vectorParam("model.backout_lambda", 1, -1, 0.2))
	}
	for k := range c.MTP.Heads {
		params = append(params, c.laterParams(c.NumLayers+k)...)
	}
	params = append(params, vectorParam("model.norm.weight", c.Dim, -1, 1))
	if c.Loop.Gate {
		gate := vectorParam("model.early_exit_gate.weight", c.Dim, -1, 0)
		gate.Shape, gate.Linear = []int{c.Dim, 1}, true
		params = append(params, gate, vectorParam("model.early_exit_gate.bias", 1, -1, 0))
	}
	if !c.Tied {
		params = append(params, Param{Name: "lm_head.weight", Shape: []int{c.Dim, c.VocabSize},
			Class: Head, FanIn: 0, FanOut: 1, Block: -1, Linear: true, Std: 1 / math.Sqrt(float64(c.Dim))})
	}
	return c.finish(params)
}

// InitNanoChat names the initial values of nanochat.
const InitNanoChat = "nanochat"

// finish takes the gains away from a model without, and changes the initial
// values to those of Init.
func (c Config) finish(params []Param) []Param {
	if c.NoGain {
		params = slices.DeleteFunc(params, func(p Param) bool { return isGain(p.Name) })
	}
	if c.Init == InitNanoChat {
		for i := range params {
			params[i].nanoChat()
		}
	}
	return params
}

// isGain says whether a parameter is the gain of an RMSNorm.
func isGain(name string) bool {
	kind := strings.TrimSuffix(strings.TrimSuffix(name, ".weight"), "_2")
	return strings.HasSuffix(kind, "norm")
}

// nanoChat sets the initial values of nanochat.
func (p *Param) nanoChat() {
	name := strings.TrimSuffix(p.Name, ".weight")
	switch {
	case p.Name == "model.embed_tokens.weight":
		p.Std = 0.8
	case p.Class == Head:
		p.Std = 0.001
	case strings.HasSuffix(name, "o_proj"), strings.HasSuffix(name, "down_proj"):
		p.Std = 0
	case strings.HasSuffix(name, "up_proj"), strings.HasSuffix(name, "gate_proj"):
		p.Std, p.Uniform = 0.4*p.Std, true
	case p.Class == Matrix:
		p.Uniform = true
	}
}

// vectorParam is a vector that begins with one value everywhere.
func vectorParam(name string, n, block int, value float64) Param {
	return Param{Name: name, Shape: []int{n}, Class: Vector, FanIn: -1, FanOut: -1, Block: block, Value: value}
}

// laterParams are the parameters of the MTP head that has the number of a block:
// that block, after the projection of a sequential one.
func (c Config) laterParams(i int) []Param {
	if c.MTP.Kind != Sequential {
		return c.blockParams(i)
	}
	at := func(name string) string { return fmt.Sprintf("model.layers.%d.%s.weight", i, name) }
	return append([]Param{
		vectorParam(at("hnorm"), c.Dim, i, 1), vectorParam(at("enorm"), c.Dim, i, 1),
		{Name: at("eh_proj"), Shape: []int{2 * c.Dim, c.Dim}, Class: Matrix, FanIn: 0, FanOut: 1, Block: i, Linear: true,
			Std: 1 / math.Sqrt(2*float64(c.Dim))},
	}, c.blockParams(i)...)
}

// blockParams are the parameters of the block with a number.
func (c Config) blockParams(i int) []Param {
	var params []Param
	at := func(name string) string { return fmt.Sprintf("model.layers.%d.%s.weight", i, name) }
	vector := func(name string, n int) { params = append(params, vectorParam(at(name), n, i, 1)) }
	linear := func(name string, in, out int, scale float64) {
		params = append(params, Param{Name: at(name), Shape: []int{in, out}, Class: Matrix, FanIn: 0, FanOut: 1, Block: i, Linear: true,
			Std: scale / math.Sqrt(float64(in))})
	}
	sandwich := func(name string) {
		if c.SandwichNorm {
			vector(name+"_2", c.Dim)
		}
	}
	write := 1 / math.Sqrt(2*float64(c.NumLayers))
	params = append(params, c.residualParams(i)...)
	params = append(params, c.mhcParams(i, 0)...)
	vector("input_layernorm", c.Dim)
	linear("self_attn.q_proj", c.Dim, c.NumHeads*c.HeadDim, 1)
	linear("self_attn.k_proj", c.Dim, c.NumKVHeads*c.HeadDim, 1)
	linear("self_attn.v_proj", c.Dim, c.NumKVHeads*c.HeadDim, 1)
	params = append(params, c.valueParams(i)...)
	if c.QKNorm {
		vector("self_attn.q_norm", c.HeadDim)
		vector("self_attn.k_norm", c.HeadDim)
	}
	if c.SubLN {
		vector("self_attn.attn_sub_norm", c.NumHeads*c.HeadDim)
	}
	linear("self_attn.o_proj", c.NumHeads*c.HeadDim, c.Dim, write)
	sandwich("input_layernorm")
	params = append(params, c.mhcParams(i, 1)...)
	vector("post_attention_layernorm", c.Dim)
	if c.Gated() {
		linear("mlp.gate_proj", c.Dim, c.HiddenDim, 1)
	}
	linear("mlp.up_proj", c.Dim, c.HiddenDim, 1)
	if c.SubLN {
		vector("mlp.ffn_sub_norm", c.HiddenDim)
	}
	linear("mlp.down_proj", c.HiddenDim, c.Dim, write)
	sandwich("post_attention_layernorm")
	return params
}
