package command

import (
	"context"
	"os"
	"strconv"

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
	c := t.LM.WithDefaults()
	options := export.Options{Tokenizer: tokenizer, Overwrite: overwrite, Metadata: map[string]string{"step": strconv.Itoa(t.Step)}}
	for name, to := range map[string]*string{data.BOS: &options.BOS, data.EOS: &options.EOS, data.Pad: &options.PAD} {
		if _, ok := t.Tokenizer.ID(name); ok {
			*to = name
		}
	}
	if dequantised {
		options.Dequantise = ternary.AbsMean
	}
	rep, err := export.HF(dir, export.Spec{VocabSize: c.VocabSize, NumLayers: c.NumLayers, Dim: c.Dim, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads,
		HeadDim: c.HeadDim, HiddenDim: c.HiddenDim, Context: c.Context, MLP: c.MLP, Tied: c.Tied, Ternary: c.Ternary, QKNorm: c.QKNorm,
		Window: c.Window, SoftCap: c.SoftCap, RopeTheta: c.RopeTheta, NormEps: c.NormEps, Extras: c.Extras()}, t.source(), options)
	if err != nil {
		return nil, err
	}
	return &ExportResult{Dir: rep.Dir, Class: rep.Class, Step: t.Step, Tensors: rep.Tensors, Parameters: rep.Parameters,
		Dequantised: dequantised, Files: rep.Files}, nil
}
