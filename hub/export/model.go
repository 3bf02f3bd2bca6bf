package export

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/gguf"
	"github.com/nanochat-go/nanochat/precision/ggml"
)

// GGUFModel is a transformer read from a GGUF file of the architectures llama, qwen3
// and nanbeige: a Source with the names and the order of rows of the spec, whoever
// wrote the file.
type GGUFModel struct {
	Spec         Spec
	Tokenizer    *bpe.Tokenizer
	BOS, EOS     int32 // -1 for none
	AddBOS       bool  // whether texts begin with BOS
	ChatTemplate string

	file         *gguf.File
	architecture string
	tensors      map[string]tensor
}

// OpenGGUF reads all of a file but its weights. What the file asks for beyond these
// architectures and byte-level BPE is an error that names it. Close it after use.
func OpenGGUF(path string) (*GGUFModel, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	m := &GGUFModel{file: f, tensors: map[string]tensor{}}
	if err := m.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return m, nil
}

// Close releases the file.
func (m *GGUFModel) Close() error { return m.file.Close() }

// File is the file itself.
func (m *GGUFModel) File() *gguf.File { return m.file }

func (m *GGUFModel) read() (err error) {
	if m.architecture, err = gguf.Get[string](m.file, "general.architecture"); err != nil {
		return err
	}
	if !slices.Contains([]string{"llama", "qwen3", "nanbeige"}, m.architecture) {
		return fmt.Errorf("export: architecture %q is not supported, want llama, qwen3 or nanbeige", m.architecture)
	}
	if err := m.readSpec(); err != nil {
		return err
	}
	if err := m.readTensors(); err != nil {
		return err
	}
	if m.Tokenizer, err = readVocabulary(m.file); err != nil {
		return err
	}
	if m.ChatTemplate, err = gguf.GetOr(m.file, "tokenizer.chat_template", ""); err != nil {
		return err
	}
	if m.AddBOS, err = gguf.GetOr(m.file, "tokenizer.ggml.add_bos_token", m.file.Lookup("tokenizer.ggml.pre") == "llama-bpe"); err != nil {
		return err
	}
	for key, to := range map[string]*int32{"bos": &m.BOS, "eos": &m.EOS} {
		if *to, err = m.tokenID("tokenizer.ggml." + key + "_token_id"); err != nil {
			return err
		}
	}
	return nil
}

// tokenID is a token that a key names, -1 without the key.
func (m *GGUFModel) tokenID(key string) (int32, error) {
	if m.file.Lookup(key) == nil {
		return -1, nil
	}
	id, err := gguf.Get[uint32](m.file, key)
	if err == nil && int(id) >= m.Spec.VocabSize {
		err = fmt.Errorf("export: %s is %d, the model has %d tokens", key, id, m.Spec.VocabSize)
	}
	return int32(id), err
}

// endTexts are special tokens by which llama.cpp ends a generation, whatever eos is.
var endTexts = []string{"<|eot_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>", "<end_of_turn>", "<|eom_id|>", "<EOT>", "_<EOT>"}

// EndTokens are the tokens that end a generation.
func (m *GGUFModel) EndTokens() []int32 {
	var ids []int32
	if m.EOS >= 0 {
		ids = append(ids, m.EOS)
	}
	for _, text := range endTexts {
		if id, ok := m.Tokenizer.ID(text); ok && id != m.EOS {
			ids = append(ids, id)
		}
	}
	return ids
}

// readSpec reads the hyper-parameters; a key that is none of them is an error, because
// it may change what the model computes.
func (m *GGUFModel) readSpec() error {
	s := &m.Spec
	s.MLP, s.QKNorm = "swiglu", m.architecture == "qwen3"
	var skipNorm bool
	var scaling string
	known := map[string]any{ // pointers that are set
		"context_length": &s.Context, "embedding_length": &s.Dim, "block_count": &s.NumLayers, "feed_forward_length": &s.HiddenDim,
		"attention.head_count": &s.NumHeads, "attention.head_count_kv": &s.NumKVHeads, "attention.layer_norm_rms_epsilon": &s.NormEps,
		"attention.key_length": &s.HeadDim, "attention.value_length": new(int), "rope.dimension_count": new(int), "rope.freq_base": &s.RopeTheta,
		"vocab_size": &s.VocabSize, "rope.scaling.type": &scaling,
	}
	if m.architecture == "nanbeige" {
		known["num_loops"], known["skip_loop_final_norm"] = &s.Loops, &skipNorm
	}
	for _, kv := range m.file.Metadata() {
		key, ours := strings.CutPrefix(kv.Key, m.architecture+".")
		if !ours {
			continue
		}
		to, ok := known[key]
		if !ok {
			return fmt.Errorf("export: the key %s is not supported", kv.Key)
		}
		if err := set(to, kv); err != nil {
			return err
		}
	}
	if err := m.complete(*known["attention.value_length"].(*int), *known["rope.dimension_count"].(*int)); err != nil {
		return err
	}
	switch {
	case scaling != "" && scaling != "none":
		return fmt.Errorf("export: rope.scaling.type %q is not supported", scaling)
	case skipNorm:
		return fmt.Errorf("export: passes without the final norm between them (skip_loop_final_norm) are not supported")
	}
	return s.check(llamacpp)
}

// set stores the value of a key where to points.
func set(to any, kv gguf.KV) error {
	ok := false
	switch to := to.(type) {
	case *int:
		var v uint32
		v, ok = kv.Value.(uint32)
		*to = int(v)
	case *float64:
		var v float32
		v, ok = kv.Value.(float32)
		*to = meant(v)
	case *bool:
		*to, ok = kv.Value.(bool)
	case *string:
		*to, ok = kv.Value.(string)
	}
	if !ok {
		return fmt.Errorf("export: the key %s has a value of type %T", kv.Key, kv.Value)
	}
	return nil
}

// meant is the number of the fewest digits that is v as a float32: 1e-05, not
// 9.999999747378752e-06.
func meant(v float32) float64 {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64) // what was formatted can be parsed
	return f
}

// complete fills in what may be left out and checks what is there twice.
func (m *GGUFModel) complete(valueDim, ropeDim int) error {
	s := &m.Spec
	if s.NumKVHeads == 0 {
		s.NumKVHeads = s.NumHeads
	}
	if s.HeadDim == 0 && s.NumHeads > 0 {
		s.HeadDim = s.Dim / s.NumHeads
	}
	if s.RopeTheta == 0 {
		s.RopeTheta = 10000
	}
	embedding, ok := m.file.Info("token_embd.weight")
	if !ok || len(embedding.Shape) != 2 {
		return fmt.Errorf("export: there is no matrix token_embd.weight")
	}
	if s.VocabSize == 0 {
		s.VocabSize = embedding.Shape[0]
	}
	_, untied := m.file.Info("output.weight")
	s.Tied = !untied
	if s.NumHeads > 0 && (valueDim != 0 && valueDim != s.HeadDim || ropeDim != 0 && ropeDim != s.HeadDim) {
		return fmt.Errorf("export: heads of %d values with value_length %d and rope.dimension_count %d are not supported", s.HeadDim, valueDim, ropeDim)
	}
	return nil
}

// readTensors checks that the file has the tensors of the spec and no others.
func (m *GGUFModel) readTensors() error {
	known := map[string]bool{}
	for _, t := range m.Spec.tensors() {
		name := ggufName(t.name)
		info, ok := m.file.Info(name + ".weight")
		if !ok || !slices.Equal(info.Shape, t.shape) {
			return fmt.Errorf("export: tensor %s.weight is %v, want %v", name, info.Shape, t.shape)
		}
		if scale, ok := m.file.Info(name + ".scale"); ok && (scale.Type != ggml.F32 || scale.Elements() != 1) {
			return fmt.Errorf("export: tensor %s is %s%v, want one F32", scale.Name, scale.Type, scale.Shape)
		}
		m.tensors[t.name] = t
		known[name+".weight"], known[name+".scale"] = true, t.matrix
	}
	for _, t := range m.file.Tensors() {
		if !known[t.Name] {
			return fmt.Errorf("export: tensor %s%v is not supported", t.Name, t.Shape)
		}
	}
	return nil
}

// Tensor returns the values of a tensor by its name in the spec, rows in its order. It
// may be called concurrently.
func (m *GGUFModel) Tensor(name string) (data []float32, shape []int, err error) {
	t, ok := m.tensors[name]
	if !ok {
		return nil, nil, fmt.Errorf("export: the model has no tensor %q", name)
	}
	v, err := m.file.Float32(ggufName(name) + ".weight")
	if err != nil {
		return nil, nil, err
	}
	if _, ok := m.file.Info(ggufName(name) + ".scale"); ok {
		scale, err := m.file.Float32(ggufName(name) + ".scale")
		if err != nil {
			return nil, nil, err
		}
		for i := range v {
			v[i] *= scale[0]
		}
	}
	if n := m.Spec.rotated(name); n > 0 && interleaved(m.architecture) {
		v = deinterleave(v, n, t.shape[1])
	}
	return v, t.shape, nil
}

// Operand is the type that llama.cpp rounds what a matrix multiplies to, see
// ggml.Type.Operand. A tied head is the embedding.
func (m *GGUFModel) Operand(name string) ggml.Type {
	if name == "lm_head.weight" && m.Spec.Tied {
		name = "model.embed_tokens.weight"
	}
	info, _ := m.file.Info(ggufName(name) + ".weight")
	return info.Type.Operand()
}
