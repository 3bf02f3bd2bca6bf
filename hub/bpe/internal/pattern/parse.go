package pattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/hub/bpe/internal/category"
)

// SyntaxError says what of an expression is not understood, and where.
type SyntaxError struct {
	Expr   string
	Offset int // in bytes
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("split pattern %q at byte %d: %s", e.Expr, e.Offset, e.Reason)
}

// tree is a parsed expression: exactly one of the fields up to look is set, or
// none for the empty expression.
type tree struct {
	set      *set
	sequence []tree
	choice   []tree
	repeat   *tree // with min, max (-1: no limit) and mode
	look     *tree // with not

	min, max int
	mode     mode
	not      bool
}

// maxSize limits what repeated groups may be written out to.
const maxSize = 10_000

type mode uint8

const (
	greedy mode = iota
	lazy
	possessive
)

// shortest is the least number of characters that a match has.
func (t tree) shortest() int {
	n := 0
	switch {
	case t.set != nil:
		return 1
	case t.repeat != nil:
		return t.min * t.repeat.shortest()
	case t.choice != nil:
		n = t.choice[0].shortest()
		for _, c := range t.choice {
			n = min(n, c.shortest())
		}
	}
	for _, c := range t.sequence {
		n += c.shortest()
	}
	return n
}

// size is the number of steps that the tree compiles to.
func (t tree) size() int {
	n := 1
	if t.repeat != nil && t.repeat.set == nil {
		n += t.max * t.repeat.size()
	}
	if t.look != nil {
		n += t.look.size()
	}
	for _, c := range append(t.sequence, t.choice...) {
		n += c.size()
	}
	return n
}

type parser struct {
	expr string
	at   int
	fold bool
	deep int
	err  *SyntaxError // the first; parsing then stands at the end
}

func (p *parser) fail(reason string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{Expr: p.expr, Offset: p.at, Reason: fmt.Sprintf(reason, args...)}
	}
	p.at = len(p.expr)
}

// accept moves past s if it comes next.
func (p *parser) accept(s string) bool {
	if !strings.HasPrefix(p.expr[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) more() bool { return p.at < len(p.expr) }

func (p *parser) char() rune {
	r, n := utf8.DecodeRuneInString(p.expr[p.at:])
	if n == 0 {
		p.fail("it ends too early")
	}
	p.at += n
	return r
}

// alternatives parses up to a closing bracket or the end.
func (p *parser) alternatives() tree {
	if p.deep++; p.deep > 100 {
		p.fail("groups are nested too deeply")
	}
	choice := []tree{p.sequence()}
	for p.accept("|") {
		choice = append(choice, p.sequence())
	}
	p.deep--
	if len(choice) == 1 {
		return choice[0]
	}
	return tree{choice: choice}
}

func (p *parser) sequence() tree {
	var parts []tree
	for p.more() && p.expr[p.at] != '|' && p.expr[p.at] != ')' {
		parts = append(parts, p.quantified())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return tree{sequence: parts}
}

func (p *parser) quantified() tree {
	t := p.atom()
	q := tree{min: 1, max: 1}
	interval := false
	switch {
	case p.accept("?"):
		q.min = 0
	case p.accept("*"):
		q.min, q.max = 0, -1
	case p.accept("+"):
		q.max = -1
	case p.accept("{"):
		q.min, q.max = p.interval()
		interval = true
	default:
		return t
	}
	switch {
	case p.accept("?"):
		q.mode = lazy
		if interval && q.min == q.max {
			p.fail("a ? behind {n} means lazy to some engines and optional to others; write it without")
		}
	case p.accept("+"):
		q.mode = possessive
		if interval {
			p.fail("a + behind {…} means possessive to some engines and repeated to others; write it without")
		}
	}
	if p.more() && strings.ContainsRune("?*+{", rune(p.expr[p.at])) {
		p.fail("a quantifier of a quantifier is not supported")
	}
	if t.set == nil && (q.max < 0 || q.max > 8 || q.mode == possessive) {
		p.fail("unbounded, long or possessive repetition of a group is not supported")
	}
	q.repeat = &t
	if q.size() > maxSize {
		p.fail("repeated groups inside repeated groups make it too large")
	}
	return q
}

func (p *parser) interval() (low, high int) {
	body, _, found := strings.Cut(p.expr[p.at:], "}")
	if !found {
		p.fail("{ without }")
		return 1, 1
	}
	p.at += len(body) + 1
	first, second, two := strings.Cut(body, ",")
	low, err := strconv.Atoi(first)
	high = low
	if two && second == "" {
		high = -1
	} else if two && err == nil {
		high, err = strconv.Atoi(second)
	}
	if err != nil || low < 0 || low > 1000 || high > 1000 || high >= 0 && high < low {
		p.fail("{%s} is not an interval", body)
		return 1, 1
	}
	return low, high
}

func (p *parser) atom() tree {
	switch c := p.char(); c {
	case '(':
		return p.group()
	case '[':
		return tree{set: p.bracket()}
	case '.':
		return tree{set: newSet([]item{{low: '\n', high: '\n'}}, true, false)}
	case '\\':
		return tree{set: newSet([]item{p.escape()}, false, p.fold)}
	case '^', '$', '?', '*', '+', '{', ')':
		p.fail("%q is not supported here", c)
	default:
		return tree{set: newSet([]item{{low: c, high: c}}, false, p.fold)}
	}
	return tree{}
}

// group parses behind "(".
func (p *parser) group() (t tree) {
	fold := p.fold
	switch {
	case p.accept("?:"):
		t = p.alternatives()
	case p.accept("?i:"):
		p.fold = true
		t = p.alternatives()
	case p.accept("?=") || p.accept("?!"):
		not := p.expr[p.at-1] == '!'
		body := p.alternatives()
		t = tree{look: &body, not: not}
	case p.accept("?"):
		p.fail("this kind of group is not supported")
	default:
		t = p.alternatives()
	}
	p.fold = fold
	if !p.accept(")") {
		p.fail("( without )")
	}
	return t
}

// bracket parses behind "[".
func (p *parser) bracket() *set {
	not := p.accept("^")
	var items []item
	for first := true; p.err == nil && !p.accept("]"); first = false {
		low := p.member(first)
		if low.in != 0 || low.space || !strings.HasPrefix(p.expr[p.at:], "-") || strings.HasPrefix(p.expr[p.at:], "-]") {
			items = append(items, low)
			continue
		}
		p.at++
		high := p.member(false)
		if high.in != 0 || high.space || high.low < low.low {
			p.fail("not a range of characters")
			break
		}
		items = append(items, item{low: low.low, high: high.low})
	}
	if p.fold {
		for _, m := range items {
			if not || m.in != 0 || m.space || m.high-m.low > 1000 {
				p.fail("case folding of complements, categories and large ranges is not supported")
			}
		}
	}
	return newSet(items, not, p.fold)
}

func (p *parser) member(first bool) item {
	if p.more() && strings.HasPrefix(p.expr[p.at:], "&&") {
		p.fail("set operations are not supported")
	}
	switch c := p.char(); {
	case c == '\\':
		return p.escape()
	case c == '[' || c == ']' && first:
		p.fail("%q must be escaped inside [ ]", c)
		return item{}
	default:
		return item{low: c, high: c}
	}
}

// escape parses behind "\".
func (p *parser) escape() item {
	one := func(r rune) item { return item{low: r, high: r} }
	switch c := p.char(); c {
	case 'n':
		return one('\n')
	case 'r':
		return one('\r')
	case 't':
		return one('\t')
	case 'f':
		return one('\f')
	case 'v':
		return one('\v')
	case 's', 'S':
		return item{space: true, not: c == 'S'}
	case 'd', 'D':
		return item{in: 1 << category.Nd, not: c == 'D'}
	case 'p', 'P':
		return p.property(c == 'P')
	case 'x', 'u':
		return one(p.hex(c))
	default:
		if c >= utf8.RuneSelf || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			p.fail("\\%c is not supported", c)
		}
		return one(c)
	}
}

func (p *parser) property(not bool) item {
	body, _, found := strings.Cut(p.expr[p.at:], "}")
	if !found || !strings.HasPrefix(body, "{") {
		p.fail("want \\p{…}")
		return item{}
	}
	name := body[1:]
	if strings.HasPrefix(name, "^") {
		name, not = name[1:], !not
	}
	in, ok := category.Named(name)
	if !ok {
		p.fail("property %q is not supported, want a category such as L or Lu", name)
		return item{}
	}
	p.at += len(body) + 1
	return item{in: in, not: not}
}

func (p *parser) hex(kind rune) rune {
	rest := p.expr[p.at:]
	digits := map[rune]int{'x': 2, 'u': 4}[kind]
	if kind == 'x' && strings.HasPrefix(rest, "{") {
		body, _, found := strings.Cut(rest[1:], "}")
		if !found {
			p.fail("{ without }")
			return 0
		}
		p.at += len(body) + 2
		rest, digits = body, len(body)
	} else {
		p.at += min(digits, len(rest))
	}
	if len(rest) < digits {
		p.fail("it ends too early")
		return 0
	}
	v, err := strconv.ParseUint(rest[:digits], 16, 32)
	if err != nil || v > utf8.MaxRune {
		p.fail("%q is not a code point", rest[:digits])
		return 0
	}
	return rune(v)
}
