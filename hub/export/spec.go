package export

import (
	"errors"
	"fmt"
	"strings"
)

// Spec is the shape of a decoder-only transformer. Its fields mean what they
// mean in the model that trained; all are needed, there are no defaults.
type Spec struct {
	VocabSize, NumLayers, Dim, NumHeads, NumKVHeads, HeadDim, HiddenDim, Context int

	MLP                   string // "swiglu"; others are refused
	Tied, Ternary, QKNorm bool
	Window                int     // 0 or at least Context: none
	SoftCap               float64 // 0: none
	RopeTheta, NormEps    float64

	// Loops is how often the blocks run, 0 as 1, with the final norm between the
	// passes; ExitGate is a gate that may end them before.
	Loops    int
	ExitGate bool

	// Extras names further parts of the model, of which no target has any.
	Extras []string
}

// passes is how often the blocks run.
func (s Spec) passes() int { return max(s.Loops, 1) }

// The programs for which models are exported.
const (
	transformers = "transformers class"
	llamacpp     = "llama.cpp architecture"
)

// UnsupportedError says why a program that should load the export does not compute
// what the model computes.
type UnsupportedError struct {
	Target  string // "transformers class" or "llama.cpp architecture"
	Reasons []string
}

func (e *UnsupportedError) Error() string {
	return "export: no " + e.Target + " has " + strings.Join(e.Reasons, "; nor ")
}

// check reports what is wrong with the spec, then what the target lacks.
func (s Spec) check(target string) error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{
		{"vocabulary size", s.VocabSize}, {"number of layers", s.NumLayers}, {"dimension", s.Dim}, {"number of heads", s.NumHeads},
		{"number of KV heads", s.NumKVHeads}, {"head dimension", s.HeadDim}, {"hidden dimension", s.HiddenDim}, {"context", s.Context},
	} {
		if f.value < 1 {
			errs = append(errs, fmt.Errorf("export: %s is %d, want at least 1", f.name, f.value))
		}
	}
	if s.NumKVHeads > 0 && s.NumHeads%s.NumKVHeads != 0 {
		errs = append(errs, fmt.Errorf("export: %d heads over %d KV heads, want a multiple", s.NumHeads, s.NumKVHeads))
	}
	if s.HeadDim%2 != 0 {
		errs = append(errs, fmt.Errorf("export: head dimension %d is odd", s.HeadDim))
	}
	if !(s.RopeTheta > 0) || !(s.NormEps > 0) {
		errs = append(errs, fmt.Errorf("export: RoPE theta %g and norm epsilon %g must be positive", s.RopeTheta, s.NormEps))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.supported(target)
}

func (s Spec) supported(target string) error {
	var reasons []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	switch s.MLP {
	case "swiglu":
	case "relu2":
		add(true, `the two-matrix ReLU² MLP ("relu2")`)
	case "silu":
		add(true, `the two-matrix SiLU MLP ("silu")`)
	default:
		add(true, "an MLP %q", s.MLP)
	}
	add(s.SoftCap != 0, "a logit soft-cap (%g)", s.SoftCap)
	add(s.Window != 0 && s.Window < s.Context, "a window (%d tokens) shorter than the context (%d) with these layers", s.Window, s.Context)
	for _, e := range s.Extras {
		add(true, "%s", e)
	}
	if target == transformers {
		add(!s.QKNorm && s.Dim%s.NumHeads != 0, "a dimension (%d) that its heads (%d) do not divide, without QK-norm", s.Dim, s.NumHeads)
		add(s.passes() > 1, "blocks that run %d times", s.Loops)
	} else {
		add(s.passes() > 1 && s.QKNorm, "blocks that run %d times with QK-norm", s.Loops)
	}
	if reasons != nil {
		return &UnsupportedError{target, reasons}
	}
	return nil
}

// tensor is a parameter as the file has it.
type tensor struct {
	name   string
	shape  []int
	matrix bool // of a block: what ternary models quantise
}

// tensors lists what the file holds.
func (s Spec) tensors() []tensor {
	heads, kv := s.NumHeads*s.HeadDim, s.NumKVHeads*s.HeadDim
	list := []tensor{{name: "model.embed_tokens.weight", shape: []int{s.VocabSize, s.Dim}}}
	for i := range s.NumLayers {
		add := func(matrix bool, name string, shape ...int) {
			list = append(list, tensor{fmt.Sprintf("model.layers.%d.%s.weight", i, name), shape, matrix})
		}
		add(false, "input_layernorm", s.Dim)
		add(true, "self_attn.q_proj", heads, s.Dim)
		add(true, "self_attn.k_proj", kv, s.Dim)
		add(true, "self_attn.v_proj", kv, s.Dim)
		if s.QKNorm {
			add(false, "self_attn.q_norm", s.HeadDim)
			add(false, "self_attn.k_norm", s.HeadDim)
		}
		add(true, "self_attn.o_proj", s.Dim, heads)
		add(false, "post_attention_layernorm", s.Dim)
		add(true, "mlp.gate_proj", s.HiddenDim, s.Dim)
		add(true, "mlp.up_proj", s.HiddenDim, s.Dim)
		add(true, "mlp.down_proj", s.Dim, s.HiddenDim)
	}
	list = append(list, tensor{name: "model.norm.weight", shape: []int{s.Dim}})
	if !s.Tied {
		list = append(list, tensor{name: "lm_head.weight", shape: []int{s.VocabSize, s.Dim}})
	}
	return list
}
