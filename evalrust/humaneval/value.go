package humaneval

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

// canonical is the canonical text of a value that is written as a literal
// expression or as its {:?} form: numbers without underscores and suffixes,
// floats in the shortest form with one zero, strings quoted in one way,
// vectors and arrays alike, maps with sorted entries. Two values of one type
// are equal if and only if their texts are; NaN has no canonical text.
func canonical(text string) (string, error) {
	p := parser{tokens: rustlex.Code(text)}
	v, err := p.value()
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("%q behind the value", p.tokens[p.at].Text)
	}
	if err != nil {
		return "", fmt.Errorf("no literal: %w", err)
	}
	return v, nil
}

// parser reads a value from tokens.
type parser struct {
	tokens []rustlex.Token
	at     int
}

func (p *parser) peek() rustlex.Token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return rustlex.Token{}
}

func (p *parser) accept(texts ...string) bool {
	for i, s := range texts {
		if p.at+i >= len(p.tokens) || p.tokens[p.at+i].Text != s {
			return false
		}
	}
	p.at += len(texts)
	return true
}

func (p *parser) value() (string, error) {
	v, err := p.simple()
	for err == nil {
		switch {
		case p.accept(".", "to_string", "(", ")"), p.accept(".", "to_owned", "(", ")"), p.accept(".", "into", "(", ")"):
		default:
			return v, nil
		}
	}
	return v, err
}

func (p *parser) simple() (string, error) {
	t := p.peek()
	switch {
	case t.Kind == rustlex.Str || t.Kind == rustlex.RawStr:
		p.at++
		s, err := unquote(t)
		return strconv.Quote(s), err
	case t.Kind == rustlex.Char:
		p.at++
		s, err := unescape(strings.Trim(t.Text, "'"))
		return "'" + s + "'", err
	case t.Kind == rustlex.Number || t.Is('-'):
		return p.number()
	case t.Is('['):
		return p.sequence("[", "]")
	case t.Is('{'):
		return p.entries("{", "}", ":")
	case t.Is('('):
		return p.tuple()
	case t.Kind == rustlex.Ident:
		return p.named()
	}
	return "", fmt.Errorf("unexpected %q", t.Text)
}

// named reads a value that begins with a name.
func (p *parser) named() (string, error) {
	switch {
	case p.accept("true"):
		return "true", nil
	case p.accept("false"):
		return "false", nil
	case p.accept("inf"):
		return "inf", nil
	case p.accept("vec", "!"):
		return p.sequence("[", "]")
	case p.accept("Some"):
		if !p.accept("(") {
			return "", fmt.Errorf("unexpected %q behind Some", p.peek().Text)
		}
		v, err := p.value()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("unexpected %q in Some", p.peek().Text)
		}
		return "Some(" + v + ")", err
	case p.accept("None"):
		return "None", p.turbofish()
	case p.accept("String", ":", ":", "from", "("):
		v, err := p.value()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("unexpected %q in String::from", p.peek().Text)
		}
		return v, err
	case p.accept("String", ":", ":", "new", "(", ")"):
		return `""`, nil
	case p.accept("Vec"):
		return "[]", p.constructor()
	case p.accept("HashMap", ":", ":", "from", "("), p.accept("BTreeMap", ":", ":", "from", "("):
		v, err := p.entries("[", "]", "")
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("unexpected %q in from", p.peek().Text)
		}
		return v, err
	case p.accept("HashMap"), p.accept("BTreeMap"):
		return "{}", p.constructor()
	}
	return "", fmt.Errorf("unexpected %q", p.peek().Text)
}

// turbofish passes over ::<…>.
func (p *parser) turbofish() error {
	if !p.accept(":", ":", "<") {
		return nil
	}
	for depth := 1; depth > 0; p.at++ {
		switch t := p.peek(); {
		case t.Is('<'):
			depth++
		case t.Is('>'):
			depth--
		case t.Text == "":
			return fmt.Errorf("an open <")
		}
	}
	return nil
}

// constructor passes over ::<…>::new().
func (p *parser) constructor() error {
	if err := p.turbofish(); err != nil {
		return err
	}
	if !p.accept(":", ":", "new", "(", ")") {
		return fmt.Errorf("unexpected %q behind a type", p.peek().Text)
	}
	return nil
}

func (p *parser) list(open, close string, item func() (string, error)) ([]string, bool, error) {
	if !p.accept(open) {
		return nil, false, fmt.Errorf("want %q, found %q", open, p.peek().Text)
	}
	var items []string
	comma := false
	for !p.accept(close) {
		if len(items) > 0 && !comma {
			return nil, false, fmt.Errorf("want a comma, found %q", p.peek().Text)
		}
		v, err := item()
		if err != nil {
			return nil, false, err
		}
		items = append(items, v)
		comma = p.accept(",")
	}
	return items, comma, nil
}

func (p *parser) sequence(open, close string) (string, error) {
	items, _, err := p.list(open, close, p.value)
	return "[" + strings.Join(items, ", ") + "]", err
}

func (p *parser) tuple() (string, error) {
	items, comma, err := p.list("(", ")", p.value)
	if len(items) == 1 && !comma {
		return items[0], err // parentheses around an expression
	}
	return "(" + strings.Join(items, ", ") + ")", err
}

// entries reads a map: k: v in braces, or pairs in a constructor.
func (p *parser) entries(open, close, between string) (string, error) {
	items, _, err := p.list(open, close, func() (string, error) {
		if between == "" {
			if !p.accept("(") {
				return "", fmt.Errorf("want a pair, found %q", p.peek().Text)
			}
		}
		k, err := p.value()
		if err != nil {
			return "", err
		}
		if between == "" && !p.accept(",") || between != "" && !p.accept(between) {
			return k, nil // a set
		}
		v, err := p.value()
		if err == nil && between == "" && !p.accept(")") {
			err = fmt.Errorf("want ), found %q", p.peek().Text)
		}
		return k + ": " + v, err
	})
	sort.Strings(items)
	return "{" + strings.Join(items, ", ") + "}", err
}

func (p *parser) number() (string, error) {
	sign := ""
	if p.accept("-") {
		sign = "-"
	}
	t := p.peek()
	if sign == "-" && t.Text == "inf" {
		p.at++
		return "-inf", nil
	}
	if t.Kind != rustlex.Number {
		return "", fmt.Errorf("unexpected %q", t.Text)
	}
	p.at++
	text := strings.ReplaceAll(t.Text, "_", "")
	based := len(text) > 2 && text[0] == '0' && strings.ContainsRune("xob", rune(text[1]))
	float := false
	for _, suffix := range []string{"isize", "usize", "i128", "u128", "i64", "u64", "i32", "u32", "i16", "u16", "i8", "u8", "f64", "f32"} {
		if cut, ok := strings.CutSuffix(text, suffix); ok && (suffix[0] != 'f' || !based) {
			text, float = cut, suffix[0] == 'f'
			break
		}
	}
	if float || !based && strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(sign+text, 64)
		if f == 0 {
			f = 0 // without its sign: 0.0 == -0.0
			return "0.0", err
		}
		if math.IsInf(f, 0) {
			return sign + "inf", nil
		}
		return strconv.FormatFloat(f, 'e', -1, 64), err
	}
	if based {
		n, err := strconv.ParseUint(text, 0, 64)
		return sign + strconv.FormatUint(n, 10), err
	}
	text = strings.TrimLeft(text, "0")
	if text == "" {
		return "0", nil
	}
	return sign + text, nil
}

// unquote is the text that a string literal means.
func unquote(t rustlex.Token) (string, error) {
	if t.Open {
		return "", fmt.Errorf("an open string")
	}
	text := t.Text[strings.IndexAny(t.Text, `"r`):]
	if t.Kind == rustlex.RawStr {
		text = strings.Trim(text[1:], "#")
		return text[1 : len(text)-1], nil
	}
	return unescape(text[1 : len(text)-1])
}

// unescape replaces the escapes of string and character literals.
func unescape(s string) (string, error) {
	var b strings.Builder
	for len(s) > 0 {
		if s[0] != '\\' {
			r, n := utf8.DecodeRuneInString(s)
			b.WriteRune(r)
			s = s[n:]
			continue
		}
		if len(s) < 2 {
			return "", fmt.Errorf("an open escape")
		}
		c := s[1]
		s = s[2:]
		if i := strings.IndexByte(`nrt0\'"`, c); i >= 0 {
			b.WriteByte("\n\r\t\x00\\'\""[i])
			continue
		}
		var digits string
		switch {
		case c == 'x' && len(s) >= 2:
			digits, s = s[:2], s[2:]
		case c == 'u' && strings.HasPrefix(s, "{") && strings.Contains(s, "}"):
			end := strings.IndexByte(s, '}')
			digits, s = s[1:end], s[end+1:]
		case c == '\n':
			s = strings.TrimLeft(s, " \t\n\r")
			continue
		default:
			return "", fmt.Errorf("escape \\%c", c)
		}
		n, err := strconv.ParseUint(strings.ReplaceAll(digits, "_", ""), 16, 32)
		if err != nil {
			return "", err
		}
		b.WriteRune(rune(n))
	}
	return b.String(), nil
}
