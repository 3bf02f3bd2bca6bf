package command

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/hub/export"
	"github.com/nanochat-go/nanochat/hub/gguf"
	"github.com/nanochat-go/nanochat/precision/ggml"
	"github.com/nanochat-go/nanochat/precision/ternary"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// GGUFResult is what export gguf reports.
type GGUFResult struct {
	Dir    string         `json:"dir"`
	Step   int            `json:"step"`
	Models []export.Proof `json:"models"`
}

// LogitsProof compares the logits of a file with those of the run, behind every token
// of a few prompts. The file's products are rounded as llama.cpp does, the run's as in
// training.
type LogitsProof struct {
	Positions  int     `json:"positions"`
	Size       float64 `json:"largest_logit"`
	Difference float64 `json:"largest_difference"`
	SameTop    float64 `json:"same_most_likely_token"` // share of the positions
}

// goldenPrompts are what logits are compared on.
var goldenPrompts = []string{"fn main() {\n    println!(", "pub fn add(a: u32, b: u32) -> u32 {\n    a", "/// Returns the "}

// ExportGGUF is the command export gguf.
func ExportGGUF(_ context.Context, o cli.ExportGGUFOptions) (any, error) {
	t, err := openTrained(o.Run, o.Notice)
	if err != nil {
		return nil, err
	}
	defer t.close()
	r, err := t.exportGGUF(o)
	if err != nil {
		return nil, err
	}
	for _, line := range r.summary() {
		o.Notice("%s", line)
	}
	return r, nil
}

// exportGGUF writes a file for each type.
func (t *trained) exportGGUF(o cli.ExportGGUFOptions) (*GGUFResult, error) {
	types := o.Types
	if len(types) == 0 {
		types = []string{ggufType(specOf(t.LM)).String()}
	}
	tokenizer, err := os.ReadFile(t.Dir.file("tokenizer.json"))
	if err != nil {
		return nil, err
	}
	run, err := filepath.Abs(t.Dir.path)
	if err != nil {
		return nil, err
	}
	options := export.GGUFOptions{Exact: o.Exact, Tokenizer: tokenizer, BOS: t.special(data.BOS), EOS: t.special(data.EOS), PAD: t.special(data.Pad),
		Name: cmp.Or(o.Name, filepath.Base(run)), Overwrite: o.Overwrite, Check: t.compareLogits,
		Metadata: []gguf.KV{{Key: "nanochat_go.train.step", Value: uint32(t.Step)}, {Key: "nanochat_go.train.seed", Value: t.Config.Seed}}}
	if t.LM.Ternary {
		options.Quantise = ternary.AbsMean
	}
	r := &GGUFResult{Dir: o.Out, Step: t.Step}
	for _, name := range types {
		if options.Type, err = ggml.Parse(strings.ToUpper(name)); err != nil {
			return nil, fmt.Errorf("--type: %w", err)
		}
		options.Embedding = options.Type
		if o.Embedding != "" {
			if options.Embedding, err = ggml.Parse(strings.ToUpper(o.Embedding)); err != nil {
				return nil, fmt.Errorf("--embedding: %w", err)
			}
		} else if options.Type == ggml.TQ1_0 || options.Type == ggml.TQ2_0 || options.Type == ggml.Q2_0 {
			options.Embedding = ggml.F16
		}
		proof, err := export.GGUF(filepath.Join(o.Out, options.Name+"-"+options.Type.String()+".gguf"), specOf(t.LM), t.source(), options)
		if err != nil {
			return nil, err
		}
		r.Models = append(r.Models, proof)
	}
	return r, nil
}

// ggufType is the type that a model's matrices are written in when none is asked for:
// the smallest that holds them as they are, which rows of whole blocks allow.
func ggufType(s export.Spec) ggml.Type {
	switch {
	case s.Ternary && s.Dim%ggml.TQ2_0.Block() == 0:
		return ggml.TQ2_0
	case s.Ternary && s.Dim%ggml.Q2_0.Block() == 0:
		return ggml.Q2_0
	}
	return ggml.F16
}

// compareLogits holds the model of a file against the run's.
func (t *trained) compareLogits(m *export.GGUFModel) (any, error) {
	want, err := t.engine()
	if err != nil {
		return nil, err
	}
	defer want.Close()
	s := ggufSpeaker(m)
	got, err := s.engine()
	if err != nil {
		return nil, err
	}
	defer got.Close()
	p := &LogitsProof{}
	for _, text := range goldenPrompts {
		ids, err := s.prompt(text)
		if err != nil {
			return nil, err
		}
		x, err := logits(want, ids)
		if err != nil {
			return nil, err
		}
		y, err := logits(got, ids)
		if err != nil {
			return nil, err
		}
		for i := range x {
			p.add(x[i], y[i])
		}
	}
	p.SameTop /= float64(p.Positions)
	return p, nil
}

// logits are those behind every token.
func logits(e *infer.Engine, ids []int32) ([][]float32, error) {
	s := e.NewSession(1)
	defer s.Close()
	flat, err := s.Forward(infer.Span{Row: s.Open(), Tokens: ids, All: true})
	if err != nil {
		return nil, err
	}
	return slices.Collect(slices.Chunk(slices.Clone(flat[0]), e.Config().VocabSize)), nil
}

// add compares the logits of one position.
func (p *LogitsProof) add(want, got []float32) {
	p.Positions++
	topWant, topGot := 0, 0
	for j, z := range want {
		p.Size = max(p.Size, math.Abs(float64(z)))
		p.Difference = max(p.Difference, math.Abs(float64(z)-float64(got[j])))
		if z > want[topWant] {
			topWant = j
		}
		if got[j] > got[topGot] {
			topGot = j
		}
	}
	if topWant == topGot {
		p.SameTop++
	}
}

// summary says in a line for each file what was exported.
func (r *GGUFResult) summary() []string {
	var lines []string
	for _, m := range r.Models {
		s := fmt.Sprintf("%s: %s with %d parameters, %.1f MB, %d tensors of %s", filepath.Join(r.Dir, m.File.Name), m.Architecture, m.Parameters,
			float64(m.File.Bytes)/1e6, m.Types[m.Type], m.Type)
		if m.Ternary != nil && m.Ternary.Scale != "float32" {
			s += fmt.Sprintf(", scales rounded to %s", m.Ternary.Scale)
		}
		lines = append(lines, s+"; read back and compared")
	}
	return lines
}
