package export

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/nanochat-go/nanochat/hub/gguf"
	"github.com/nanochat-go/nanochat/precision/ggml"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Proof says what was compared when a GGUF file had been read back. There is none of a
// file in which anything was not as it should be.
type Proof struct {
	File         File           `json:"file"`
	Architecture string         `json:"architecture"` // of llama.cpp
	Type         string         `json:"type"`         // of the matrices of blocks, where their rows are whole blocks
	Types        map[string]int `json:"types"`        // how many tensors have each type
	Tensors      int            `json:"tensors"`      // of the model
	Parameters   int            `json:"parameters"`
	Ternary      *TernaryProof  `json:"ternary,omitempty"`
	// Error is the largest difference between a value of the file and the trained one,
	// in units of the largest magnitude of its tensor, of the tensors that are not
	// ternary. The values of the file are what their types round the trained ones to.
	Error     float64 `json:"largest_error"`
	Tokenizer string  `json:"tokenizer"` // its hash: the file's vocabulary gives the same ids
	Check     any     `json:"check,omitempty"`
}

// TernaryProof is about the matrices of a ternary model in types that keep the codes.
type TernaryProof struct {
	Weights int    `json:"weights"` // whose codes are those of training
	Scale   string `json:"scale"`   // "float32": the values are those of training; else the type that rounds it
	// ScaleError is the largest relative change of a scale.
	ScaleError float64 `json:"largest_scale_error"`
}

// verify reads the file back, through the same code that reads files of others, and
// compares all that it holds with what was trained.
func (w *ggufWriter) verify(path string) (Proof, error) {
	m, err := OpenGGUF(path)
	if err != nil {
		return Proof{}, fmt.Errorf("export: reading back: %w", err)
	}
	defer m.Close()
	if got, want := m.Spec, w.spec.inFile(); !reflect.DeepEqual(got, want) {
		return Proof{}, fmt.Errorf("export: the file reads back as %+v, written was %+v", got, want)
	}
	if !reflect.DeepEqual(m.file.Metadata(), w.metadata) {
		return Proof{}, errors.New("export: the metadata does not read back as it was written")
	}
	got, want := m.Tokenizer.Definition(), w.tok.Definition()
	if !slices.Equal(got.Tokens, want.Tokens) || !slices.Equal(got.Merges, want.Merges) || !maps.Equal(got.Special, want.Special) {
		return Proof{}, errors.New("export: the vocabulary does not read back as it was written")
	}
	p := Proof{Architecture: m.architecture, Type: w.o.Type.String(), Types: map[string]int{}, Tokenizer: fmt.Sprintf("%x", w.tok.Hash())}
	for _, info := range m.file.Tensors() {
		p.Types[info.Type.String()]++
	}
	for _, t := range w.spec.tensors() {
		if err := w.compare(m, t, &p); err != nil {
			return Proof{}, fmt.Errorf("export: %s: %w", t.name, err)
		}
		p.Tensors++
		p.Parameters += product(t.shape)
	}
	if w.o.Check != nil {
		if p.Check, err = w.o.Check(m); err != nil {
			return Proof{}, err
		}
	}
	if p.File, err = describe(path); err != nil {
		return Proof{}, err
	}
	return p, nil
}

// inFile is the spec as a GGUF file has it: with numbers of float32, without what is
// not in it or hides nothing.
func (s Spec) inFile() Spec {
	s.Ternary, s.ExitGate, s.Window = false, false, 0
	s.NormEps, s.RopeTheta = meant(float32(s.NormEps)), meant(float32(s.RopeTheta))
	if s.passes() == 1 {
		s.Loops = 0
	}
	return s
}

// compare holds a tensor of the file against the trained one.
func (w *ggufWriter) compare(m *GGUFModel, t tensor, p *Proof) error {
	got, _, err := m.Tensor(t.name)
	if err != nil {
		return err
	}
	trained, err := read(w.src, t)
	if err != nil {
		return err
	}
	kind := w.o.typeOf(t)
	want := trained
	if t.matrix && w.spec.Ternary {
		codes, scale := w.o.Quantise(trained)
		if name, stored := w.o.scale(kind, scale); name != "" {
			return p.ternary(got, codes, scale, stored, name)
		}
		want = multiples(codes, scale)
	}
	data, err := gguf.Encode(kind, want)
	if err != nil {
		return err
	}
	rounded, err := gguf.Decode(kind, data, len(want))
	if err != nil {
		return err
	}
	if i := differ(got, rounded); i >= 0 {
		return fmt.Errorf("value %d reads back as %g, want %g", i, got[i], rounded[i])
	}
	size, worst := 0.0, 0.0
	for i, v := range want {
		size, worst = max(size, math.Abs(float64(v))), max(worst, math.Abs(float64(v)-float64(got[i])))
	}
	if math.IsInf(worst, 1) {
		return fmt.Errorf("a value of magnitude %g is beyond %s", size, kind)
	}
	if size > 0 {
		p.Error = max(p.Error, worst/size)
	}
	return nil
}

// scale is the scale of a ternary matrix as a type stores it, with the name of what
// holds it; "" where a type has no scale for ternary values.
func (o GGUFOptions) scale(kind ggml.Type, scale float32) (name string, stored float32) {
	switch {
	case o.Exact || kind == ggml.F32:
		return "float32", scale
	case isTernary(kind) || kind == ggml.F16:
		return "binary16", minifloat.F16.Decode(minifloat.F16.Encode(scale))
	case kind == ggml.BF16:
		return "bfloat16", minifloat.BF16.Decode(minifloat.BF16.Encode(scale))
	}
	return "", 0
}

// ternary adds a matrix whose values must be multiples of the stored scale.
func (p *Proof) ternary(got []float32, codes []int8, scale, stored float32, name string) error {
	if i := differ(got, multiples(codes, stored)); i >= 0 {
		return fmt.Errorf("value %d reads back as %g, want %d times %g", i, got[i], codes[i], stored)
	}
	if p.Ternary == nil {
		p.Ternary = &TernaryProof{Scale: name}
	}
	p.Ternary.Weights += len(codes)
	change := math.Abs(float64(stored)/float64(scale) - 1)
	if change > 0x1p-8 { // what bfloat16 may do; binary16 where it has all its bits, an eighth of it
		return fmt.Errorf("the scale %g becomes %g as %s: write it exactly", scale, stored, name)
	}
	p.Ternary.ScaleError = max(p.Ternary.ScaleError, change)
	return nil
}

// differ is the first place where the bits of two lists of equal length do, -1 for none.
func differ(a, b []float32) int {
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}
