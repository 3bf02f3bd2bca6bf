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
	rows    []*row
	scratch []*scratch
	logits  []float32
}

// row is the state of one sequence; nil layers until its first token.
type row struct {
	open bool
	len  int
	k, v [][]float32 // by layer, [capacity, Hkv·d]
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
			r.open, r.len = true, 0
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
		s.rows[row].open, s.rows[row].len = false, 0
	}
}

// Close gives up the session's memory. The session must not be used after.
func (s *Session) Close() { s.rows, s.scratch, s.logits = nil, nil, nil }

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
	s.rows[row].len = length
	return nil
}

// Fork opens a row with the same tokens as the given one.
func (s *Session) Fork(from int) (int, error) {
	if !s.IsOpen(from) {
		return 0, fmt.Errorf("infer: row %d is not open", from)
	}
	to := s.Open()
	src, dst := s.rows[from], s.rows[to]
	kv := s.e.cfg.NumKVHeads * s.e.cfg.HeadDim
	dst.reserve(s.e, src.len)
	for l := range src.k {
		copy(dst.k[l], src.k[l][:src.len*kv])
		copy(dst.v[l], src.v[l][:src.len*kv])
	}
	dst.len = src.len
	return to, nil
}

// reserve makes room for n tokens: at least twice as many as before, at most
// the context.
func (r *row) reserve(e *Engine, n int) {
	kv := e.cfg.NumKVHeads * e.cfg.HeadDim
	if r.k == nil {
		r.k, r.v = make([][]float32, len(e.layers)), make([][]float32, len(e.layers))
	}
	if n*kv <= len(r.k[0]) {
		return
	}
	capacity := min(max(n, 2*len(r.k[0])/kv, 32), e.cfg.Context)
	for l := range r.k {
		for _, cache := range []*[]float32{&r.k[l], &r.v[l]} {
			grown := make([]float32, capacity*kv)
			copy(grown, (*cache)[:r.len*kv])
			*cache = grown
		}
	}
}

// Span is what a call appends to one row.
type Span struct {
	Row    int
	Tokens []int32
	All    bool // logits after every token, not only after the last
}

// Forward appends the spans to their rows, at most one span for each row, and
// returns the logits of each: V values, or len(Tokens)·V with All. When it
// returns an error no row has changed.
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
		total += vocab * sp.outputs()
	}
	if cap(s.logits) < total {
		s.logits = make([]float32, total)
	}
	results := make([][]float32, len(spans))
	work := make([]run, len(spans))
	at := 0
	for i, sp := range spans {
		n := vocab * sp.outputs()
		results[i] = s.logits[at : at+n : at+n]
		at += n
		r := s.rows[sp.Row]
		r.reserve(s.e, r.len+len(sp.Tokens))
		work[i] = run{row: r, pos: r.len, tokens: sp.Tokens, all: sp.All, logits: results[i]}
	}
	s.compute(work)
	for _, sp := range spans {
		s.rows[sp.Row].len += len(sp.Tokens)
	}
	return results, nil
}

// outputs is the number of tokens whose logits are wanted.
func (sp Span) outputs() int {
	if sp.All {
		return len(sp.Tokens)
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
		if len(sp.Tokens) == 0 {
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
	}
	return errors.Join(errs...)
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
