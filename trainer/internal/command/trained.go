package command

import (
	"errors"
	"fmt"
	"os"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/safetensors"

	"github.com/nanochat-go/nanochat/trainer/internal/checkpoint"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// trained is the model of a run's newest valid checkpoint.
type trained struct {
	Dir       runDir
	Config    config.Config
	LM        lm.Config
	Tokenizer *bpe.Tokenizer
	Step      int

	weights *safetensors.File
}

// openTrained opens the model of a run directory.
func openTrained(path string, warn func(format string, args ...any)) (*trained, error) {
	t := &trained{Dir: runDir{path: path}}
	file := t.Dir.file("config.toml")
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no run directory: it has no config.toml; train one with: trainer train --run %s", path, path)
	}
	var err error
	if t.Config, err = config.Load("", file, nil); err != nil {
		return nil, err
	}
	l, warnings, err := checkpoint.OpenReader(t.Dir.file("checkpoints")).Latest()
	for _, w := range warnings {
		warn("%s", w)
	}
	if errors.Is(err, checkpoint.ErrNone) {
		return nil, fmt.Errorf("%w: train it first, with: trainer train --run %s --resume", err, path)
	}
	if err != nil {
		return nil, err
	}
	if t.Tokenizer, err = bpe.Load(t.Dir.file("tokenizer.json")); err != nil {
		return nil, err
	}
	t.Step, t.LM = l.Step, t.Config.LM(t.Tokenizer.VocabSize())
	if t.weights, err = l.Model(); err != nil {
		return nil, err
	}
	return t, nil
}

// source serves the weights as they lie in the checkpoint.
func (t *trained) source() run.FileSource { return run.FileSource{Weights: t.weights} }

// engine is the model ready to generate.
func (t *trained) engine() (*infer.Engine, error) { return infer.New(t.LM, t.source()) }

func (t *trained) close() error { return t.weights.Close() }

// rate is where the compile rate of a run's samples is kept.
func (r runDir) rateFile() string { return r.file("eval", "rust.json") }

// exportDir is where a run's export in a format lies.
func (r runDir) exportDir(format string) string { return r.file("export", format) }

// reportFile is the page about a run.
func (r runDir) reportFile() string { return r.file("report.html") }

// samplesDir holds what the model wrote after a step.
func (r runDir) samplesDir(step int) string {
	return r.file("samples", fmt.Sprintf("step-%08d", step))
}
