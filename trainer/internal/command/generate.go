package command

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/arch/generate"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// GenerateResult is what generate reports.
type GenerateResult struct {
	Text            string  `json:"text"` // without the prompt
	IDs             []int32 `json:"ids"`
	TokensPerSecond float64 `json:"tokens_per_second"`
	Stopped         string  `json:"stopped"` // "stop": the document ended; "length", "context"
	Step            int     `json:"step"`    // of a run's checkpoint

	Passes     float64 `json:"passes,omitempty"`     // of a looped model, mean over the tokens
	Acceptance float64 `json:"acceptance,omitempty"` // with drafts: tokens for each verification
	Drafted    int     `json:"drafted,omitempty"`
	Accepted   int     `json:"accepted,omitempty"`
}

// Generate is the command generate: it continues a prompt and shows the text
// while it comes.
func Generate(ctx context.Context, o cli.GenerateOptions) (any, error) {
	if !utf8.ValidString(o.Prompt) {
		return nil, fmt.Errorf("the prompt is not valid UTF-8")
	}
	if o.MaxTokens < 1 {
		return nil, fmt.Errorf("--max-tokens %d, want at least 1", o.MaxTokens)
	}
	t, err := openSpeaker(o.Run, o.Notice)
	if err != nil {
		return nil, err
	}
	defer t.close()
	e, err := t.engine()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	prompt, err := t.prompt(o.Prompt)
	if err != nil {
		return nil, err
	}
	text := t.Tokenizer.Stream()
	o.Printf("%s", o.Prompt)
	start := time.Now()
	out, err := generate.Generate(ctx, e, [][]int32{prompt}, generate.Options{MaxTokens: o.MaxTokens, Temperature: o.Temperature,
		TopK: o.TopK, TopP: o.TopP, Seed: uint64(o.Seed), Stop: t.Stop, Depth: o.Depth, Exit: o.Exit, Draft: o.Draft, DraftDepth: o.DraftDepth}, func(_ int, id int32) bool {
		o.Printf("%s", text.Next(id))
		return true
	})
	if err != nil {
		return nil, err
	}
	o.Printf("%s\n", text.Flush())
	r := &GenerateResult{Text: string(t.Tokenizer.Decode(out[0].IDs)), IDs: out[0].IDs, Stopped: out[0].Stopped, Step: t.Step}
	r.count(out[0])
	if took := time.Since(start).Seconds(); took > 0 {
		r.TokensPerSecond = float64(len(r.IDs)) / took
	}
	if r.Passes > 0 {
		o.Notice("%.2f passes a token", r.Passes)
	}
	if o.Draft > 0 {
		o.Notice("%d of %d drafts accepted: %.2f tokens a verification", r.Accepted, r.Drafted, r.Acceptance)
	}
	return r, nil
}

// count fills in what drafts and early exits came to.
func (r *GenerateResult) count(out generate.Result) {
	for _, n := range out.Passes {
		r.Passes += float64(n) / float64(len(out.Passes))
	}
	if out.Drafted > 0 {
		r.Drafted, r.Accepted, r.Acceptance = out.Drafted, out.Accepted, float64(len(out.IDs))/float64(out.Steps)
	}
}
