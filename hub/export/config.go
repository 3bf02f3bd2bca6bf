package export

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// config is config.json. transformers 5 reads rope_parameters and dtype, 4
// reads rope_theta and torch_dtype.
type config struct {
	Architectures []string       `json:"architectures"`
	ModelType     string         `json:"model_type"`
	VocabSize     int            `json:"vocab_size"`
	Dim           int            `json:"hidden_size"`
	HiddenDim     int            `json:"intermediate_size"`
	NumLayers     int            `json:"num_hidden_layers"`
	NumHeads      int            `json:"num_attention_heads"`
	NumKVHeads    int            `json:"num_key_value_heads"`
	HeadDim       int            `json:"head_dim"`
	Activation    string         `json:"hidden_act"`
	Context       int            `json:"max_position_embeddings"`
	NormEps       float64        `json:"rms_norm_eps"`
	RopeTheta     float64        `json:"rope_theta"`
	Rope          ropeParameters `json:"rope_parameters"`
	Tied          bool           `json:"tie_word_embeddings"`
	AttentionBias bool           `json:"attention_bias"`
	Dropout       float64        `json:"attention_dropout"`
	MLPBias       *bool          `json:"mlp_bias,omitempty"`           // llama
	UseWindow     *bool          `json:"use_sliding_window,omitempty"` // qwen3
	Std           float64        `json:"initializer_range"`
	Cache         bool           `json:"use_cache"`
	BOS           *int32         `json:"bos_token_id"`
	EOS           *int32         `json:"eos_token_id"`
	PAD           *int32         `json:"pad_token_id"`
	DType         string         `json:"dtype"`
	TorchDType    string         `json:"torch_dtype"`
	Quantization  *quantization  `json:"quantization_config,omitempty"`
}

type ropeParameters struct {
	Type  string  `json:"rope_type"`
	Theta float64 `json:"rope_theta"`
}

// quantization asks transformers for the arithmetic of ternary training.
type quantization struct {
	Method string   `json:"quant_method"`
	Class  string   `json:"linear_class"`
	Mode   string   `json:"quantization_mode"`
	Keep   []string `json:"modules_to_not_convert"`
}

func online() *quantization {
	return &quantization{Method: "bitnet", Class: "autobitlinear", Mode: "online", Keep: []string{"lm_head"}}
}

// config is config.json of the spec; quantise says whether its reader rounds
// weights and activations.
func (s Spec) config(ids specialIDs, quantise bool) config {
	no := false
	c := config{
		Architectures: []string{"LlamaForCausalLM"}, ModelType: "llama", MLPBias: &no,
		VocabSize: s.VocabSize, Dim: s.Dim, HiddenDim: s.HiddenDim, NumLayers: s.NumLayers, NumHeads: s.NumHeads,
		NumKVHeads: s.NumKVHeads, HeadDim: s.HeadDim, Activation: "silu", Context: s.Context, NormEps: s.NormEps,
		RopeTheta: s.RopeTheta, Rope: ropeParameters{"default", s.RopeTheta}, Tied: s.Tied, Std: 0.02, Cache: true,
		BOS: ids.bos, EOS: ids.eos, PAD: ids.pad, DType: "float32", TorchDType: "float32",
	}
	if s.QKNorm {
		c.Architectures, c.ModelType, c.MLPBias, c.UseWindow = []string{"Qwen3ForCausalLM"}, "qwen3", nil, &no
	}
	if quantise {
		c.Quantization = online()
	}
	return c
}

// parseConfig is the inverse of Spec.config, from the bytes of a config.json.
func parseConfig(text []byte) (s Spec, class string, err error) {
	var c config
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return s, "", fmt.Errorf("export: config.json: %w", err)
	}
	if len(c.Architectures) != 1 || c.Activation != "silu" || c.RopeTheta != c.Rope.Theta || c.AttentionBias {
		return s, "", fmt.Errorf("export: config.json: %v with %s, RoPE theta %g and %g", c.Architectures, c.Activation, c.RopeTheta, c.Rope.Theta)
	}
	return Spec{
		VocabSize: c.VocabSize, NumLayers: c.NumLayers, Dim: c.Dim, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim,
		HiddenDim: c.HiddenDim, Context: c.Context, MLP: "swiglu", Tied: c.Tied, Ternary: c.Quantization != nil,
		QKNorm: c.ModelType == "qwen3", RopeTheta: c.RopeTheta, NormEps: c.NormEps,
	}, c.Architectures[0], nil
}

// encode is v as indented JSON with a line end, nothing escaped for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return b.Bytes(), nil
}
