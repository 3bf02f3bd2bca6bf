package infer

import (
	"errors"
	"fmt"
)

// ContextError says that tokens do not fit the model's context. Nothing has
// been appended to any row.
type ContextError struct {
	Row, Len, Adding, Context int
}

func (e *ContextError) Error() string {
	return fmt.Sprintf("infer: row %d has %d tokens, %d more exceed the context of %d", e.Row, e.Len, e.Adding, e.Context)
}

// Session holds rows that are computed together, each with its own cache. Its
// methods must not be called concurrently; different sessions of an engine may
// be. The logits that a method returns are valid until the next call on the
// session.
type Session struct {
	e       *Engine
	drafts  bool // rows keep what Draft needs
	rows    []*row
	scratch []*scratch
	logits  []float32
	outputs []output
}

// row is the state of one sequence; nil layers until its first token.
type row struct {
	open bool
	len  int
	ids  []int32 // the tokens

	// Keys and values [capacity, Hkv·d] of the heads for later tokens, then by pass
	// and layer, see Engine.cache.
	capacity int
	k, v     [][]float32

	// filled is by pass how many tokens it has been computed for, and state [capacity, C]
	// the stream of each token after its last pass, which only a looped model has.
	filled []int
	state  []float32

	later later
}

// NewSession returns a session with the given number of empty rows, numbered
// from 0.
func (e *Engine) NewSession(rows int) *Session {
	s := &Session{e: e}
	for range rows {
		s.Open()
	}
	return s
}

// Open adds an empty row and returns its number, the lowest that is free.
func (s *Session) Open() int {
	for i, r := range s.rows {
		if !r.open {
			r.open = true
			r.truncate(0)
			return i
		}
	}
	s.rows = append(s.rows, &row{open: true})
	return len(s.rows) - 1
}

// CloseRow gives up a row. Its memory serves the next row that is opened. A row
// that is closed already stays so.
func (s *Session) CloseRow(row int) {
	if s.IsOpen(row) {
		s.rows[row].open = false
		s.rows[row].truncate(0)
	}
}

// Close gives up the session's memory. The session must not be used after.
func (s *Session) Close() { s.rows, s.scratch, s.logits, s.outputs = nil, nil, nil, nil }

// Rows is the number of rows, open or closed.
func (s *Session) Rows() int { return len(s.rows) }

// IsOpen says whether the row exists and is open.
func (s *Session) IsOpen(row int) bool { return row >= 0 && row < len(s.rows) && s.rows[row].open }

// Len is the number of tokens in a row, 0 for a row that is not open.
func (s *Session) Len(row int) int {
	if !s.IsOpen(row) {
		return 0
	}
	return s.rows[row].len
}

// Truncate takes a row back to its first length tokens, as if the others had
// never been appended.
func (s *Session) Truncate(row, length int) error {
	if !s.IsOpen(row) {
		return fmt.Errorf("infer: row %d is not open", row)
	}
	if length < 0 || length > s.rows[row].len {
		return fmt.Errorf("infer: row %d has %d tokens, it cannot be truncated to %d", row, s.rows[row].len, length)
	}
	s.rows[row].truncate(length)
	return nil
}

func (r *row) truncate(length int) {
	r.len = length
	for pass := range r.filled {
		r.filled[pass] = min(r.filled[pass], length)
	}
	for head := range r.later.filled {
		r.later.filled[head] = min(r.later.filled[head], length)
	}
}

// Fork opens a row with the same tokens as the given one.
func (s *Session) Fork(from int) (int, error) {
	if !s.IsOpen(from) {
		return 0, fmt.Errorf("infer: row %d is not open", from)
	}
	to := s.Open()
	src, dst := s.rows[from], s.rows[to]
	dst.reserve(s, src.len, len(src.filled))
	copy(dst.filled, src.filled)
	dst.ids = append(dst.ids[:0], src.ids[:src.len]...)
	copyRows := func(i, tokens int) {
		n := tokens * s.e.cfg.NumKVHeads * s.e.cfg.HeadDim
		copy(dst.k[i], src.k[i][:n])
		copy(dst.v[i], src.v[i][:n])
	}
	for pass, tokens := range src.filled {
		for l := range s.e.layers {
			copyRows(s.e.cache(pass, l), tokens)
		}
	}
	for head, tokens := range src.later.filled {
		copyRows(head, tokens)
	}
	copy(dst.state, src.state)
	dst.later.copy(src.later)
	dst.len = src.len
	return to, nil
}

// cache is the number of a layer's keys and values in a row, for a pass. Those
// of the heads for later tokens come first.
func (e *Engine) cache(pass, layer int) int { return len(e.heads) + pass*len(e.layers) + layer }

// reserve makes room for n tokens, at least twice as many as before and at most
// the context, and for so many passes.
func (r *row) reserve(s *Session, n, passes int) {
	e := s.e
	for len(r.filled) < passes {
		r.filled = append(r.filled, 0)
	}
	for len(r.k) < e.cache(passes, 0) {
		r.k, r.v = append(r.k, nil), append(r.v, nil)
	}
	if n > r.capacity {
		r.capacity = min(max(n, 2*r.capacity, 32), e.cfg.Context)
	}
	grow := func(have *[]float32, width int) {
		if len(*have) < r.capacity*width {
			grown := make([]float32, r.capacity*width)
			copy(grown, *have)
			*have = grown
		}
	}
	kv := e.cfg.NumKVHeads * e.cfg.HeadDim
	for i := range r.k {
		if i >= len(e.heads) || s.drafts {
			grow(&r.k[i], kv)
			grow(&r.v[i], kv)
		}
	}
	if e.cfg.Loop.Loops > 0 {
		grow(&r.state, e.width)
	}
	if s.drafts {
		r.later.reserve(e, grow)
	}
}

// Span is what a call appends to one row.
type Span struct {
	Row    int
	Tokens []int32
	All    bool // logits after every token, not only after the last

	// Depth is the number of passes that a looped model makes, 0 for as many as it
	// was trained with. Tokens that have made fewer than another that follows them
	// wants make up for it then.
	Depth int
	// Exit ends a token earlier: after the first pass at which the probability
	// of having ended, by the model's gate, is at least Exit. 0: never.
	Exit float64
	// Back asks for the logits after the last Back tokens that the row holds
	// already, too, which come first. They must have made fewer passes than Depth
	// in a looped model.
	Back int
}

// Forward appends the spans to their rows, at most one span for each row, and
// returns the logits of each: V values, or (Back+len(Tokens))·V with All or
// Back. When it returns an error no row has changed.
func (s *Session) Forward(spans ...Span) ([][]float32, error) {
	s.e.mu.RLock()
	defer s.e.mu.RUnlock()
	if s.e.closed {
		return nil, ErrClosed
	}
	if err := s.check(spans); err != nil {
		return nil, err
	}
	vocab := s.e.cfg.VocabSize
	total := 0
	for _, sp := range spans {
		total += sp.outputs()
	}
	if cap(s.logits) < vocab*total {
		s.logits = make([]float32, vocab*total)
	}
	s.outputs = s.outputs[:0]
	for _, sp := range spans {
		for range sp.outputs() {
			at := vocab * len(s.outputs)
			s.outputs = append(s.outputs, output{logits: s.logits[at : at+vocab], depth: s.e.depth(sp), exit: sp.Exit, going: 1})
		}
	}
	results := make([][]float32, len(spans))
	work := make([]run, len(spans))
	at := 0
	for i, sp := range spans {
		n := sp.outputs()
		results[i] = s.logits[at*vocab : (at+n)*vocab : (at+n)*vocab]
		r := s.rows[sp.Row]
		end := r.len + len(sp.Tokens)
		r.reserve(s, end, s.e.depth(sp))
		r.ids = append(r.ids[:r.len], sp.Tokens...)
		work[i] = run{row: r, first: r.len, tokens: sp.Tokens, wanted: end - n, outputs: s.outputs[at : at+n]}
		at += n
	}
	s.compute(work)
	for _, sp := range spans {
		s.rows[sp.Row].len += len(sp.Tokens)
	}
	return results, nil
}

// depth is the number of passes that a span makes at most.
func (e *Engine) depth(sp Span) int {
	if sp.Depth > 0 {
		return sp.Depth
	}
	return e.cfg.Passes()
}

// Passes returns after how many passes each of the logits of the last Forward
// was taken, in its order.
func (s *Session) Passes() []int {
	n := make([]int, len(s.outputs))
	for i, o := range s.outputs {
		n[i] = o.passes
	}
	return n
}

// outputs is the number of tokens whose logits are wanted.
func (sp Span) outputs() int {
	if sp.All || sp.Back > 0 {
		return sp.Back + len(sp.Tokens)
	}
	return 1
}

func (s *Session) check(spans []Span) error {
	var errs []error
	seen := map[int]bool{}
	for _, sp := range spans {
		if !s.IsOpen(sp.Row) {
			errs = append(errs, fmt.Errorf("infer: row %d is not open", sp.Row))
			continue
		}
		if seen[sp.Row] {
			errs = append(errs, fmt.Errorf("infer: two spans for row %d", sp.Row))
		}
		seen[sp.Row] = true
		if len(sp.Tokens) == 0 && sp.Back == 0 {
			errs = append(errs, fmt.Errorf("infer: no tokens for row %d", sp.Row))
		}
		for _, id := range sp.Tokens {
			if id < 0 || int(id) >= s.e.cfg.VocabSize {
				errs = append(errs, fmt.Errorf("infer: token %d for row %d is outside the vocabulary of %d", id, sp.Row, s.e.cfg.VocabSize))
				break
			}
		}
		if n := s.rows[sp.Row].len; n+len(sp.Tokens) > s.e.cfg.Context {
			errs = append(errs, &ContextError{sp.Row, n, len(sp.Tokens), s.e.cfg.Context})
		}
		errs = append(errs, s.checkLoop(sp))
	}
	return errors.Join(errs...)
}

// checkLoop is the part of check that only looped models pass.
func (s *Session) checkLoop(sp Span) error {
	looped, r := s.e.cfg.Loop.Loops > 0, s.rows[sp.Row]
	depth := s.e.depth(sp)
	switch {
	case sp.Depth < 0 || sp.Depth > 0 && !looped:
		return fmt.Errorf("infer: depth %d for row %d: want 1 or more for a looped model, 0 for another", sp.Depth, sp.Row)
	case !(sp.Exit >= 0 && sp.Exit <= 1) || sp.Exit > 0 && s.e.gate == nil:
		return fmt.Errorf("infer: exit at probability %g for row %d: want 0 to 1 and a model with a gate", sp.Exit, sp.Row)
	case sp.Back < 0 || sp.Back > r.len || sp.Back > 0 && sp.Exit > 0:
		return fmt.Errorf("infer: %d tokens back for row %d of %d with exit %g: want as many as there are, and no exit", sp.Back, sp.Row, r.len, sp.Exit)
	case sp.Back > 0 && (len(r.filled) >= depth && r.filled[depth-1] > r.len-sp.Back):
		return fmt.Errorf("infer: the last %d tokens of row %d have made %d passes already", sp.Back, sp.Row, depth)
	}
	return nil
}

// Extend appends tokens to one row and returns the logits [V] after the last.
func (s *Session) Extend(row int, tokens []int32) ([]float32, error) {
	out, err := s.Forward(Span{Row: row, Tokens: tokens})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// Step appends tokens[i] to every row i that is open and returns the logits
// [V] of each; those of closed rows are nil and their tokens are not read.
func (s *Session) Step(tokens []int32) ([][]float32, error) {
	if len(tokens) != len(s.rows) {
		return nil, fmt.Errorf("infer: %d tokens for %d rows", len(tokens), len(s.rows))
	}
	var spans []Span
	for i := range s.rows {
		if s.rows[i].open {
			spans = append(spans, Span{Row: i, Tokens: tokens[i : i+1]})
		}
	}
	out, err := s.Forward(spans...)
	if err != nil {
		return nil, err
	}
	all := make([][]float32, len(s.rows))
	for i, sp := range spans {
		all[sp.Row] = out[i]
	}
	return all, nil
}
