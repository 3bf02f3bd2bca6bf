package lm

import "github.com/nanochat-go/nanochat/arch/mhc"

// The feed-forward forms that Config.MLP names.
const (
	SwiGLU = "swiglu" // down(silu(gate(x)) · up(x)), arXiv:2002.05202
	ReLU2  = "relu2"  // down(relu(up(x))²), arXiv:2109.08668
	SiLU   = "silu"   // down(silu(up(x)))

	ReLU2GLU = "relu2glu" // down(relu(gate(x))² · up(x)), arXiv:2504.12285
)

// mlps are the forms that Config.MLP may name.
var mlps = []string{SwiGLU, ReLU2GLU, ReLU2, SiLU}

// Gated says whether the MLP has a gate projection.
func (c Config) Gated() bool { return c.MLP == SwiGLU || c.MLP == ReLU2GLU || c.MLP == "" }

// The kinds of RopeScaling.
const (
	ScalingLinear = "linear" // positions are divided by Factor, arXiv:2306.15595
	ScalingLlama3 = "llama3" // long wavelengths are stretched, as in Llama 3.1
)

// RopeScaling changes the rotary frequencies f = θ^(-2t/d) of a model whose
// context was extended after training. Linear scaling divides each by Factor.
// Llama3 keeps wavelengths 2π/f below Original/HighFreq, divides the frequencies
// of those above Original/LowFreq by Factor, and between the two takes
//
//	(1-s)·f/Factor + s·f,   s = (Original·f/2π - LowFreq)/(HighFreq - LowFreq)
//
// The zero value changes nothing.
type RopeScaling struct {
	Kind     string  `json:"kind"` // "", ScalingLinear or ScalingLlama3
	Factor   float64 `json:"factor"`
	LowFreq  float64 `json:"low_freq"`
	HighFreq float64 `json:"high_freq"`
	Original int     `json:"original"` // context of the first training
}

// Config is the shape of a decoder-only transformer. The zero value of an
// optional field means its default, see WithDefaults.
type Config struct {
	VocabSize  int    `json:"vocab_size"`
	NumLayers  int    `json:"num_layers"`
	Dim        int    `json:"dim"`
	NumHeads   int    `json:"num_heads"`
	NumKVHeads int    `json:"num_kv_heads"` // key and value heads; 0: NumHeads
	HeadDim    int    `json:"head_dim"`     // 0: Dim/NumHeads
	HiddenDim  int    `json:"hidden_dim"`   // width inside the MLP; 0: by MLP
	Context    int    `json:"context"`      // longest row in tokens
	MLP        string `json:"mlp"`          // SwiGLU (default), ReLU2GLU, ReLU2 or SiLU

	Tied         bool `json:"tied"`          // the head is the transposed embedding
	Ternary      bool `json:"ternary"`       // b1.58 linears inside the blocks
	QKNorm       bool `json:"qk_norm"`       // RMSNorm on each query and key head, before RoPE
	SandwichNorm bool `json:"sandwich_norm"` // RMSNorm also on what a sublayer writes to the stream
	SubLN        bool `json:"sub_ln"`        // RMSNorm before o_proj and down_proj (BitNet b1.58 2B4T)
	DocumentMask bool `json:"document_mask"` // attention stays within a segment

	Window    int     `json:"window"`     // keys a query sees, itself included; 0: all
	SoftCap   float64 `json:"soft_cap"`   // logits become c·tanh(z/c); 0: off
	RopeTheta float64 `json:"rope_theta"` // base of the rotary frequencies; 0: 10000
	NormEps   float64 `json:"norm_eps"`   // 0: 1e-5

	// What follows is nanochat's, see NanoChat.
	NoGain          bool    `json:"no_gain,omitzero"`          // no RMSNorm has a gain
	QKScale         float64 `json:"qk_scale,omitzero"`         // factor on normed queries and keys; 0: 1
	EmbedNorm       bool    `json:"embed_norm,omitzero"`       // RMSNorm on the embedding
	Smear           bool    `json:"smear,omitzero"`            // the embedding before is added by a gate
	ValueEmbed      bool    `json:"value_embed,omitzero"`      // tables that add to the values of every second layer by a gate
	ResidualScalars bool    `json:"residual_scalars,omitzero"` // a block reads r·h + z·embedding
	Backout         bool    `json:"backout,omitzero"`          // the stream of the middle is subtracted at the end
	// WindowPattern gives layers a window in turn: S sees Window keys (0: a quarter of
	// the context, rounded up to 128), L and the last layer all.
	WindowPattern string `json:"window_pattern,omitzero"`
	Init          string `json:"init,omitzero"` // "": see Params, or InitNanoChat

	Loop        Loop        `json:"loop,omitzero"` // the blocks run several times over
	MHC         mhc.Config  `json:"mhc,omitzero"`  // residual streams and how they mix
	MTP         MTP         `json:"mtp,omitzero"`  // heads for tokens beyond the next
	RopeScaling RopeScaling `json:"rope_scaling,omitzero"`

	// LossChunk is the number of positions whose logits are alive at a time in
	// Model.Loss; 0 computes all of them at once.
	LossChunk int `json:"loss_chunk"`
	// Remat is how many sublayers, two to a block, are recomputed together in the
	// backward pass instead of being kept (gradient checkpointing, arXiv:1604.06174);
	// 0 keeps everything. Only what goes into each group stays in memory.
	Remat int `json:"remat"`
}

// Extras names the parts of the model that a Llama or a Qwen3 does not have, for
// those who can write or run only such.
func (c Config) Extras() []string {
	var names []string
	for _, e := range []struct {
		on   bool
		name string
	}{
		{c.SandwichNorm, "sandwich norms"}, {c.SubLN, "norms inside the sublayers (SubLN)"}, {c.Loop != (Loop{}), "loops"},
		{c.RopeScaling != (RopeScaling{}), "RoPE scaling"}, {c.NoGain, "norms without gains"}, {c.QKScale != 0, "a scale of queries and keys"},
		{c.EmbedNorm, "a norm of the embedding"}, {c.Smear, "smear"}, {c.ValueEmbed, "value embeddings"},
		{c.ResidualScalars, "residual scalars"}, {c.Backout, "backout"}, {c.WindowPattern != "", "a window pattern"},
		{c.MHC.Enabled(), "hyper-connections"},
	} {
		if e.on {
			names = append(names, e.name)
		}
	}
	return names
}

// Loop makes a looped language model of a configuration (LoopLM, Ouro,
// arXiv:2510.25741): its blocks run Loops times with the same weights, and what
// a pass leaves goes through the final norm before the head and the next pass
// read it. The zero value is a plain model.
type Loop struct {
	Loops int  `json:"loops"` // passes R
	Gate  bool `json:"gate"`  // after a pass, a gate says how likely it is the last; see package looplm
}

// The kinds of heads for later tokens that MTP.Kind names.
const (
	Parallel   = "parallel"   // siblings of the last block, arXiv:2404.19737
	Sequential = "sequential" // modules one after the other, arXiv:2412.19437
)

// MTP gives a model heads for the tokens after the next, see package mtp. They
// share embedding, final norm and head with it, and what it says of the next
// token does not depend on them. The zero value has none.
type MTP struct {
	Heads int    `json:"heads"` // head k predicts the token k places after the next one
	Kind  string `json:"kind"`
}

// Passes is how often the blocks run.
func (c Config) Passes() int { return max(c.Loop.Loops, 1) }

// WithDefaults returns the configuration with every optional field filled in.
func (c Config) WithDefaults() Config {
	if c.MLP == "" {
		c.MLP = SwiGLU
	}
	if c.NumKVHeads == 0 {
		c.NumKVHeads = c.NumHeads
	}
	if c.HeadDim == 0 && c.NumHeads > 0 {
		c.HeadDim = c.Dim / c.NumHeads
	}
	if c.HiddenDim == 0 {
		c.HiddenDim = 4 * c.Dim
		if c.Gated() { // three matrices instead of two at equal parameters
			c.HiddenDim = (8*c.Dim/3 + 63) / 64 * 64
		}
	}
	if c.WindowPattern != "" && c.Window == 0 {
		c.Window = ((c.Context+3)/4 + 127) / 128 * 128
	}
	c.MHC = c.MHC.WithDefaults()
	if c.RopeTheta == 0 {
		c.RopeTheta = 10000
	}
	if c.NormEps == 0 {
		c.NormEps = 1e-5
	}
	return c
}
