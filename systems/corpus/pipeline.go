package corpus

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Count is a number of documents and the bytes in them.
type Count struct {
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
}

func (c *Count) add(d *Document) {
	c.Documents++
	c.Bytes += d.Size()
}

// Counts is what one pass kept, and what it removed by reason.
type Counts struct {
	Kept    Count            `json:"kept"`
	Removed map[Reason]Count `json:"removed"`
}

// String lists the counts in one line, reasons in alphabetical order.
func (c Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kept %d (%d bytes)", c.Kept.Documents, c.Kept.Bytes)
	for _, r := range slices.Sorted(maps.Keys(c.Removed)) {
		fmt.Fprintf(&b, ", %s %d (%d bytes)", r, c.Removed[r].Documents, c.Removed[r].Bytes)
	}
	return b.String()
}

// Pipeline is a source behind filters.
type Pipeline struct {
	source  Source
	filters []Filter

	mu     sync.Mutex
	counts Counts
}

// NewPipeline puts filters behind a source, applied in their order. A
// Pipeline is itself a Source; each pass starts its filters and counts anew.
func NewPipeline(source Source, filters ...Filter) *Pipeline {
	return &Pipeline{source: source, filters: filters}
}

// Name returns the source's name.
func (p *Pipeline) Name() string { return p.source.Name() }

// Counts returns what the newest pass has kept and removed so far. It may be
// called while the pass runs.
func (p *Pipeline) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.Removed = maps.Clone(c.Removed)
	return c
}

func (p *Pipeline) record(d *Document, r Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r == "" {
		p.counts.Kept.add(d)
		return
	}
	c := p.counts.Removed[r]
	c.add(d)
	p.counts.Removed[r] = c
}

// Documents yields what the filters keep. When they removed everything, it
// ends with an error that wraps ErrEmpty and lists the reasons.
func (p *Pipeline) Documents(ctx context.Context) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		p.mu.Lock()
		p.counts = Counts{Removed: make(map[Reason]Count)}
		p.mu.Unlock()
		checks := make([]Check, len(p.filters))
		for i, f := range p.filters {
			checks[i] = f.Begin()
		}
		var d Document // one for all: filters see it through a pointer
		for next, err := range p.source.Documents(ctx) {
			if err != nil {
				yield(Document{}, err)
				return
			}
			d = next
			r := judge(checks, &d)
			p.record(&d, r)
			if r == "" && !yield(d, nil) {
				return
			}
		}
		if c := p.Counts(); c.Kept.Documents == 0 {
			yield(Document{}, fmt.Errorf("corpus: the filters left nothing of %s: %s: %w", p.Name(), c, ErrEmpty))
		}
	}
}

func judge(checks []Check, d *Document) Reason {
	switch {
	case d.Oversize > 0:
		return Size
	case d.Null:
		return Null
	}
	for _, check := range checks {
		if r := check(d); r != "" {
			return r
		}
	}
	return ""
}
