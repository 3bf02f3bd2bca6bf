package command

import (
	"context"
	"os"
	"strconv"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/hub/export"
	"github.com/nanochat-go/nanochat/precision/ternary"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// ExportResult is what export hf reports.
type ExportResult struct {
	Dir         string        `json:"dir"`
	Class       string        `json:"class"` // of transformers
	Step        int           `json:"step"`
	Tensors     int           `json:"tensors"`
	Parameters  int           `json:"parameters"`
	Dequantised bool          `json:"dequantised"`
	Files       []export.File `json:"files"`
}

// ExportHF is the command export hf.
func ExportHF(_ context.Context, o cli.ExportOptions) (any, error) {
	t, err := openTrained(o.Run, o.Notice)
	if err != nil {
		return nil, err
	}
	defer t.close()
	r, err := t.exportHF(o.Out, o.Dequantised, o.Overwrite)
	if err != nil {
		return nil, err
	}
	o.Notice("%s", r.summary())
	return r, nil
}

// exportHF writes the model as a folder that transformers loads.
func (t *trained) exportHF(dir string, dequantised, overwrite bool) (*ExportResult, error) {
	tokenizer, err := os.ReadFile(t.Dir.file("tokenizer.json"))
	if err != nil {
		return nil, err
	}
	options := export.Options{Tokenizer: tokenizer, BOS: t.special(data.BOS), EOS: t.special(data.EOS), PAD: t.special(data.Pad),
		Overwrite: overwrite, Metadata: map[string]string{"step": strconv.Itoa(t.Step)}}
	if dequantised {
		options.Dequantise = ternary.AbsMean
	}
	rep, err := export.HF(dir, specOf(t.LM), t.source(), options)
	if err != nil {
		return nil, err
	}
	return &ExportResult{Dir: rep.Dir, Class: rep.Class, Step: t.Step, Tensors: rep.Tensors, Parameters: rep.Parameters,
		Dequantised: dequantised, Files: rep.Files}, nil
}

// special is a special token if the tokenizer has it, else "".
func (t *trained) special(name string) string {
	if _, ok := t.Tokenizer.ID(name); !ok {
		return ""
	}
	return name
}

// specOf is a model as exports know it.
func specOf(c lm.Config) export.Spec {
	c = c.WithDefaults()
	s := export.Spec{VocabSize: c.VocabSize, NumLayers: c.NumLayers, Dim: c.Dim, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads,
		HeadDim: c.HeadDim, HiddenDim: c.HiddenDim, Context: c.Context, MLP: c.MLP, Tied: c.Tied, Ternary: c.Ternary, QKNorm: c.QKNorm,
		Window: c.Window, SoftCap: c.SoftCap, RopeTheta: c.RopeTheta, NormEps: c.NormEps, Loops: c.Loop.Loops, ExitGate: c.Loop.Gate}
	c.Loop = lm.Loop{} // the spec has them
	s.Extras = c.Extras()
	return s
}

// configOf is the inverse of specOf for what a GGUF file holds.
func configOf(s export.Spec) lm.Config {
	return lm.Config{VocabSize: s.VocabSize, NumLayers: s.NumLayers, Dim: s.Dim, NumHeads: s.NumHeads, NumKVHeads: s.NumKVHeads,
		HeadDim: s.HeadDim, HiddenDim: s.HiddenDim, Context: s.Context, MLP: s.MLP, Tied: s.Tied, QKNorm: s.QKNorm,
		RopeTheta: s.RopeTheta, NormEps: s.NormEps, Loop: lm.Loop{Loops: s.Loops}}
}
