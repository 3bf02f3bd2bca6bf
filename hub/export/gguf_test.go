package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/gguf"
	"github.com/nanochat-go/nanochat/precision/ggml"
)

// Mutation: permuting k_proj by the number of query heads, scaling codes before they
// are encoded, or leaving the scale out of Tensor fails TestGGUF.

// trainText is what test tokenizers learn from.
const trainText = "fn main() { let mut total = 0; for i in 0..10 { total += i; } println!(\"{}\", total); }\n" +
	"fn add(a: i32, b: i32) -> i32 { a + b }\nfn main() { println!(\"{}\", add(1, 23)); }\n"

// trained is a tokenizer of 300 tokens.
func trained(t testing.TB, split bpe.Split) *bpe.Tokenizer {
	text := []byte(trainText + trainText)
	tok, err := bpe.Train(slices.Values([][]byte{text}), bpe.Config{VocabSize: 300, Split: split, Special: []string{"<|bos|>", "<|eos|>", "<|pad|>"}})
	require.NoError(t, err)
	return tok
}

// blocky is a spec whose rows are whole blocks of every type, but for the MLP's output.
func blocky() Spec {
	return Spec{VocabSize: 320, NumLayers: 2, Dim: 256, NumHeads: 4, NumKVHeads: 2, HeadDim: 64, HiddenDim: 512, Context: 64,
		MLP: "swiglu", RopeTheta: 700, NormEps: 1e-4}
}

// random is a Source of reproducible numbers for any spec.
type random struct {
	spec   Spec
	values map[string][]float32
}

func newRandom(s Spec, seed uint64) *random {
	rng := rand.New(rand.NewPCG(seed, 7))
	r := &random{s, map[string][]float32{}}
	for _, t := range s.tensors() {
		v := make([]float32, product(t.shape))
		for i := range v {
			v[i] = float32(rng.NormFloat64())
			if len(t.shape) == 1 {
				v[i] = 1 + v[i]/8
			} else if t.matrix {
				v[i] /= float32(math.Sqrt(float64(t.shape[1])))
			}
		}
		r.values[t.name] = v
	}
	return r
}

func (r *random) Tensor(name string) ([]float32, []int, error) {
	for _, t := range r.spec.tensors() {
		if t.name == name {
			return r.values[name], t.shape, nil
		}
	}
	return nil, nil, errors.New("no such tensor")
}

func ggufOptions(t testing.TB, kind, embedding ggml.Type) GGUFOptions {
	tokenizer, err := trained(t, bpe.Llama3).MarshalJSON()
	require.NoError(t, err)
	return GGUFOptions{Type: kind, Embedding: embedding, Tokenizer: tokenizer, BOS: "<|bos|>", EOS: "<|eos|>", PAD: "<|pad|>", Name: "test"}
}

// ternary makes a spec and options those of a ternary model.
func ternary(s *Spec, o *GGUFOptions) { s.Ternary, o.Quantise = true, absMean }

func TestGGUF(t *testing.T) {
	for _, c := range []struct {
		name           string
		change         func(s *Spec, o *GGUFOptions)
		kind, embed    ggml.Type
		arch, scale    string
		types          map[string]int
		worst, change2 float64
	}{
		{name: "F32", kind: ggml.F32, embed: ggml.F32, arch: "llama", types: map[string]int{"F32": 21}},
		{name: "F16", kind: ggml.F16, embed: ggml.F16, arch: "llama", types: map[string]int{"F32": 5, "F16": 16}, worst: 0x1p-11},
		{name: "BF16", kind: ggml.BF16, embed: ggml.BF16, arch: "llama", types: map[string]int{"F32": 5, "BF16": 16}, worst: 0x1p-8},
		{name: "Q8_0", kind: ggml.Q8_0, embed: ggml.Q8_0, arch: "llama", types: map[string]int{"F32": 5, "Q8_0": 16}, worst: 0.0045},
		{name: "Q4_K", kind: ggml.Q4_K, embed: ggml.Q6_K, arch: "llama", types: map[string]int{"F32": 5, "Q4_K": 14, "Q6_K": 2}, worst: 0.12},
		{name: "tied", change: func(s *Spec, _ *GGUFOptions) { s.Tied = true }, arch: "llama", types: map[string]int{"F32": 20}},
		{name: "qwen3", change: func(s *Spec, _ *GGUFOptions) { s.QKNorm = true }, arch: "qwen3", types: map[string]int{"F32": 25}},
		{name: "looped", change: func(s *Spec, _ *GGUFOptions) { s.Loops, s.ExitGate = 3, true }, arch: "nanbeige", types: map[string]int{"F32": 21}},
		{name: "heads wider than the stream", change: func(s *Spec, _ *GGUFOptions) { s.HeadDim = 128 }, arch: "llama", types: map[string]int{"F32": 21}},
		{name: "TQ2_0", change: ternary, kind: ggml.TQ2_0, embed: ggml.F16, arch: "llama", scale: "binary16", types: map[string]int{"F32": 5, "TQ2_0": 14, "F16": 2}, worst: 0x1p-11},
		{name: "TQ1_0", change: ternary, kind: ggml.TQ1_0, embed: ggml.Q8_0, arch: "llama", scale: "binary16", types: map[string]int{"F32": 5, "TQ1_0": 14, "Q8_0": 2}, worst: 0.0045},
		{name: "Q2_0", change: ternary, kind: ggml.Q2_0, embed: ggml.F16, arch: "llama", scale: "binary16", types: map[string]int{"F32": 5, "Q2_0": 14, "F16": 2}, worst: 0x1p-11},
		{name: "TQ2_0 exact", change: func(s *Spec, o *GGUFOptions) { ternary(s, o); o.Exact = true }, kind: ggml.TQ2_0, embed: ggml.F32, arch: "llama", scale: "float32",
			types: map[string]int{"F32": 21, "TQ2_0": 14}},
		{name: "TQ2_0 of rows that are no whole blocks", change: func(s *Spec, o *GGUFOptions) { ternary(s, o); s.HiddenDim = 320 }, kind: ggml.TQ2_0, embed: ggml.F32, arch: "llama",
			scale: "binary16", types: map[string]int{"F32": 7, "TQ2_0": 12, "F16": 2}},
		{name: "ternary as F16", change: ternary, kind: ggml.F16, embed: ggml.F32, arch: "llama", scale: "binary16", types: map[string]int{"F32": 7, "F16": 14}},
		{name: "ternary as F32", change: ternary, arch: "llama", scale: "float32", types: map[string]int{"F32": 21}},
		{name: "ternary as Q8_0", change: ternary, kind: ggml.Q8_0, embed: ggml.F32, arch: "llama", types: map[string]int{"F32": 7, "Q8_0": 14}, worst: 0.0005},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, o := blocky(), ggufOptions(t, c.kind, c.embed)
			if c.change != nil {
				c.change(&s, &o)
			}
			src := newRandom(s, 1)
			path := filepath.Join(t.TempDir(), "new", "m.gguf")
			proof, err := GGUF(path, s, src, o)
			require.NoError(t, err)
			require.Equal(t, c.arch, proof.Architecture)
			require.Equal(t, c.types, proof.Types)
			require.Equal(t, []string{"m.gguf", "m.proof.json"}, names(t, filepath.Dir(path)))
			require.Equal(t, len(s.tensors()), proof.Tensors)
			require.LessOrEqual(t, proof.Error, c.worst)
			require.GreaterOrEqual(t, proof.Error, c.worst/8)
			var stored Proof
			text, err := os.ReadFile(proofName(path))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &stored))
			require.Equal(t, proof, stored)
			file, err := describe(path)
			require.NoError(t, err)
			require.Equal(t, file, proof.File)
			if c.scale == "" {
				require.Nil(t, proof.Ternary)
			} else {
				require.Equal(t, c.scale, proof.Ternary.Scale)
				require.Equal(t, c.scale == "float32", proof.Ternary.ScaleError == 0)
				require.LessOrEqual(t, proof.Ternary.ScaleError, 0x1p-11)
			}
			checkModel(t, path, s, o, src)
		})
	}
}

// checkModel compares a file with what it was made of, by hand: the rows of q and k of
// another RoPE, codes times scale, and the rest.
func checkModel(t *testing.T, path string, s Spec, o GGUFOptions, src *random) {
	t.Helper()
	m, err := OpenGGUF(path)
	require.NoError(t, err)
	defer m.Close()
	require.Equal(t, s.Tied, m.Spec.Tied)
	require.True(t, m.AddBOS)
	require.Equal(t, []int32{297, 298}, []int32{m.BOS, m.EOS})
	text := []byte("fn main() { println!(\"1234\"); } é")
	tok, err := bpe.Parse(o.Tokenizer)
	require.NoError(t, err)
	require.Equal(t, tok.Encode(nil, text), m.Tokenizer.Encode(nil, text))
	weight := 0
	for _, want := range s.tensors() {
		got, shape, err := m.Tensor(want.name)
		require.NoError(t, err)
		require.Equal(t, want.shape, shape)
		v := src.values[want.name]
		if s.Ternary && want.matrix {
			codes, scale := absMean(v)
			v = multiples(codes, scale)
			weight += len(codes)
		}
		size := 0.0
		for _, x := range v {
			size = max(size, math.Abs(float64(x)))
		}
		for i, x := range v {
			if math.Abs(float64(x-got[i])) > 0.12*size {
				require.Equal(t, x, got[i], "%s value %d", want.name, i)
			}
		}
	}
	require.Equal(t, []int32{298}, m.EndTokens())
	f := m.File()
	raw, err := f.Float32("blk.1.attn_k.weight")
	require.NoError(t, err)
	k, _, err := m.Tensor("model.layers.1.self_attn.k_proj.weight")
	require.NoError(t, err)
	half := s.HeadDim / 2
	for h := range s.NumKVHeads {
		for row := range s.HeadDim {
			from := h*s.HeadDim + row
			if !s.QKNorm {
				from = h*s.HeadDim + row%2*half + row/2
			}
			scale := float32(1)
			if o.Exact {
				v, err := f.Float32("blk.1.attn_k.scale")
				require.NoError(t, err)
				scale = v[0]
			}
			require.Equal(t, k[from*s.Dim], scale*raw[(h*s.HeadDim+row)*s.Dim], "head %d row %d", h, row)
		}
	}
	require.Equal(t, o.Type.Operand(), m.Operand("model.layers.0.self_attn.q_proj.weight"))
	require.Equal(t, o.Embedding.Operand(), m.Operand("lm_head.weight"))
}

// TestInterleave: rows go to pairs and come back; twice is not once.
func TestInterleave(t *testing.T) {
	require.Equal(t, []float32{0, 2, 1, 3, 4, 6, 5, 7}, interleave([]float32{0, 1, 2, 3, 4, 5, 6, 7}, 2, 1))
	rapid.Check(t, func(t *rapid.T) {
		heads, dim, cols := rapid.IntRange(1, 3).Draw(t, "heads"), 2*rapid.IntRange(4, 9).Draw(t, "half"), rapid.IntRange(1, 3).Draw(t, "columns")
		v := make([]float32, heads*dim*cols)
		for i := range v {
			v[i] = float32(i)
		}
		require.Equal(t, v, deinterleave(interleave(v, heads, cols), heads, cols))
		require.NotEqual(t, v, interleave(interleave(v, heads, cols), heads, cols))
	})
}

// TestGGUFRefused: features by name, options that contradict, what stands in the way.
func TestGGUFRefused(t *testing.T) {
	dir := t.TempDir()
	for want, change := range map[string]func(s *Spec, o *GGUFOptions){
		`no llama.cpp architecture has the two-matrix ReLU² MLP ("relu2"); nor a logit soft-cap (15)`: func(s *Spec, _ *GGUFOptions) { s.MLP, s.SoftCap = "relu2", 15 },
		"no llama.cpp architecture has smear; nor value embeddings":                                   func(s *Spec, _ *GGUFOptions) { s.Extras = []string{"smear", "value embeddings"} },
		"3 times with QK-norm": func(s *Spec, _ *GGUFOptions) { s.Loops, s.QKNorm = 3, true },
		"a window (8 tokens)":  func(s *Spec, _ *GGUFOptions) { s.Window = 8 },
		"the model is not ternary, its matrices cannot be TQ2_0": func(_ *Spec, o *GGUFOptions) { o.Type = ggml.TQ2_0 },
		"their type cannot be TQ1_0":                             func(s *Spec, o *GGUFOptions) { ternary(s, o); o.Embedding = ggml.TQ1_0 },
		"have to be quantised":                                   func(s *Spec, o *GGUFOptions) { s.Ternary, o.Type = true, ggml.TQ2_0 },
		"not to F16":                                             func(s *Spec, o *GGUFOptions) { ternary(s, o); o.Type, o.Exact = ggml.F16, true },
		"weights of type Q8_K are not supported":                 func(_ *Spec, o *GGUFOptions) { o.Type = ggml.Q8_K },
		"the tokenizer has 300 tokens, the model has 299":        func(s *Spec, _ *GGUFOptions) { s.VocabSize = 299 },
		`bos token "<|x|>" is not a special token`:               func(_ *Spec, o *GGUFOptions) { o.BOS = "<|x|>" },
		"not a tokenizer.json":                                   func(_ *Spec, o *GGUFOptions) { o.Tokenizer = nil },
		`the split pattern "\\d|[^\\d]+"`:                        func(_ *Spec, o *GGUFOptions) { o.Tokenizer, _ = trained(t, bpe.Regex(`\d|[^\d]+`)).MarshalJSON() },
		"no matrix has rows of whole blocks of TQ2_0, which have 256 values": func(s *Spec, o *GGUFOptions) {
			ternary(s, o)
			o.Type, s.Dim, s.HeadDim, s.HiddenDim = ggml.TQ2_0, 128, 32, 384
		},
		"dimension is 0": func(s *Spec, _ *GGUFOptions) { s.Dim = 0 },
		`key "general.architecture" occurs twice`: func(_ *Spec, o *GGUFOptions) { o.Metadata = []gguf.KV{{Key: "general.architecture", Value: "x"}} },
		"nothing looks right": func(_ *Spec, o *GGUFOptions) {
			o.Check = func(*GGUFModel) (any, error) { return nil, errors.New("nothing looks right") }
		},
	} {
		s, o := blocky(), ggufOptions(t, ggml.F32, ggml.F32)
		change(&s, &o)
		_, err := GGUF(filepath.Join(dir, "m.gguf"), s, newRandom(s, 1), o)
		require.ErrorContains(t, err, want)
		require.Empty(t, names(t, dir), want)
	}
	path := filepath.Join(dir, "m.gguf")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	s, o := blocky(), ggufOptions(t, ggml.F32, ggml.F32)
	_, err := GGUF(path, s, newRandom(s, 1), o)
	require.ErrorIs(t, err, ErrExists)
	o.Overwrite = true
	_, err = GGUF(path, s, newRandom(s, 1), o)
	require.NoError(t, err)
}

// TestFlippedBits: verify sees a wrong bit in any of the weights, the shapes and the
// vocabulary.
func TestFlippedBits(t *testing.T) {
	s, o := blocky(), ggufOptions(t, ggml.TQ2_0, ggml.F16)
	ternary(&s, &o)
	path := filepath.Join(t.TempDir(), "m.gguf")
	src := newRandom(s, 1)
	_, err := GGUF(path, s, src, o)
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	tok, err := bpe.Parse(o.Tokenizer)
	require.NoError(t, err)
	w := &ggufWriter{spec: s, src: src, o: o, tok: tok}
	require.NoError(t, w.write(path))
	flipped := filepath.Join(t.TempDir(), "m.gguf")
	rng := rand.New(rand.NewPCG(3, 3))
	weights := bytes.Index(data, []byte("blk.1.ffn_down")) + 200 // behind the header, in the weights
	for range 40 {
		at := weights + rng.IntN(len(data)-weights-64)
		bad := slices.Clone(data)
		bad[at] ^= 1 << rng.IntN(8)
		require.NoError(t, os.WriteFile(flipped, bad, 0o600))
		_, err := w.verify(flipped)
		require.Error(t, err, "byte %d", at)
	}
	for old, new := range map[string]string{"println": "printlm", "i n": "i m", "llama-bpe": "starcoder", "block_count": "block_counx"} {
		at := bytes.Index(data, []byte(old))
		require.Positive(t, at, old)
		bad := slices.Clone(data)
		copy(bad[at:], new)
		require.NoError(t, os.WriteFile(flipped, bad, 0o600))
		_, err := w.verify(flipped)
		require.Error(t, err, "%s", old)
	}
}

// TestForeignGGUF refuses what a file asks for beyond these architectures.
func TestForeignGGUF(t *testing.T) {
	s, o := blocky(), ggufOptions(t, ggml.F32, ggml.F32)
	path := filepath.Join(t.TempDir(), "m.gguf")
	_, err := GGUF(path, s, newRandom(s, 1), o)
	require.NoError(t, err)
	f, err := gguf.Open(path)
	require.NoError(t, err)
	defer f.Close()
	for want, change := range map[string]func(kv map[string]any, tensors *[]gguf.Tensor){
		`architecture "gemma3" is not supported`:        func(kv map[string]any, _ *[]gguf.Tensor) { kv["general.architecture"] = "gemma3" },
		"the key llama.expert_count is not supported":   func(kv map[string]any, _ *[]gguf.Tensor) { kv["llama.expert_count"] = uint32(8) },
		`rope.scaling.type "yarn"`:                      func(kv map[string]any, _ *[]gguf.Tensor) { kv["llama.rope.scaling.type"] = "yarn" },
		"llama.block_count has a value of type uint64":  func(kv map[string]any, _ *[]gguf.Tensor) { kv["llama.block_count"] = uint64(2) },
		"rope.dimension_count 32":                       func(kv map[string]any, _ *[]gguf.Tensor) { kv["llama.rope.dimension_count"] = uint32(32) },
		"number of heads is 0":                          func(kv map[string]any, _ *[]gguf.Tensor) { delete(kv, "llama.attention.head_count") },
		`tokenizer.ggml.pre "tekken" is not supported`:  func(kv map[string]any, _ *[]gguf.Tensor) { kv["tokenizer.ggml.pre"] = "tekken" },
		`tokenizer.ggml.model "llama"`:                  func(kv map[string]any, _ *[]gguf.Tensor) { kv["tokenizer.ggml.model"] = "llama" },
		`merge 0 is "x"`:                                func(kv map[string]any, _ *[]gguf.Tensor) { kv["tokenizer.ggml.merges"] = []string{"x"} },
		"has 1 entries for 320 tokens":                  func(kv map[string]any, _ *[]gguf.Tensor) { kv["tokenizer.ggml.token_type"] = []int32{1} },
		"eos_token_id is 320, the model has 320 tokens": func(kv map[string]any, _ *[]gguf.Tensor) { kv["tokenizer.ggml.eos_token_id"] = uint32(320) },
		"tensor blk.0.attn_q.bias[256] is not supported": func(_ map[string]any, l *[]gguf.Tensor) {
			*l = append(*l, gguf.FromFloat32("blk.0.attn_q.bias", ggml.F32, []int{256}, make([]float32, 256)))
		},
		"tensor blk.1.attn_q.weight is [], want [256 256]": func(_ map[string]any, l *[]gguf.Tensor) {
			*l = slices.DeleteFunc(*l, func(t gguf.Tensor) bool { return t.Name == "blk.1.attn_q.weight" })
		},
		"tensor blk.0.attn_q.scale is F32[2], want one F32": func(_ map[string]any, l *[]gguf.Tensor) {
			*l = append(*l, gguf.FromFloat32("blk.0.attn_q.scale", ggml.F32, []int{2}, make([]float32, 2)))
		},
		"tensor blk.0.attn_norm.scale[1] is not supported": func(_ map[string]any, l *[]gguf.Tensor) {
			*l = append(*l, gguf.FromFloat32("blk.0.attn_norm.scale", ggml.F32, []int{1}, make([]float32, 1)))
		},
	} {
		kv, list := map[string]any{}, []gguf.Tensor{}
		for _, v := range f.Metadata() {
			kv[v.Key] = v.Value
		}
		for _, info := range f.Tensors() {
			list = append(list, gguf.Tensor{Name: info.Name, Type: info.Type, Shape: info.Shape, Data: func() ([]byte, error) { return f.View(info.Name) }})
		}
		change(kv, &list)
		var metadata []gguf.KV
		for key, v := range kv {
			metadata = append(metadata, gguf.KV{Key: key, Value: v})
		}
		changed := filepath.Join(t.TempDir(), "m.gguf")
		require.NoError(t, gguf.WriteFile(changed, metadata, list))
		_, err := OpenGGUF(changed)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, fmt.Sprintf("(in %s)", changed))
	}
}

// TestPretokenizers: which name a tokenizer has in llama.cpp, and that it reads back.
func TestPretokenizers(t *testing.T) {
	for split, want := range map[bpe.Split]string{bpe.GPT2: "gpt-2", bpe.Llama3: "llama-bpe", bpe.CL100K: "llama-bpe", pretokenizers[5].split: "qwen2", digits: "smollm"} {
		tok := trained(t, split)
		name, err := pretokenizerOf(tok, tok.Definition())
		require.NoError(t, err)
		require.Equal(t, want, name)
	}
	tok := trained(t, digits)
	var pieces []string
	for p := range tok.Pieces([]byte("it's 12  3\n4, ok")) {
		pieces = append(pieces, string(p))
	}
	require.Equal(t, []string{"it", "'s", " ", "1", "2", "  ", "3", "\n", "4", ",", " ok"}, pieces)

	d := trained(t, bpe.GPT2).Definition()
	d.IgnoreMerges = true
	whole, err := bpe.New(d)
	require.NoError(t, err)
	_, err = pretokenizerOf(whole, d)
	require.ErrorContains(t, err, "ignore_merges with the split of gpt-2")

	d = trained(t, bpe.Llama3).Definition()
	d.Merges = d.Merges[:len(d.Merges)-1]
	cut, err := bpe.New(d)
	require.NoError(t, err)
	_, err = pretokenizerOf(cut, d)
	require.ErrorContains(t, err, "merges that do not lead to the token")
}
