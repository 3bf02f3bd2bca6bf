package command

import (
	"fmt"
	"strings"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/export"

	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/folder"
)

// speaker is a model that continues texts: a run's newest checkpoint, a folder in
// the layout of Hugging Face, or a GGUF file.
type speaker struct {
	LM          lm.Config
	Tokenizer   *bpe.Tokenizer
	Begin, Stop []int32 // ids that begin every text, and that end one
	Step        int     // of a run

	source  lm.Source
	options []infer.Option
	close   func() error
}

// openSpeaker opens the model at a path of any kind.
func openSpeaker(path string, warn func(format string, args ...any)) (*speaker, error) {
	if strings.HasSuffix(path, ".gguf") {
		m, err := export.OpenGGUF(path)
		if err != nil {
			return nil, err
		}
		return ggufSpeaker(m), nil
	}
	if folder.Is(path) {
		return openFolder(path)
	}
	t, err := openTrained(path, warn)
	if err != nil {
		return nil, err
	}
	s := &speaker{LM: t.LM, Tokenizer: t.Tokenizer, Step: t.Step, source: t.source(), close: t.close}
	bos, ok := t.Tokenizer.ID(data.BOS)
	if !ok {
		return nil, fmt.Errorf("the tokenizer has no special token %s", data.BOS)
	}
	s.Begin = []int32{bos}
	s.Stop, err = stops(t.Tokenizer)
	return s, err
}

func openFolder(path string) (*speaker, error) {
	f, err := folder.Open(path)
	if err != nil {
		return nil, err
	}
	if f.Tokenizer == nil {
		f.Close()
		return nil, fmt.Errorf("%s has no tokenizer.json", path)
	}
	return &speaker{LM: f.LM, Tokenizer: f.Tokenizer, Begin: f.Begin, Stop: f.Stop, source: f.Source(), close: f.Close}, nil
}

// ggufSpeaker is the model of a file, whose products are rounded as llama.cpp does.
func ggufSpeaker(m *export.GGUFModel) *speaker {
	s := &speaker{LM: configOf(m.Spec), Tokenizer: m.Tokenizer, Stop: m.EndTokens(), source: m, close: m.Close,
		options: []infer.Option{infer.WithOperands(func(weight string) infer.Rounder { return m.Operand(weight) })}}
	if m.AddBOS && m.BOS >= 0 {
		s.Begin = []int32{m.BOS}
	}
	return s
}

// engine is the model ready to generate.
func (s *speaker) engine() (*infer.Engine, error) { return infer.New(s.LM, s.source, s.options...) }

// prompt is the ids of a text to continue.
func (s *speaker) prompt(text string) ([]int32, error) {
	ids := s.Tokenizer.Encode(append([]int32(nil), s.Begin...), []byte(text))
	switch {
	case len(ids) >= s.LM.Context:
		return nil, fmt.Errorf("the prompt has %d tokens, the model's context is %d: shorten it", len(ids), s.LM.Context)
	case len(ids) == 0:
		return nil, fmt.Errorf("the prompt is empty, and this model has no token that begins a text: give one with --prompt")
	}
	return ids, nil
}
