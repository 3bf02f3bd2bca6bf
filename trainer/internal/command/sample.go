package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/arch/generate"
	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/hub/bpe"

	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/novel"
)

// sampling says what to draw.
type sampling struct {
	n, maxTokens int // maxTokens 0: up to the model's context
	temperature  float64
	seed         int64
}

// judged are samples and what became of them.
type judged struct {
	Texts   []string
	Samples []rustc.Sample
	Novel   []bool // compiled and with no function that the training text holds; nil when that was not determined
	Rate    rustc.Rate
	Tokens  int
	Seconds float64 // of sampling
	// Acceptance is tokens for each verification, where heads for later tokens
	// drafted, 0 elsewhere.
	Acceptance float64
}

// novelCount is the number of new samples, -1 when it was not determined.
func (j *judged) novelCount() int {
	if j.Novel == nil {
		return -1
	}
	n := 0
	for _, yes := range j.Novel {
		if yes {
			n++
		}
	}
	return n
}

// markdown shows the first samples.
func (j *judged) markdown(limit int) string {
	var b strings.Builder
	for i, text := range j.Texts[:min(limit, len(j.Texts))] {
		verdict := "not judged"
		if i < len(j.Samples) {
			if verdict = j.Samples[i].Reason(); verdict == "" {
				verdict = "compiles"
			}
		}
		fmt.Fprintf(&b, "```rust\n%s\n```\n%s\n\n", strings.TrimRight(text, "\n"), verdict)
	}
	return b.String()
}

// draw samples whole documents.
func draw(ctx context.Context, e *infer.Engine, tok *bpe.Tokenizer, s sampling) (*judged, error) {
	bos, ok := tok.ID(data.BOS)
	if !ok {
		return nil, fmt.Errorf("the tokenizer has no special token %s", data.BOS)
	}
	stop, err := stops(tok)
	if err != nil {
		return nil, err
	}
	prompts := make([][]int32, s.n)
	for i := range prompts {
		prompts[i] = []int32{bos}
	}
	start := time.Now()
	results, err := generate.Generate(ctx, e, prompts, generate.Options{MaxTokens: s.maxTokens, Temperature: s.temperature,
		Seed: uint64(s.seed), Stop: stop, Draft: e.Config().MTP.Heads}, nil)
	if err != nil {
		return nil, err
	}
	j := &judged{Seconds: time.Since(start).Seconds()}
	steps := 0
	for _, r := range results {
		j.Tokens += len(r.IDs)
		steps += r.Steps
		j.Texts = append(j.Texts, string(tok.Decode(r.IDs)))
	}
	if e.Config().MTP.Heads > 0 {
		j.Acceptance = float64(j.Tokens) / float64(max(steps, 1))
	}
	return j, nil
}

// stops are the tokens that end a document. BOS is among them: it can only
// begin another one.
func stops(tok *bpe.Tokenizer) ([]int32, error) {
	var ids []int32
	for _, name := range []string{data.EOS, data.BOS, data.Pad} {
		if id, ok := tok.ID(name); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("the tokenizer has none of the special tokens %s, %s, %s", data.EOS, data.BOS, data.Pad)
	}
	return ids, nil
}

// judge compiles the samples.
func (j *judged) judge(ctx context.Context, by rustc.Judge) (err error) {
	if j.Samples, err = rustc.JudgeSamples(ctx, by, j.Texts, 0); err != nil {
		return err
	}
	j.Rate = rustc.Tally(j.Samples)
	return nil
}

// compare finds out which of the samples that compile are new: none of their
// functions stands in the training text, comments and layout aside.
func (j *judged) compare(ctx context.Context, d *data.Prepared) error {
	var sources []string
	var at []int
	for i, s := range j.Samples {
		if s.Compiled() {
			sources, at = append(sources, s.Unit.Code), append(at, i)
		}
	}
	unseen, err := novel.Unseen(sources, d.Texts(ctx))
	if err != nil {
		return err
	}
	j.Novel = make([]bool, len(j.Samples))
	for k, yes := range unseen {
		j.Novel[at[k]] = yes
	}
	return nil
}

// newJudge finds rustc; without one it is nil and why says so.
func newJudge() (j rustc.Judge, why string, err error) {
	c, err := rustc.New(rustc.Options{})
	var missing *rustc.NotFoundError
	if errors.As(err, &missing) {
		return nil, err.Error(), nil
	}
	if err != nil {
		return nil, "", err
	}
	return c, "", nil
}
