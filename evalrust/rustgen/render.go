package rustgen

import (
	"strings"
)

// chainWidth is the width up to which rustfmt leaves a method chain on one line; lineWidth bounds any line.
const (
	chainWidth = 60
	lineWidth  = 100
)

// lines collects the statements of a body.
type lines struct {
	b     strings.Builder
	depth int
}

// body starts at one level of indentation.
func newLines() *lines { return &lines{depth: 1} }

func (l *lines) add(parts ...string) *lines {
	for range l.depth {
		l.b.WriteString("    ")
	}
	for _, p := range parts {
		l.b.WriteString(p)
	}
	l.b.WriteByte('\n')
	return l
}

// open writes a line that ends in a brace and indents what follows.
func (l *lines) open(parts ...string) *lines {
	l.add(append(parts, " {")...)
	l.depth++
	return l
}

func (l *lines) close() *lines {
	l.depth--
	return l.add("}")
}

// orElse closes a block and opens its alternative.
func (l *lines) orElse() *lines {
	l.depth--
	l.add("} else {")
	l.depth++
	return l
}

// chain writes prefix, a method chain and suffix as rustfmt does: on one line if the chain is short, else one call per line.
func (l *lines) chain(prefix, expr, suffix string) *lines {
	width := chainWidth
	if strings.HasSuffix(expr, "?") {
		width-- // rustfmt keeps a column free behind a question mark
	}
	if len(expr) <= width && 4*l.depth+len(prefix)+len(expr)+len(suffix) <= lineWidth {
		return l.add(prefix, expr, suffix)
	}
	segs := segments(expr)
	if len(segs) < 2 {
		return l.add(prefix, expr, suffix)
	}
	head, rest := segs[0], segs[1:]
	if len(rest) == 1 && len(rest[0])-strings.IndexByte(rest[0], '(')-2 <= fnCallWidth && 4*l.depth+len(prefix)+len(expr)+len(suffix) <= lineWidth {
		return l.add(prefix, expr, suffix)
	}
	if len(prefix)+len(head) <= 4 && len(rest) > 1 {
		head, rest = head+rest[0], rest[1:]
	}
	l.add(prefix, head)
	l.depth++
	for i, s := range rest {
		if i == len(rest)-1 {
			s += suffix
		}
		l.add(s)
	}
	l.depth--
	return l
}

func (l *lines) String() string { return l.b.String() }

// segments splits a method chain before each dot that is outside brackets.
func segments(expr string) []string {
	var segs []string
	depth, start := 0, 0
	for i := range len(expr) {
		switch expr[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '.':
			if depth == 0 && i > start {
				segs, start = append(segs, expr[start:i]), i
			}
		}
	}
	return append(segs, expr[start:])
}

// tooWide says whether a line exceeds lineWidth, where rustfmt would break it.
func tooWide(body string) bool {
	for line := range strings.Lines(body) {
		if len(line) > lineWidth+1 {
			return true
		}
	}
	return false
}
