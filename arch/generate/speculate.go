package generate

import (
	"fmt"
	"slices"

	"github.com/nanochat-go/nanochat/arch/infer"
)

// session makes the rows that the options ask for.
func session(e *infer.Engine, o Options) (*infer.Session, error) {
	c := e.Config()
	switch {
	case (o.Depth > 0 || o.DraftDepth > 0) && c.Loop.Loops == 0:
		return nil, fmt.Errorf("generate: depth %d and drafts of depth %d, but the model is not a looped one", o.Depth, o.DraftDepth)
	case o.Exit > 0 && !c.Loop.Gate:
		return nil, fmt.Errorf("generate: exit at probability %g, but the model has no gate", o.Exit)
	case o.Draft == 0:
		return e.NewSession(0), nil
	case o.DraftDepth > 0:
		depth := c.Passes()
		if o.Depth > 0 {
			depth = o.Depth
		}
		if o.DraftDepth >= depth {
			return nil, fmt.Errorf("generate: drafts of depth %d, want fewer passes than the %d that verify them", o.DraftDepth, depth)
		}
		return e.NewSession(0), nil
	case o.Draft > c.MTP.Heads:
		return nil, fmt.Errorf("generate: %d drafts at a time, but the model has %d heads for later tokens", o.Draft, c.MTP.Heads)
	}
	return e.NewDraftSession(0)
}

// proposal is what was drafted for a row: tokens and the distributions that they
// were drawn from.
type proposal struct {
	most int // that fit
	ids  []int32
	from [][]Candidate
}

// speculate drafts tokens for every row in flight, verifies them in one forward
// pass, and takes those that pass and one more. It says which rows go on.
func (b *batch) speculate() (more []bool, err error) {
	proposals := make([]proposal, len(b.live))
	for i, st := range b.live {
		most := min(b.o.Draft, b.limit-b.s.Len(st.row)-1)
		if b.o.MaxTokens > 0 {
			most = min(most, b.o.MaxTokens-len(b.results[st.prompt].IDs)-1)
		}
		proposals[i].most = most
	}
	propose := b.askHeads
	if b.o.DraftDepth > 0 {
		propose = b.runShallow
	}
	read := make([]int, len(b.live))
	for i, st := range b.live {
		read[i] = b.s.Len(st.row)
	}
	if err := propose(proposals); err != nil {
		return nil, err
	}
	spans := make([]infer.Span, len(b.live))
	for i, st := range b.live {
		tokens := append([]int32{st.last}, proposals[i].ids...)
		there := b.s.Len(st.row) - read[i] // of shallow drafts the model has read all but the last
		spans[i] = infer.Span{Row: st.row, Tokens: tokens[there:], Back: there, All: true, Depth: b.o.Depth}
	}
	logits, err := b.s.Forward(spans...)
	if err != nil {
		return nil, err
	}
	more = make([]bool, len(b.live))
	for i := range b.live {
		if more[i], err = b.verify(&b.live[i], proposals[i], logits[i], read[i]); err != nil {
			return nil, err
		}
	}
	return more, nil
}

// draft adds a token from its logits to a proposal.
func (b *batch) draft(st stream, p *proposal, logits []float32) (int32, error) {
	q, err := b.sampler.Distribution(logits)
	if err != nil {
		return 0, fmt.Errorf("row %d, draft %d: %w", st.prompt, len(p.ids), err)
	}
	step := len(b.results[st.prompt].IDs) + len(p.ids)
	id := pick(q, Uniform(draftSeed(b.o.Seed), st.prompt, step))
	p.ids, p.from = append(p.ids, id), append(p.from, slices.Clone(q))
	return id, nil
}

// askHeads lets the model's heads for later tokens draft.
func (b *batch) askHeads(proposals []proposal) error {
	var rows, at []int
	var next []int32
	heads := 0
	for i, p := range proposals {
		if p.most > 0 {
			rows, next, at = append(rows, b.live[i].row), append(next, b.live[i].last), append(at, i)
			heads = max(heads, p.most)
		}
	}
	if heads == 0 {
		return nil
	}
	return b.s.Draft(rows, next, heads, func(i, head int, logits []float32) (int32, error) {
		p := &proposals[at[i]]
		if head > p.most {
			return 0, nil
		}
		return b.draft(b.live[at[i]], p, logits)
	})
}

// runShallow lets the model draft with fewer passes.
func (b *batch) runShallow(proposals []proposal) error {
	for n := range b.o.Draft {
		var spans []infer.Span
		var at []int
		for i, p := range proposals {
			if n < p.most {
				token := b.live[i].last
				if n > 0 {
					token = p.ids[n-1]
				}
				spans, at = append(spans, infer.Span{Row: b.live[i].row, Tokens: []int32{token}, Depth: b.o.DraftDepth}), append(at, i)
			}
		}
		if len(spans) == 0 {
			return nil
		}
		logits, err := b.s.Forward(spans...)
		if err != nil {
			return err
		}
		for k, i := range at {
			if _, err := b.draft(b.live[i], &proposals[i], logits[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify takes the drafts that the model accepts and one token more, and takes
// the row back to what it has read of them. logits are those after the token
// before the drafts and after each draft; read is how many tokens the row held
// before the former.
func (b *batch) verify(st *stream, drafts proposal, logits []float32, read int) (more bool, err error) {
	res := &b.results[st.prompt]
	res.Steps++
	res.Drafted += len(drafts.ids)
	vocab := len(logits) / (len(drafts.ids) + 1)
	for n := 0; ; n++ {
		read++
		step := len(res.IDs)
		p, err := b.sampler.Distribution(logits[n*vocab : (n+1)*vocab])
		if err != nil {
			return false, fmt.Errorf("row %d, token %d: %w", st.prompt, step, err)
		}
		u := Uniform(b.o.Seed, st.prompt, step)
		if n == len(drafts.ids) {
			more = b.take(st, pick(p, u), read)
			break
		}
		q, id := drafts.from[n], drafts.ids[n]
		if !accept(p, q, id, Uniform(acceptSeed(b.o.Seed), st.prompt, step)) {
			more = b.take(st, pick(residual(p, q), u), read)
			break
		}
		res.Accepted++
		if !b.take(st, id, read) {
			return false, nil
		}
	}
	if !more {
		return false, nil
	}
	return true, b.s.Truncate(st.row, read)
}

// accept says whether a token that was drawn from q counts as drawn from p: with
// probability min(1, p/q) (arXiv:2211.17192, algorithm 1).
func accept(p, q []Candidate, id int32, u float64) bool {
	return u*probability(q, id) < probability(p, id)
}

// residual is what a token is drawn from after one from q was not accepted:
// max(0, p-q), normed.
func residual(p, q []Candidate) []Candidate {
	var rest []Candidate
	sum := 0.0
	for _, c := range p {
		if more := c.Prob - probability(q, c.ID); more > 0 {
			rest = append(rest, Candidate{c.ID, more})
			sum += more
		}
	}
	if sum == 0 { // p is q but for rounding
		return p
	}
	for i := range rest {
		rest[i].Prob /= sum
	}
	return rest
}

// probability of a token among candidates in rising order of ids.
func probability(c []Candidate, id int32) float64 {
	i, found := slices.BinarySearchFunc(c, id, func(c Candidate, id int32) int { return int(c.ID) - int(id) })
	if !found {
		return 0
	}
	return c[i].Prob
}

// The seeds of the random numbers that draw drafts and that accept them.
func draftSeed(seed uint64) uint64  { return mix(mix(seed) + 1) }
func acceptSeed(seed uint64) uint64 { return mix(mix(seed) + 2) }
