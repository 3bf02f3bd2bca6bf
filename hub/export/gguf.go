package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/gguf"
	"github.com/nanochat-go/nanochat/precision/ggml"
)

// GGUFOptions are what the weights do not say.
type GGUFOptions struct {
	Type      ggml.Type // of the matrices of blocks, one of WeightTypes
	Embedding ggml.Type // of embedding and head
	// Exact keeps the scale of a ternary matrix as float32, in a tensor of its own that
	// llama.cpp knows since 2026, beside blocks of scale 1. Without it the blocks hold
	// the scale as binary16, which every llama.cpp since September 2024 reads.
	Exact bool
	// Quantise gives the codes and the scale of a matrix of a ternary model, which
	// needs it.
	Quantise func(w []float32) (codes []int8, scale float32)

	Tokenizer     []byte // tokenizer.json
	BOS, EOS, PAD string // special tokens by content, "" for none
	ChatTemplate  string // Jinja, "" for none
	Name          string // of the model
	Metadata      []gguf.KV
	Overwrite     bool // replace an earlier file

	// Check sees the file before it counts; what it returns goes into the proof.
	Check func(m *GGUFModel) (any, error)
}

// GGUF writes the file at path, reads it back, and writes what was found equal to
// path with the ending .proof.json. It is an *UnsupportedError if llama.cpp does not
// compute the model, ErrExists if path is there. When it returns an error, path is as
// it was.
func GGUF(path string, s Spec, src Source, o GGUFOptions) (Proof, error) {
	if err := errors.Join(s.check(llamacpp), o.check(s)); err != nil {
		return Proof{}, err
	}
	tok, err := bpe.Parse(o.Tokenizer)
	if err != nil {
		return Proof{}, err
	}
	if _, err := os.Lstat(path); err == nil && !o.Overwrite {
		return Proof{}, fmt.Errorf("export: %s %w: choose another file or ask to overwrite it", path, ErrExists)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return Proof{}, fmt.Errorf("export: %w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return Proof{}, fmt.Errorf("export: %w", err)
	}
	defer os.RemoveAll(temp)
	w := &ggufWriter{spec: s, src: src, o: o, tok: tok}
	made := filepath.Join(temp, filepath.Base(path))
	if err := w.write(made); err != nil {
		return Proof{}, err
	}
	proof, err := w.verify(made)
	if err != nil {
		return Proof{}, err
	}
	text, err := encode(proof)
	if err != nil {
		return Proof{}, err
	}
	if err := writeFile(proofName(made), text); err != nil {
		return Proof{}, err
	}
	for _, f := range []struct{ from, to string }{{made, path}, {proofName(made), proofName(path)}} {
		if err := os.Rename(f.from, f.to); err != nil {
			return Proof{}, fmt.Errorf("export: %w", err)
		}
	}
	return proof, syncDir(filepath.Dir(path))
}

// proofName is the file beside a GGUF file that says what was compared.
func proofName(path string) string { return strings.TrimSuffix(path, ".gguf") + ".proof.json" }

func (o GGUFOptions) check(s Spec) error {
	for _, t := range []ggml.Type{o.Type, o.Embedding} {
		if !slices.Contains(WeightTypes(), t) {
			return fmt.Errorf("export: weights of type %s are not supported", t)
		}
	}
	switch {
	case isTernary(o.Embedding):
		return fmt.Errorf("export: embedding and head are not ternary, their type cannot be %s", o.Embedding)
	case isTernary(o.Type) && !s.Ternary:
		return fmt.Errorf("export: the model is not ternary, its matrices cannot be %s", o.Type)
	case s.Ternary && o.Quantise == nil:
		return errors.New("export: the model is ternary: its matrices have to be quantised")
	case !slices.ContainsFunc(s.tensors(), func(t tensor) bool { return t.matrix && t.shape[1]%o.Type.Block() == 0 }):
		return fmt.Errorf("export: no matrix has rows of whole blocks of %s, which have %d values", o.Type, o.Type.Block())
	case o.Exact && !(s.Ternary && isTernary(o.Type)):
		return fmt.Errorf("export: an exact scale belongs to a ternary model and type, not to %s", o.Type)
	}
	return nil
}

// ggufWriter writes and verifies one file.
type ggufWriter struct {
	spec Spec
	src  Source
	o    GGUFOptions
	tok  *bpe.Tokenizer

	metadata []gguf.KV // as written
}

func (w *ggufWriter) write(path string) error {
	vocab, err := vocabulary(w.tok, w.spec.VocabSize, w.o)
	if err != nil {
		return err
	}
	var list []gguf.Tensor
	for _, t := range w.spec.tensors() {
		list = append(list, w.tensors(t)...)
	}
	w.metadata = slices.Concat(w.general(), w.hyperparameters(), vocab, w.o.Metadata)
	if err := gguf.WriteFile(path, w.metadata, list); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// tensors are what the file has of a tensor of the model: itself, and the scale where
// it is exact.
func (w *ggufWriter) tensors(t tensor) []gguf.Tensor {
	kind, name := w.o.typeOf(t), ggufName(t.name)
	list := []gguf.Tensor{{Name: name + ".weight", Type: kind, Shape: t.shape, Data: func() ([]byte, error) {
		v, err := w.values(t)
		if err != nil {
			return nil, err
		}
		if n := w.spec.rotated(t.name); n > 0 && interleaved(w.spec.architecture()) {
			v = interleave(v, n, t.shape[1])
		}
		return gguf.Encode(kind, v)
	}}}
	if t.matrix && w.o.Exact {
		list = append(list, gguf.Tensor{Name: name + ".scale", Type: ggml.F32, Shape: []int{1}, Data: func() ([]byte, error) {
			v, err := read(w.src, t)
			if err != nil {
				return nil, err
			}
			_, scale := w.o.Quantise(v)
			return gguf.Encode(ggml.F32, []float32{scale})
		}})
	}
	return list
}

// values are the numbers that the file should hold for a tensor, its rows in the order
// of the model.
func (w *ggufWriter) values(t tensor) ([]float32, error) {
	v, err := read(w.src, t)
	if err != nil || !t.matrix || !w.spec.Ternary {
		return v, err
	}
	codes, scale := w.o.Quantise(v)
	if w.o.Exact {
		scale = 1
	}
	return multiples(codes, scale), nil
}

// general are the keys about the model as a whole.
func (w *ggufWriter) general() []gguf.KV {
	kv := []gguf.KV{{Key: "general.architecture", Value: w.spec.architecture()}, {Key: "general.type", Value: "model"}}
	if w.o.Name != "" {
		kv = append(kv, gguf.KV{Key: "general.name", Value: w.o.Name})
	}
	parameters := 0
	for _, t := range w.spec.tensors() {
		parameters += product(t.shape)
	}
	kv = append(kv, gguf.KV{Key: "general.size_label", Value: sizeLabel(parameters)}, gguf.KV{Key: "general.file_type", Value: fileType[w.o.Type]})
	if w.o.Type.Block() > 1 || w.o.Embedding.Block() > 1 {
		kv = append(kv, gguf.KV{Key: "general.quantization_version", Value: uint32(2)})
	}
	return kv
}

// sizeLabel is a number of parameters as file names have it.
func sizeLabel(n int) string {
	for _, unit := range []struct {
		size int
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "K"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.3g%s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprint(n)
}

// hyperparameters are the keys about the architecture: numbers are uint32 and float32,
// no other type is accepted.
func (w *ggufWriter) hyperparameters() []gguf.KV {
	s := w.spec
	var kv []gguf.KV
	add := func(key string, v any) { kv = append(kv, gguf.KV{Key: s.architecture() + "." + key, Value: v}) }
	add("context_length", uint32(s.Context))
	add("embedding_length", uint32(s.Dim))
	add("block_count", uint32(s.NumLayers))
	add("feed_forward_length", uint32(s.HiddenDim))
	add("attention.head_count", uint32(s.NumHeads))
	add("attention.head_count_kv", uint32(s.NumKVHeads))
	add("attention.layer_norm_rms_epsilon", float32(s.NormEps))
	if s.HeadDim*s.NumHeads != s.Dim {
		add("attention.key_length", uint32(s.HeadDim))
		add("attention.value_length", uint32(s.HeadDim))
	}
	add("rope.dimension_count", uint32(s.HeadDim))
	add("rope.freq_base", float32(s.RopeTheta))
	add("vocab_size", uint32(s.VocabSize))
	if s.passes() > 1 {
		add("num_loops", uint32(s.Loops))
		add("skip_loop_final_norm", false)
	}
	return kv
}
