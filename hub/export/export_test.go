package export

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/hub/safetensors"
)

// Mutation: storing lm_head.weight of a tied model, multiplying by the scale's
// reciprocal in values, renaming before verify, or leaving out the check for
// foreign files makes these tests fail.

// tokenizerJSON has the tokens a to e and two special ones.
const tokenizerJSON = `{"version":"1.0","truncation":null,"padding":null,
"added_tokens":[
 {"id":5,"content":"<|bos|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
 {"id":6,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,
"byte_fallback":false,"ignore_merges":false,"vocab":{"a":0,"b":1,"c":2,"d":3,"ab":4},"merges":[["a","b"]]}}
`

func llama() Spec {
	return Spec{VocabSize: 11, NumLayers: 2, Dim: 12, NumHeads: 3, NumKVHeads: 1, HeadDim: 6, HiddenDim: 10, Context: 32,
		MLP: "swiglu", RopeTheta: 700, NormEps: 1e-4}
}

func options() Options {
	return Options{Tokenizer: []byte(tokenizerJSON), BOS: "<|bos|>", EOS: "<|end|>"}
}

// weights is a Source of reproducible numbers.
type weights map[string][]float32

func newWeights(s Spec) weights {
	rng := rand.New(rand.NewPCG(4, 2))
	w := weights{}
	for _, t := range s.tensors() {
		v := make([]float32, product(t.shape))
		for i := range v {
			v[i] = float32(rng.NormFloat64()) / 2
			if len(t.shape) == 1 {
				v[i] += 1
			}
		}
		w[t.name] = v
	}
	return w
}

func (w weights) Tensor(name string) ([]float32, []int, error) {
	for _, s := range []Spec{llama(), qwen3()} {
		for _, t := range s.tensors() {
			if v, ok := w[name]; ok && t.name == name {
				return v, t.shape, nil
			}
		}
	}
	return nil, nil, errors.New("no such tensor")
}

func qwen3() Spec {
	s := llama()
	s.QKNorm = true
	return s
}

// absMean is the ternary rule of training.
func absMean(w []float32) (codes []int8, scale float32) {
	sum := 0.0
	for _, v := range w {
		sum += math.Abs(float64(v))
	}
	scale = float32(sum / float64(len(w)))
	for _, v := range w {
		codes = append(codes, int8(min(max(math.RoundToEven(float64(v/scale)), -1), 1)))
	}
	return codes, scale
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(text, &doc))
	return doc
}

func TestFolder(t *testing.T) {
	for _, c := range []struct {
		name, class string
		change      func(s *Spec, o *Options)
		tensors     int
	}{
		{"llama", "LlamaForCausalLM", func(*Spec, *Options) {}, 21},
		{"qwen3", "Qwen3ForCausalLM", func(s *Spec, _ *Options) { s.QKNorm = true }, 25},
		{"tied", "LlamaForCausalLM", func(s *Spec, _ *Options) { s.Tied = true }, 20},
		{"window as long as the context", "LlamaForCausalLM", func(s *Spec, _ *Options) { s.Window = 32 }, 21},
		{"ternary as trained", "LlamaForCausalLM", func(s *Spec, _ *Options) { s.Ternary = true }, 21},
		{"ternary dequantised", "LlamaForCausalLM", func(s *Spec, o *Options) { s.Ternary, o.Dequantise = true, absMean }, 21},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, o := llama(), options()
			c.change(&s, &o)
			src := newWeights(s)
			dir := filepath.Join(t.TempDir(), "new", "model")
			report, err := HF(dir, s, src, o)
			require.NoError(t, err)
			require.Equal(t, c.class, report.Class)
			require.Equal(t, c.tensors, report.Tensors)
			require.Equal(t, dir, report.Dir)
			require.ElementsMatch(t, fileNames, names(t, dir))
			require.Equal(t, []string{"model"}, names(t, filepath.Dir(dir)), "nothing temporary stays")
			checkTensors(t, dir, s, o, src, report)

			cfg := readJSON(t, filepath.Join(dir, configName))
			require.Equal(t, []any{c.class}, cfg["architectures"])
			require.Equal(t, 5.0, cfg["bos_token_id"])
			require.Equal(t, 6.0, cfg["eos_token_id"])
			require.Contains(t, cfg, "pad_token_id")
			require.Nil(t, cfg["pad_token_id"], "a default of the class would stand otherwise")
			require.Equal(t, s.Tied, cfg["tie_word_embeddings"])
			require.Equal(t, 700.0, cfg["rope_parameters"].(map[string]any)["rope_theta"])
			_, quantised := cfg["quantization_config"]
			require.Equal(t, s.Ternary && o.Dequantise == nil, quantised)
			require.Equal(t, map[string]any{"bos_token_id": 5.0, "eos_token_id": 6.0}, readJSON(t, filepath.Join(dir, generationName)))
			tok := readJSON(t, filepath.Join(dir, tokConfigName))
			require.Equal(t, "<|end|>", tok["eos_token"])
			require.Nil(t, tok["pad_token"])
			require.Equal(t, 32.0, tok["model_max_length"])
			require.Equal(t, false, tok["clean_up_tokenization_spaces"])
			got, err := os.ReadFile(filepath.Join(dir, tokenizerName))
			require.NoError(t, err)
			require.Equal(t, tokenizerJSON, string(got))
		})
	}
}

// checkTensors reads the weights with the strict reader.
func checkTensors(t *testing.T, dir string, s Spec, o Options, src weights, report Report) {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(dir, weightsName))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, map[string]string{"format": "pt"}, f.Metadata)
	require.Len(t, f.Tensors(), report.Tensors)
	parameters := 0
	for _, want := range s.tensors() {
		v, err := f.Float32(want.name)
		require.NoError(t, err)
		info, _ := f.Info(want.name)
		require.Equal(t, want.shape, info.Shape)
		parameters += len(v)
		expected := src[want.name]
		if o.Dequantise != nil && want.matrix {
			codes, scale := absMean(expected)
			expected = nil
			for _, c := range codes {
				expected = append(expected, float32(c)*scale)
			}
		}
		require.Equal(t, expected, v, want.name)
	}
	require.Equal(t, parameters, report.Parameters)
	for _, file := range report.Files {
		st, err := os.Stat(filepath.Join(dir, file.Name))
		require.NoError(t, err)
		require.Equal(t, st.Size(), file.Bytes)
		require.Len(t, file.SHA256, 64)
	}
}

func TestRefusedByName(t *testing.T) {
	s := llama()
	s.MLP, s.SoftCap, s.Window, s.Dim = "relu2", 15, 31, 13
	s.Extras = []string{"smear", "loops"}
	dir := filepath.Join(t.TempDir(), "model")
	_, err := HF(dir, s, weights{}, options())
	var unsupported *UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Len(t, unsupported.Reasons, 6)
	for _, want := range []string{"ReLU²", "soft-cap (15)", "window (31 tokens)", "dimension (13) that its heads (3) do not divide", "smear", "loops"} {
		require.ErrorContains(t, err, want)
	}
	require.NoDirExists(t, dir)
	s = llama()
	s.MLP = "silu"
	_, err = HF(dir, s, weights{}, options())
	require.ErrorContains(t, err, "two-matrix SiLU")
	s.MLP = "gelu"
	_, err = HF(dir, s, weights{}, options())
	require.ErrorContains(t, err, `MLP "gelu"`)
	s = qwen3()
	s.Dim = 13 // Qwen3 states head_dim and does not ask for a multiple
	require.NoError(t, s.check(transformers))
	_, err = HF(dir, Spec{NumHeads: 3, NumKVHeads: 2, HeadDim: 5}, weights{}, options())
	for _, want := range []string{"vocabulary size is 0", "context is 0", "3 heads over 2 KV heads", "head dimension 5 is odd", "RoPE theta 0"} {
		require.ErrorContains(t, err, want)
	}
	o := options()
	o.Dequantise = absMean
	_, err = HF(dir, llama(), weights{}, o)
	require.ErrorContains(t, err, "nothing to dequantise")
}

func TestBadTokenizer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	for _, c := range []struct {
		want   string
		change func(s *Spec, o *Options)
	}{
		{"tokenizer.json: unexpected end", func(_ *Spec, o *Options) { o.Tokenizer = nil }},
		{"tokenizer.json has 7 tokens, the model has 6", func(s *Spec, _ *Options) { s.VocabSize = 6 }},
		{"tokenizer.json has 0 tokens", func(_ *Spec, o *Options) { o.Tokenizer = []byte("{}") }},
		{"none of them is 1", func(_ *Spec, o *Options) {
			o.Tokenizer = []byte(`{"added_tokens":[{"id":9,"content":"x"}],"model":{"vocab":{"a":0}}}`)
		}},
		{`PAD token "<|pad|>" is not among the added tokens`, func(_ *Spec, o *Options) { o.PAD = "<|pad|>" }},
	} {
		s, o := llama(), options()
		c.change(&s, &o)
		_, err := HF(dir, s, newWeights(llama()), o)
		require.ErrorContains(t, err, c.want)
		require.NoDirExists(t, dir)
	}
}

func TestBadWeights(t *testing.T) {
	const name = "model.layers.1.mlp.down_proj.weight"
	for want, change := range map[string]func(w weights){
		"no such tensor":    func(w weights) { delete(w, name) },
		"with 119 values":   func(w weights) { w[name] = w[name][1:] },
		"value 3 is NaN":    func(w weights) { w[name][3] = float32(math.NaN()) },
		"value 119 is -Inf": func(w weights) { w[name][119] = float32(math.Inf(-1)) },
	} {
		parent := t.TempDir()
		w := newWeights(llama())
		change(w)
		_, err := HF(filepath.Join(parent, "model"), llama(), w, options())
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, want)
		require.Empty(t, names(t, parent), "nothing half-written stays")
	}
}

func TestOverwrite(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "model")
	require.NoError(t, os.Mkdir(dir, 0o755)) // an empty folder is free
	_, err := HF(dir, llama(), newWeights(llama()), options())
	require.NoError(t, err)
	before, err := os.ReadFile(filepath.Join(dir, weightsName))
	require.NoError(t, err)
	same := func() {
		after, err := os.ReadFile(filepath.Join(dir, weightsName))
		require.NoError(t, err)
		require.Equal(t, before, after)
		require.Equal(t, []string{"model"}, names(t, parent))
	}

	_, err = HF(dir, qwen3(), newWeights(qwen3()), options())
	require.ErrorIs(t, err, ErrExists)
	same()
	o := options()
	o.Overwrite = true
	bad := newWeights(qwen3())
	bad["model.norm.weight"][0] = float32(math.NaN())
	_, err = HF(dir, qwen3(), bad, o)
	require.Error(t, err)
	same()
	notes := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(notes, []byte("mine"), 0o644))
	_, err = HF(dir, qwen3(), newWeights(qwen3()), o)
	require.ErrorIs(t, err, ErrExists)
	require.ErrorContains(t, err, "notes.txt")
	same()
	require.NoError(t, os.Remove(notes))
	_, err = HF(dir, qwen3(), newWeights(qwen3()), o)
	require.NoError(t, err)
	require.Equal(t, []any{"Qwen3ForCausalLM"}, readJSON(t, filepath.Join(dir, configName))["architectures"])
	require.Equal(t, []string{"model"}, names(t, parent))

	_, err = HF(filepath.Join(dir, configName), llama(), newWeights(llama()), o)
	require.Error(t, err, "a file is in the way")
}

// TestVerify changes the folder between writing and reading back.
func TestVerify(t *testing.T) {
	for want, change := range map[string]func(t *testing.T, w *writer){
		"does not read back": func(t *testing.T, w *writer) {
			path := filepath.Join(w.dir, weightsName)
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			b[len(b)-5] ^= 1
			require.NoError(t, os.WriteFile(path, b, 0o644))
		},
		"reads back as":                   func(_ *testing.T, w *writer) { w.spec.Context++ },
		"has 21 tensors, written were 25": func(_ *testing.T, w *writer) { w.spec.QKNorm = true },
		"want F32[13 12]":                 func(_ *testing.T, w *writer) { w.spec.VocabSize = 13 },
	} {
		s, o := llama(), options()
		w := &writer{dir: t.TempDir(), spec: s, src: newWeights(s), o: o, sums: map[string][32]byte{}}
		ids, _, err := o.readTokenizer(s)
		require.NoError(t, err)
		require.NoError(t, w.weights())
		change(t, w)
		cfg := s
		if want != "reads back as" {
			cfg = w.spec
		}
		text, err := encode(cfg.config(ids, false))
		require.NoError(t, err)
		_, err = w.verify(text)
		require.ErrorContains(t, err, want)
	}
	for _, text := range []string{`{"vocab_size":1,"extra":2}`, `{"architectures":[]}`, `nonsense`} {
		_, _, err := parseConfig([]byte(text))
		require.ErrorContains(t, err, "config.json")
	}
}

func TestMetadata(t *testing.T) {
	o := options()
	o.Metadata = map[string]string{"run": "7"}
	dir := filepath.Join(t.TempDir(), "model")
	_, err := HF(dir, llama(), newWeights(llama()), o)
	require.NoError(t, err)
	f, err := safetensors.Open(filepath.Join(dir, weightsName))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, map[string]string{"format": "pt", "run": "7"}, f.Metadata)
	require.Len(t, o.Metadata, 1, "the caller's map is not changed")
	require.True(t, slices.IsSortedFunc(f.Tensors(), func(a, b safetensors.Info) int { return int(a.From - b.From) }))
}

func BenchmarkHF(b *testing.B) {
	s := Spec{VocabSize: 4096, NumLayers: 4, Dim: 256, NumHeads: 4, NumKVHeads: 2, HeadDim: 64, HiddenDim: 704, Context: 256,
		MLP: "swiglu", RopeTheta: 1e4, NormEps: 1e-5}
	w := newWeights(s)
	shapes := map[string][]int{}
	bytes := int64(0)
	for _, t := range s.tensors() {
		shapes[t.name] = t.shape
		bytes += 4 * int64(product(t.shape))
	}
	src := sourceFunc(func(name string) ([]float32, []int, error) { return w[name], shapes[name], nil })
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		_, err := HF(filepath.Join(b.TempDir(), "model"), s, src, options())
		require.NoError(b, err)
	}
}

type sourceFunc func(name string) ([]float32, []int, error)

func (f sourceFunc) Tensor(name string) ([]float32, []int, error) { return f(name) }
