package generate

import (
	"context"
	"fmt"
	"slices"

	"github.com/nanochat-go/nanochat/arch/infer"
)

// Why a row ended.
const (
	StopToken   = "stop"    // one of Options.Stop was drawn
	StopLength  = "length"  // Options.MaxTokens
	StopContext = "context" // the model's context is full
	StopCaller  = "caller"  // emit returned false
)

// MaxRows is the most rows that Generate computes at a time.
const MaxRows = 64

// prefillChunk is the most tokens of a prompt between two looks at the context.
const prefillChunk = 256

// Result is what was drawn for one row.
type Result struct {
	IDs     []int32 // without the prompt and without the stop token
	Stopped string  // one of the Stop constants; empty when an error came first

	// Passes, of a looped model without drafts, is after how many each token was drawn.
	Passes []int
	// Steps is how often the model computed what the row goes on with. With drafts
	// that is less often than there are tokens: tokens for each step are the
	// acceptance length. Drafted and Accepted count tokens.
	Steps, Drafted, Accepted int
}

// Generate continues every prompt. Row r of the results belongs to prompts[r]
// and depends on the prompt, the options and r only. emit, which may be nil,
// receives every token when it is drawn, from the calling goroutine; returning
// false ends that row. When ctx ends, the rows so far and its error are
// returned.
func Generate(ctx context.Context, e *infer.Engine, prompts [][]int32, o Options, emit func(row int, id int32) bool) ([]Result, error) {
	sampler, err := NewSampler(o)
	if err != nil {
		return nil, err
	}
	b := &batch{o: o, sampler: sampler, emit: emit, limit: e.Config().Context, looped: e.Config().Loop.Loops > 0 && o.Draft == 0,
		prompts: prompts, results: make([]Result, len(prompts)), shared: map[string]*prefix{}}
	if b.s, err = session(e, o); err != nil {
		return nil, err
	}
	defer b.s.Close()
	for r, p := range prompts {
		if len(p) == 0 {
			return nil, fmt.Errorf("generate: prompt %d is empty: it needs at least one token", r)
		}
		if len(p) > b.limit {
			return nil, fmt.Errorf("generate: prompt %d: %w", r, &infer.ContextError{Row: r, Adding: len(p), Context: b.limit})
		}
		key := promptKey(p)
		if b.shared[key] == nil {
			b.shared[key] = &prefix{row: -1}
		}
		b.shared[key].uses++
	}
	return b.results, b.loop(ctx)
}

// batch is one call of Generate.
type batch struct {
	o       Options
	s       *infer.Session
	sampler *Sampler
	emit    func(row int, id int32) bool
	limit   int
	looped  bool
	prompts [][]int32
	results []Result
	shared  map[string]*prefix
	next    int      // prompt to start next
	live    []stream // rows in flight
}

// stream is a row in flight.
type stream struct {
	prompt int // index of prompt and result
	row    int // in the session
	last   int32
}

// prefix is a prompt whose cache serves several rows.
type prefix struct {
	uses   int // prompts not started yet
	row    int // in the session, -1 before it is computed
	logits []float32
	passes int
}

func promptKey(ids []int32) string {
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return string(b)
}

func (b *batch) loop(ctx context.Context) error {
	for {
		for b.next < len(b.prompts) && len(b.live) < MaxRows {
			if err := b.start(ctx, b.next); err != nil {
				return err
			}
			b.next++
		}
		if len(b.live) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
		if err := b.advance(); err != nil {
			return err
		}
	}
}

// advance draws tokens for every row in flight.
func (b *batch) advance() error {
	step := b.step
	if b.o.Draft > 0 {
		step = b.speculate
	}
	more, err := step()
	if err != nil {
		return err
	}
	going := b.live[:0]
	for i, st := range b.live {
		if more[i] {
			going = append(going, st)
		} else {
			b.s.CloseRow(st.row)
		}
	}
	b.live = going
	return nil
}

// step draws one token for every row in flight and says which go on.
func (b *batch) step() (more []bool, err error) {
	spans := make([]infer.Span, len(b.live))
	for i := range b.live {
		spans[i] = b.span(b.live[i].row, b.live[i].last)
	}
	logits, err := b.s.Forward(spans...)
	if err != nil {
		return nil, err
	}
	passes := b.s.Passes()
	more = make([]bool, len(b.live))
	for i := range b.live {
		if more[i], err = b.draw(&b.live[i], logits[i], passes[i]); err != nil {
			return nil, err
		}
	}
	return more, nil
}

// span appends tokens to a row in the options' depth.
func (b *batch) span(row int, tokens ...int32) infer.Span {
	return infer.Span{Row: row, Tokens: tokens, Depth: b.o.Depth, Exit: b.o.Exit}
}

// start reads a prompt, or copies it from an equal one, and draws its first
// token.
func (b *batch) start(ctx context.Context, r int) error {
	p := b.shared[promptKey(b.prompts[r])]
	if p.row < 0 {
		if err := b.read(ctx, b.prompts[r], p); err != nil {
			return err
		}
	}
	st := stream{prompt: r, row: p.row}
	if p.uses--; p.uses > 0 {
		row, err := b.s.Fork(p.row)
		if err != nil {
			return err
		}
		st.row = row
	}
	more, err := b.draw(&st, p.logits, p.passes)
	if err != nil {
		return err
	}
	if more {
		b.live = append(b.live, st)
	} else {
		b.s.CloseRow(st.row)
	}
	return nil
}

// read computes a prompt in a new row.
func (b *batch) read(ctx context.Context, ids []int32, p *prefix) error {
	p.row = b.s.Open()
	for chunk := range slices.Chunk(ids, prefillChunk) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
		logits, err := b.s.Forward(b.span(p.row, chunk...))
		if err != nil {
			return err
		}
		p.logits, p.passes = append(p.logits[:0], logits[0]...), b.s.Passes()[0]
	}
	return nil
}

// draw draws the stream's next token and says whether it goes on. The logits
// were taken after some passes of a looped model.
func (b *batch) draw(st *stream, logits []float32, passes int) (more bool, err error) {
	res := &b.results[st.prompt]
	res.Steps++
	id, err := b.sampler.Sample(logits, st.prompt, len(res.IDs))
	if err != nil {
		return false, fmt.Errorf("row %d, token %d: %w", st.prompt, len(res.IDs), err)
	}
	if b.looped && !slices.Contains(b.o.Stop, id) {
		res.Passes = append(res.Passes, passes)
	}
	return b.take(st, id, b.s.Len(st.row)), nil
}

// take appends a token to the stream's result and says whether it goes on; the
// model has read so many tokens before it.
func (b *batch) take(st *stream, id int32, read int) (more bool) {
	res := &b.results[st.prompt]
	if slices.Contains(b.o.Stop, id) {
		res.Stopped = StopToken
		return false
	}
	st.last = id
	res.IDs = append(res.IDs, id)
	switch {
	case b.emit != nil && !b.emit(st.prompt, id):
		res.Stopped = StopCaller
	case b.o.MaxTokens > 0 && len(res.IDs) >= b.o.MaxTokens:
		res.Stopped = StopLength
	case read >= b.limit:
		res.Stopped = StopContext
	}
	return res.Stopped == ""
}
