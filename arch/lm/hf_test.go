package lm

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
)

// Mutation: reading rope_theta at the top level only, taking Qwen3's head
// dimension for hidden/heads when the file has none, or not transposing in Load
// makes these tests fail.

type object = map[string]any

// hfLlama is a config.json with what every case has, and changes to it.
func hfLlama(changes object) []byte {
	c := object{"model_type": "llama", "vocab_size": 99, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3,
		"num_attention_heads": 4, "max_position_embeddings": 64}
	maps.Copy(c, changes)
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return text
}

func TestConfigFromHF(t *testing.T) {
	base := Config{VocabSize: 99, NumLayers: 3, Dim: 24, NumHeads: 4, NumKVHeads: 4, HeadDim: 6, HiddenDim: 40, Context: 64,
		MLP: SwiGLU, RopeTheta: 10000, NormEps: 1e-6}
	for _, c := range []struct {
		name   string
		file   object
		change func(c *Config)
	}{
		{"defaults", nil, func(*Config) {}},
		{"transformers 4", object{"rope_theta": 5e5, "rms_norm_eps": 1e-5, "num_key_value_heads": 2, "tie_word_embeddings": true, "rope_scaling": nil},
			func(c *Config) { c.RopeTheta, c.NormEps, c.NumKVHeads, c.Tied = 5e5, 1e-5, 2, true }},
		{"transformers 5", object{"rope_parameters": object{"rope_type": "default", "rope_theta": 77}, "head_dim": 8},
			func(c *Config) { c.RopeTheta, c.HeadDim = 77, 8 }},
		{"llama 3.2, transformers 4", object{"rope_theta": 5e5, "rope_scaling": object{"rope_type": "llama3", "factor": 32, "low_freq_factor": 1,
			"high_freq_factor": 4, "original_max_position_embeddings": 8192}},
			func(c *Config) {
				c.RopeTheta, c.RopeScaling = 5e5, RopeScaling{Kind: ScalingLlama3, Factor: 32, LowFreq: 1, HighFreq: 4, Original: 8192}
			}},
		{"original context left out", object{"rope_parameters": object{"rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4}},
			func(c *Config) {
				c.RopeScaling = RopeScaling{Kind: ScalingLlama3, Factor: 32, LowFreq: 1, HighFreq: 4, Original: 64}
			}},
		{"old name of the kind", object{"rope_scaling": object{"type": "linear", "factor": 2}},
			func(c *Config) { c.RopeScaling = RopeScaling{Kind: ScalingLinear, Factor: 2} }},
		{"qwen3", object{"model_type": "qwen3", "use_sliding_window": false, "sliding_window": 8, "layer_types": []string{"full_attention"}},
			func(c *Config) { c.QKNorm, c.HeadDim = true, 128 }},
		{"mistral", object{"model_type": "mistral", "sliding_window": 64, "layer_types": []string{"sliding_attention"}}, func(*Config) {}},
		{"bitnet", object{"model_type": "bitnet", "quantization_config": object{"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}},
			func(c *Config) { c.MLP, c.SubLN, c.Ternary, c.RopeTheta = ReLU2GLU, true, true, 5e5 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := base
			c.change(&want)
			got, err := ConfigFromHF(hfLlama(c.file))
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// TestUnsupported: what would be computed wrongly is refused by name, all of
// it at once.
func TestUnsupported(t *testing.T) {
	for want, file := range map[string]object{
		`model_type "gpt2"`:          {"model_type": "gpt2"},
		`hidden_act "gelu"`:          {"hidden_act": "gelu"},
		"attention_bias":             {"attention_bias": true},
		"mlp_bias":                   {"mlp_bias": true},
		"sliding_window 8":           {"model_type": "mistral", "sliding_window": 8},
		"sliding_window 9":           {"model_type": "qwen3", "sliding_window": 9, "use_sliding_window": true},
		`layer_types[1] "sliding_at`: {"model_type": "qwen3", "sliding_window": 9, "use_sliding_window": true, "layer_types": []string{"full_attention", "sliding_attention"}},
		`layer_types[0] "linear_at`:  {"layer_types": []string{"linear_attention"}},
		`rope_type "yarn"`:           {"rope_parameters": object{"rope_type": "yarn"}},
		"partial_rotary_factor 0.5":  {"partial_rotary_factor": 0.5},
		`quant_method "fp8"`:         {"quantization_config": object{"quant_method": "fp8"}},
		`mode "offline"`:             {"quantization_config": object{"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"}},
	} {
		_, err := ConfigFromHF(hfLlama(file))
		var unsupported *UnsupportedError
		require.ErrorAs(t, err, &unsupported, want)
		require.ErrorContains(t, err, want)
	}
	_, err := ConfigFromHF(hfLlama(object{"model_type": "gpt2", "mlp_bias": true, "hidden_act": "gelu"}))
	var unsupported *UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Len(t, unsupported.Reasons, 3)
	for want, file := range map[string]object{
		"vocab_size is 0":   {"vocab_size": 0},
		"hidden_size is -1": {"hidden_size": -1},
		"head dimension 5":  {"head_dim": 5},
		"4 query heads":     {"num_key_value_heads": 3},
		"factor 0":          {"rope_parameters": object{"rope_type": "linear"}},
	} {
		_, err := ConfigFromHF(hfLlama(file))
		require.ErrorContains(t, err, want)
	}
	_, err = ConfigFromHF([]byte("{"))
	require.ErrorContains(t, err, "config.json")
}

func TestCheckNames(t *testing.T) {
	c := referenceConfig()
	var names []string
	for _, p := range c.Params() {
		names = append(names, p.Name)
	}
	require.NoError(t, c.CheckNames(names))
	require.NoError(t, c.CheckNames(append(names, "model.layers.0.self_attn.rotary_emb.inv_freq")))
	require.ErrorContains(t, c.CheckNames(append(names, "model.layers.0.self_attn.q_proj.bias")), "does not use: model.layers.0.self_attn.q_proj.bias")
	require.ErrorContains(t, c.CheckNames(names[1:]), "lacks model.embed_tokens.weight")
	require.ErrorContains(t, c.CheckNames(nil), "more")
	tied := c
	tied.Tied = true
	require.NoError(t, tied.CheckNames(names), "a copy of the tied head")
}

// filled is a Source whose tensors count up from 0.
type filled map[string][]int

func (f filled) Tensor(name string) ([]float32, []int, error) {
	n := 1
	for _, d := range f[name] {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i)
	}
	return v, f[name], nil
}

func TestLoad(t *testing.T) {
	m, err := New(referenceConfig())
	require.NoError(t, err)
	src := filled{}
	for _, p := range m.Params() {
		src[p.Name] = p.DiskShape()
	}
	fresh, made := model.NewStore(), model.NewStore()
	require.NoError(t, m.InitStore(made, 1))
	for _, store := range []*model.Store{fresh, made} {
		require.NoError(t, m.Load(store, src))
		for _, p := range m.Params() {
			v := store.GetVariable("/" + p.Name)
			require.True(t, v.Trainable)
			value, err := v.Value()
			require.NoError(t, err)
			flat := tensors.MustCopyFlatData[float32](value)
			require.Equal(t, p.Shape, v.Shape().Dimensions)
			second := float32(1)
			if p.Linear { // the value after the first of a row is the next output's first
				second = float32(p.Shape[0])
			}
			require.Equal(t, []float32{0, second}, flat[:2], p.Name)
		}
	}
	src["model.norm.weight"] = []int{5}
	require.ErrorContains(t, m.Load(fresh, src), "model.norm.weight is [5]")
}
