package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/precision/ggml"
)

// architecture is the one of llama.cpp that computes what the spec says.
func (s Spec) architecture() string {
	switch {
	case s.passes() > 1:
		return "nanbeige"
	case s.QKNorm:
		return "qwen3"
	}
	return "llama"
}

// interleaved says whether an architecture rotates the pairs (2j, 2j+1) of a head and
// not the halves.
func interleaved(architecture string) bool { return architecture != "qwen3" }

// blockNames are the parts of a block, without the ending ".weight", as transformers
// and as GGUF names them.
var blockNames = map[string]string{
	"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
	"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "self_attn.o_proj": "attn_output",
	"post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}

// ggufName is the name of a tensor in a GGUF file, without the ending ".weight".
func ggufName(name string) string {
	name = strings.TrimSuffix(name, ".weight")
	switch name {
	case "model.embed_tokens":
		return "token_embd"
	case "model.norm":
		return "output_norm"
	case "lm_head":
		return "output"
	}
	layer, part, _ := strings.Cut(strings.TrimPrefix(name, "model.layers."), ".")
	return fmt.Sprintf("blk.%s.%s", layer, blockNames[part])
}

// rotated is how many heads the rows of a tensor belong to whose order RoPE decides, 0
// for the other tensors.
func (s Spec) rotated(name string) int {
	switch {
	case strings.HasSuffix(name, ".self_attn.q_proj.weight"):
		return s.NumHeads
	case strings.HasSuffix(name, ".self_attn.k_proj.weight"):
		return s.NumKVHeads
	}
	return 0
}

// interleave moves the rows of a matrix of heads from halves to pairs: row 2j+s of a
// head of D rows is what was row s·D/2+j. It returns a copy.
func interleave(v []float32, heads, cols int) []float32 {
	return moveRows(v, heads, cols, func(row, half int) int { return row%2*half + row/2 })
}

// deinterleave is the inverse of interleave.
func deinterleave(v []float32, heads, cols int) []float32 {
	return moveRows(v, heads, cols, func(row, half int) int { return row%half*2 + row/half })
}

// moveRows fills each row of each head with the one that from says, which gets the row
// and half the rows of a head.
func moveRows(v []float32, heads, cols int, from func(row, half int) int) []float32 {
	rows := len(v) / cols / heads
	out := make([]float32, 0, len(v))
	for h := range heads {
		for row := range rows {
			at := (h*rows + from(row, rows/2)) * cols
			out = append(out, v[at:at+cols]...)
		}
	}
	return out
}

// fileType is general.file_type, which says the type of most tensors.
var fileType = map[ggml.Type]uint32{
	ggml.F32: 0, ggml.F16: 1, ggml.Q4_0: 2, ggml.Q4_1: 3, ggml.Q8_0: 7, ggml.Q4_K: 14, ggml.Q6_K: 18, ggml.BF16: 32,
	ggml.TQ1_0: 36, ggml.TQ2_0: 37, ggml.MXFP4: 38, ggml.NVFP4: 39, ggml.Q2_0: 41,
}

// WeightTypes are the types that GGUF writes matrices in.
func WeightTypes() []ggml.Type {
	return slices.DeleteFunc(ggml.Types(), func(t ggml.Type) bool {
		_, ok := fileType[t]
		return !ok
	})
}

// isTernary says whether a type has the values -d, 0 and d only.
func isTernary(t ggml.Type) bool { return t == ggml.TQ1_0 || t == ggml.TQ2_0 || t == ggml.Q2_0 }

// typeOf is the type that a tensor is written in: norms stay float32, which llama.cpp
// wants, and rows that are no whole blocks become F16, which holds ternary values as
// exactly as the ternary types do.
func (o GGUFOptions) typeOf(t tensor) ggml.Type {
	want := o.Embedding
	switch {
	case len(t.shape) == 1:
		return ggml.F32
	case t.matrix:
		want = o.Type
	}
	if t.shape[1]%want.Block() != 0 {
		return ggml.F16
	}
	return want
}
