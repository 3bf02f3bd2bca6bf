package infer

import (
	"fmt"

	"github.com/nanochat-go/nanochat/arch/lm"
)

// laterHead predicts a token after the next, see package mtp.
type laterHead struct {
	layer
	// Of a sequential head: what it reads of the head before and of a token.
	hNorm, eNorm []float32
	proj         linear // [C, 2C]
}

func (h *laterHead) bytes() int64 {
	n := h.layer.bytes() + 4*int64(len(h.hNorm)+len(h.eNorm))
	if h.proj != nil {
		n += h.proj.bytes()
	}
	return n
}

// later is what a row keeps for the heads.
type later struct {
	trunk  []float32   // [capacity, C], what the first reads of each token
	states [][]float32 // by sequential head [capacity, C], what the next one reads
	filled []int       // by head, tokens whose keys and values stay
}

func (l *later) reserve(e *Engine, grow func(have *[]float32, width int)) {
	if l.filled == nil {
		l.filled = make([]int, len(e.heads))
		l.states = make([][]float32, len(e.heads))
	}
	grow(&l.trunk, e.cfg.Dim)
	if e.cfg.MTP.Kind == lm.Sequential {
		for i := range l.states {
			grow(&l.states[i], e.cfg.Dim)
		}
	}
}

func (l *later) copy(from later) {
	copy(l.trunk, from.trunk)
	copy(l.filled, from.filled)
	for i := range from.states {
		copy(l.states[i], from.states[i])
	}
}

// keepTrunk stores the stream of the items in rows that draft.
func (e *Engine) keepTrunk(sc *scratch, items []item) {
	dim := e.cfg.Dim
	for i, it := range items {
		if trunk := it.row.later.trunk; trunk != nil {
			closeStreams(trunk[it.pos*dim:(it.pos+1)*dim], sc.h[i*e.width:(i+1)*e.width])
		}
	}
}

// NewDraftSession is NewSession for rows that draft: it needs a model with heads
// for later tokens, and 4·C bytes for each token and head besides their keys.
func (e *Engine) NewDraftSession(rows int) (*Session, error) {
	if len(e.heads) == 0 {
		return nil, fmt.Errorf("infer: the model has no heads for later tokens that could draft")
	}
	s := &Session{e: e, drafts: true}
	for range rows {
		s.Open()
	}
	return s, nil
}

// Draft lets the model's first heads propose the tokens that come after those of
// rows and the one that follows each, which is not part of its row: head k is
// asked for the token k places after that one. choose picks it from the logits
// [V] for row rows[i]; sequential heads read what it has picked. Drafts become
// part of no row.
func (s *Session) Draft(rows []int, next []int32, heads int, choose func(i, head int, logits []float32) (int32, error)) error {
	s.e.mu.RLock()
	defer s.e.mu.RUnlock()
	if s.e.closed {
		return ErrClosed
	}
	if err := s.checkDraft(rows, next, heads); err != nil {
		return err
	}
	follow := make([][]int32, len(rows))
	for i, token := range next {
		follow[i] = []int32{token}
	}
	vocab := s.e.cfg.VocabSize
	if cap(s.logits) < vocab*len(rows) {
		s.logits = make([]float32, vocab*len(rows))
	}
	for k := range heads {
		s.outputs = s.outputs[:0]
		work := make([]run, len(rows))
		for i := range rows {
			s.outputs = append(s.outputs, output{logits: s.logits[i*vocab : (i+1)*vocab]})
		}
		parts := make([]part, len(rows))
		for i, number := range rows {
			r := s.rows[number]
			work[i] = run{row: r, wanted: r.len - 1, outputs: s.outputs[i : i+1], ahead: func(pos int) int32 {
				at := pos + k + 1
				if at < r.len {
					return r.ids[at]
				}
				return follow[i][at-r.len]
			}}
			parts[i] = part{&work[i], min(r.later.filled[k], r.len-1), r.len}
			r.later.filled[k] = r.len
			if s.e.cfg.MTP.Kind == lm.Sequential { // the last read what is not part of the row yet
				r.later.filled[k] = max(0, r.len-k-1)
			}
		}
		s.computePass(parts, func(p *pool, sc *scratch, items []item) { s.e.headPass(p, sc, items, k) })
		for i := range rows {
			token, err := choose(i, k+1, s.outputs[i].logits)
			if err != nil {
				return err
			}
			if token < 0 || int(token) >= vocab {
				return fmt.Errorf("infer: draft %d for row %d is outside the vocabulary of %d", token, rows[i], vocab)
			}
			follow[i] = append(follow[i], token)
		}
	}
	return nil
}

func (s *Session) checkDraft(rows []int, next []int32, heads int) error {
	if !s.drafts || heads < 1 || heads > len(s.e.heads) {
		return fmt.Errorf("infer: drafts of %d heads, want 1 to %d in a session that NewDraftSession has made", heads, len(s.e.heads))
	}
	if len(rows) != len(next) {
		return fmt.Errorf("infer: %d tokens for %d rows", len(next), len(rows))
	}
	seen := map[int]bool{}
	for i, number := range rows {
		if s.Len(number) == 0 || seen[number] {
			return fmt.Errorf("infer: row %d has no tokens or stands twice", number)
		}
		seen[number] = true
		if next[i] < 0 || int(next[i]) >= s.e.cfg.VocabSize {
			return fmt.Errorf("infer: token %d for row %d is outside the vocabulary of %d", next[i], number, s.e.cfg.VocabSize)
		}
	}
	return nil
}

// headPass computes the items through a head.
func (e *Engine) headPass(p *pool, sc *scratch, items []item, k int) {
	h, dim := &e.heads[k], e.cfg.Dim
	if h.proj != nil {
		sc.pair.resize(len(items))
	}
	for i, it := range items {
		from := it.row.later.trunk
		if h.proj != nil && k > 0 {
			from = it.row.later.states[k-1]
		}
		x := from[it.pos*dim : (it.pos+1)*dim]
		if h.proj == nil {
			copy(sc.h[i*dim:], x)
			continue
		}
		pair := sc.pair.row(i)
		rmsNorm(pair[:dim], x, h.hNorm, e.cfg.NormEps)
		embedded := pair[dim:]
		e.lookUp(embedded, it.ahead)
		rmsNorm(embedded, embedded, h.eNorm, e.cfg.NormEps)
		sc.pair.done(i)
	}
	if h.proj != nil {
		e.products(p, sc.pair, len(items), product{h.proj, sc.h})
	}
	e.attention(p, sc, items, &h.layer, k)
	e.mlp(p, sc, len(items), &h.layer)
	if h.proj != nil {
		for i, it := range items {
			copy(it.row.later.states[k][it.pos*dim:(it.pos+1)*dim], sc.h[i*dim:(i+1)*dim])
		}
	}
	e.unembed(p, sc, items, 1)
}
