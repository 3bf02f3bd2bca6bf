package export_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/export"
)

// matrices is a Source whose values are all 0.
type matrices map[string][]int

func (m matrices) Tensor(name string) (data []float32, shape []int, err error) {
	shape, ok := m[name]
	if !ok {
		return nil, nil, fmt.Errorf("no %s", name)
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	return make([]float32, n), shape, nil
}

func ExampleHF() {
	tok, err := bpe.Train(slices.Values([][]byte{[]byte("fn main() {}")}), bpe.Config{VocabSize: 258, Special: []string{"<|bos|>", "<|eos|>"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	tokenizer, err := tok.MarshalJSON()
	if err != nil {
		fmt.Println(err)
		return
	}
	const dim, heads, headDim, hidden, vocab = 8, 2, 4, 16, 258
	weights := matrices{"model.embed_tokens.weight": {vocab, dim}, "model.norm.weight": {dim}}
	block := matrices{
		"input_layernorm": {dim}, "self_attn.q_proj": {heads * headDim, dim}, "self_attn.k_proj": {heads * headDim, dim},
		"self_attn.v_proj": {heads * headDim, dim}, "self_attn.o_proj": {dim, heads * headDim},
		"post_attention_layernorm": {dim}, "mlp.gate_proj": {hidden, dim}, "mlp.up_proj": {hidden, dim}, "mlp.down_proj": {dim, hidden},
	}
	for name, shape := range block {
		weights["model.layers.0."+name+".weight"] = shape
	}
	parent, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(parent)
	report, err := export.HF(filepath.Join(parent, "model"), export.Spec{VocabSize: vocab, NumLayers: 1, Dim: dim, NumHeads: heads, NumKVHeads: heads,
		HeadDim: headDim, HiddenDim: hidden, Context: 64, MLP: "swiglu", Tied: true, RopeTheta: 10000, NormEps: 1e-5},
		weights, export.Options{Tokenizer: tokenizer, BOS: "<|bos|>", EOS: "<|eos|>"})
	fmt.Println(report.Class, report.Tensors, report.Parameters, err)
	for _, f := range report.Files {
		fmt.Println(f.Name)
	}
	// Output:
	// LlamaForCausalLM 11 2728 <nil>
	// config.json
	// model.safetensors
	// tokenizer.json
	// tokenizer_config.json
	// generation_config.json
}

// A model that transformers cannot compute is refused with every reason.
func ExampleHF_refused() {
	spec := export.Spec{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, HeadDim: 32, HiddenDim: 512, Context: 256,
		MLP: "relu2", SoftCap: 15, RopeTheta: 10000, NormEps: 1e-5}
	_, err := export.HF("model", spec, nil, export.Options{})
	var unsupported *export.UnsupportedError
	if errors.As(err, &unsupported) {
		for _, reason := range unsupported.Reasons {
			fmt.Println(reason)
		}
	}
	// Output:
	// the two-matrix ReLU² MLP ("relu2")
	// a logit soft-cap (15)
}
