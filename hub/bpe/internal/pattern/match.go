package pattern

import "unicode/utf8"

// Pattern is a compiled expression. It is immutable.
type Pattern struct {
	expr  string
	start *node
}

// node is a step of the matcher; next is the step behind it.
type node struct {
	op       op
	set      *set // of one and several
	min, max int
	mode     mode
	choice   []*node
	look     *node
	not      bool
	next     *node
}

type op uint8

const (
	accept op = iota
	one
	several
	choose
	look
)

// Compile parses an expression. The error is a *SyntaxError.
func Compile(expr string) (*Pattern, error) {
	parse := parser{expr: expr}
	t := parse.alternatives()
	if parse.more() {
		parse.fail(") without (")
	}
	if t.shortest() == 0 {
		parse.fail("it matches the empty text")
	}
	if parse.err != nil {
		return nil, parse.err
	}
	return &Pattern{expr: expr, start: t.compile(&node{})}, nil
}

// compile returns the steps of t with next behind them.
func (t tree) compile(next *node) *node {
	switch {
	case t.set != nil:
		return &node{op: one, set: t.set, next: next}
	case t.look != nil:
		return &node{op: look, look: t.look.compile(&node{}), not: t.not, next: next}
	case t.choice != nil:
		n := &node{op: choose}
		for _, c := range t.choice {
			n.choice = append(n.choice, c.compile(next))
		}
		return n
	case t.repeat != nil && t.repeat.set != nil:
		return &node{op: several, set: t.repeat.set, min: t.min, max: t.max, mode: t.mode, next: next}
	case t.repeat != nil: // written out: x{1,3} is x(x(x|)|)
		for i := t.max; i > 0; i-- {
			more := t.repeat.compile(next)
			switch {
			case i <= t.min:
				next = more
			case t.mode == lazy:
				next = &node{op: choose, choice: []*node{next, more}}
			default:
				next = &node{op: choose, choice: []*node{more, next}}
			}
		}
		return next
	}
	for i := len(t.sequence) - 1; i >= 0; i-- {
		next = t.sequence[i].compile(next)
	}
	return next
}

// String is the expression.
func (p *Pattern) String() string { return p.expr }

// Match returns the end of the match that starts at text[i], -1 if none does.
func (p *Pattern) Match(text []byte, i int) int { return p.start.match(text, i) }

// Next returns the end of the piece that starts at text[i], i < len(text): of a
// match there, or else of the text up to where the next match starts.
func (p *Pattern) Next(text []byte, i int) int {
	if end := p.Match(text, i); end > i {
		return end
	}
	for i < len(text) {
		_, n := utf8.DecodeRune(text[i:])
		i += n
		if p.Match(text, i) > i {
			break
		}
	}
	return i
}

func (n *node) match(text []byte, i int) int {
	for {
		switch n.op {
		case accept:
			return i
		case one:
			w := n.set.width(text, i)
			if w == 0 {
				return -1
			}
			i += w
		case look:
			if (n.look.match(text, i) >= 0) == n.not {
				return -1
			}
		case choose:
			for _, c := range n.choice {
				if end := c.match(text, i); end >= 0 {
					return end
				}
			}
			return -1
		case several:
			if n.mode != possessive {
				return n.backtrack(text, i)
			}
			end, got := n.run(text, i, n.max)
			if got < n.min {
				return -1
			}
			i = end
		}
		n = n.next
	}
}

// run returns the end of at most limit (-1: any number of) characters of the
// set from i on, and how many they are.
func (n *node) run(text []byte, i, limit int) (end, got int) {
	for got != limit {
		w := n.set.width(text, i)
		if w == 0 {
			break
		}
		i += w
		got++
	}
	return i, got
}

// backtrack tries every length of a run, the preferred first.
func (n *node) backtrack(text []byte, i int) int {
	if n.mode == lazy {
		end, got := n.run(text, i, n.min)
		for got >= n.min {
			if m := n.next.match(text, end); m >= 0 || got == n.max {
				return m
			}
			w := n.set.width(text, end)
			if w == 0 {
				return -1
			}
			end += w
			got++
		}
		return -1
	}
	end, got := n.run(text, i, n.max)
	for ; got >= n.min; got-- {
		if m := n.next.match(text, end); m >= 0 {
			return m
		}
		_, w := utf8.DecodeLastRune(text[i:end])
		end -= w
	}
	return -1
}
