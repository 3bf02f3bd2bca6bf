package lm

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// UnsupportedError says why a configuration of transformers describes no model
// of this package.
type UnsupportedError struct{ Reasons []string }

func (e *UnsupportedError) Error() string {
	return "lm: config.json asks for what is not supported: " + strings.Join(e.Reasons, "; ")
}

// hfConfig is the part of a config.json that decides what is computed. Fields
// whose absence means something are pointers.
type hfConfig struct {
	ModelType    string        `json:"model_type"`
	Vocab        int           `json:"vocab_size"`
	Dim          int           `json:"hidden_size"`
	Hidden       int           `json:"intermediate_size"`
	Layers       int           `json:"num_hidden_layers"`
	Heads        int           `json:"num_attention_heads"`
	KVHeads      *int          `json:"num_key_value_heads"`
	HeadDim      *int          `json:"head_dim"`
	Context      int           `json:"max_position_embeddings"`
	Activation   *string       `json:"hidden_act"`
	Eps          *float64      `json:"rms_norm_eps"`
	Tied         bool          `json:"tie_word_embeddings"`
	Theta        *float64      `json:"rope_theta"`      // transformers 4
	Scaling      *hfRope       `json:"rope_scaling"`    // transformers 4
	Rope         *hfRope       `json:"rope_parameters"` // transformers 5
	Partial      *float64      `json:"partial_rotary_factor"`
	Bias         bool          `json:"attention_bias"`
	MLPBias      bool          `json:"mlp_bias"`
	UseWindow    *bool         `json:"use_sliding_window"` // qwen3
	Window       *int          `json:"sliding_window"`     // mistral
	LayerTypes   []string      `json:"layer_types"`
	Quantization *hfQuantising `json:"quantization_config"`
}

type hfRope struct {
	Type     string   `json:"rope_type"`
	OldType  string   `json:"type"` // before transformers 4.45
	Theta    *float64 `json:"rope_theta"`
	Factor   float64  `json:"factor"`
	LowFreq  float64  `json:"low_freq_factor"`
	HighFreq float64  `json:"high_freq_factor"`
	Original int      `json:"original_max_position_embeddings"`
	Partial  *float64 `json:"partial_rotary_factor"`
}

type hfQuantising struct {
	Method string `json:"quant_method"`
	Class  string `json:"linear_class"`
	Mode   string `json:"quantization_mode"`
	Norm   bool   `json:"use_rms_norm"`
}

// ConfigFromHF returns the configuration that a config.json of transformers
// describes: model types "llama", "mistral", "qwen3" and "bitnet" (b1.58 2B4T).
// What the file leaves out has the default of the class in transformers. It is
// an *UnsupportedError that names everything in the file that this package does
// not compute.
func ConfigFromHF(text []byte) (Config, error) {
	var hf hfConfig
	if err := json.Unmarshal(text, &hf); err != nil {
		return Config{}, fmt.Errorf("lm: config.json: %w", err)
	}
	if err := hf.complete(); err != nil {
		return Config{}, err
	}
	if reasons := hf.unsupported(); reasons != nil {
		return Config{}, &UnsupportedError{reasons}
	}
	c := Config{VocabSize: hf.Vocab, NumLayers: hf.Layers, Dim: hf.Dim, NumHeads: hf.Heads, NumKVHeads: hf.Heads, HiddenDim: hf.Hidden,
		Context: hf.Context, MLP: hfActivations[hf.act()], Tied: hf.Tied, Ternary: hf.Quantization != nil,
		QKNorm: hf.ModelType == "qwen3", SubLN: hf.ModelType == "bitnet",
		RopeTheta: or(hf.rope().Theta, or(hf.Theta, 0)), RopeScaling: hf.scaling(), NormEps: or(hf.Eps, 1e-6)}
	if hf.ModelType == "qwen3" {
		c.HeadDim = 128
	}
	if hf.ModelType == "bitnet" && c.RopeTheta == 0 {
		c.RopeTheta = 500_000
	}
	c.HeadDim = or(hf.HeadDim, c.HeadDim)
	c.NumKVHeads = or(hf.KVHeads, c.NumKVHeads)
	c = c.WithDefaults()
	return c, c.Validate()
}

// or is *p, or otherwise when p is nil.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// hfActivations are the gated MLPs by the name of their activation.
var hfActivations = map[string]string{"silu": SwiGLU, "swish": SwiGLU, "relu2": ReLU2GLU}

// complete says which sizes are missing.
func (hf hfConfig) complete() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{{"vocab_size", hf.Vocab}, {"hidden_size", hf.Dim}, {"intermediate_size", hf.Hidden}, {"num_hidden_layers", hf.Layers},
		{"num_attention_heads", hf.Heads}, {"max_position_embeddings", hf.Context}} {
		if f.value < 1 {
			errs = append(errs, fmt.Errorf("lm: config.json: %s is %d or missing, want at least 1", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}

func (hf hfConfig) act() string {
	if hf.Activation == nil && hf.ModelType == "bitnet" {
		return "relu2"
	}
	return or(hf.Activation, "silu")
}

// rope is the rotary embedding of either generation of the format.
func (hf hfConfig) rope() hfRope {
	r := or(hf.Rope, or(hf.Scaling, hfRope{}))
	if r.Type == "" {
		r.Type = r.OldType
	}
	if r.Original == 0 {
		r.Original = hf.Context
	}
	return r
}

func (hf hfConfig) scaling() RopeScaling {
	r := hf.rope()
	switch r.Type {
	case ScalingLinear:
		return RopeScaling{Kind: r.Type, Factor: r.Factor}
	case ScalingLlama3:
		return RopeScaling{Kind: r.Type, Factor: r.Factor, LowFreq: r.LowFreq, HighFreq: r.HighFreq, Original: r.Original}
	}
	return RopeScaling{}
}

// unsupported lists what the file asks for and the package does not do.
func (hf hfConfig) unsupported() []string {
	var reasons []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	types := []string{"llama", "mistral", "qwen3", "bitnet"}
	add(!slices.Contains(types, hf.ModelType), "model_type %q (supported: %q)", hf.ModelType, types)
	add(hfActivations[hf.act()] == "", "hidden_act %q (supported: silu, relu2)", hf.act())
	add(hf.Bias, "attention_bias: the linears have no biases")
	add(hf.MLPBias, "mlp_bias: the linears have no biases")
	window := hf.Window != nil && *hf.Window > 0 && *hf.Window < hf.Context && or(hf.UseWindow, hf.ModelType == "mistral")
	add(window, "sliding_window %d, shorter than the context of %d", or(hf.Window, 0), hf.Context)
	for i, t := range hf.LayerTypes {
		if t != "full_attention" && (t != "sliding_attention" || window) {
			add(true, "layer_types[%d] %q", i, t)
			break
		}
	}
	rope := hf.rope()
	add(!slices.Contains([]string{"", "default", ScalingLinear, ScalingLlama3}, rope.Type), "rope_type %q (supported: default, linear, llama3)", rope.Type)
	add(or(hf.Partial, or(rope.Partial, 1)) != 1, "partial_rotary_factor %g", or(hf.Partial, or(rope.Partial, 1)))
	if q := hf.Quantization; q != nil {
		add(q.Method != "bitnet", "quantization_config with quant_method %q: load the unquantised checkpoint", q.Method)
		add(q.Method == "bitnet" && (q.Class != "autobitlinear" || q.Mode != "online" || q.Norm),
			"bitnet weights of class %q in mode %q (supported: autobitlinear online, without use_rms_norm)", q.Class, q.Mode)
	}
	return reasons
}
