package rustlex

import "strings"

// lineComment moves to the end of the line, which is not part of the comment.
func (l *lexer) lineComment() {
	if n := strings.IndexByte(l.src[l.pos:], '\n'); n >= 0 {
		l.pos += n
	} else {
		l.pos = len(l.src)
	}
}

// blockComment moves over a comment with those inside it; open when the text
// ends first.
func (l *lexer) blockComment() (open bool) {
	depth := 0
	for l.pos < len(l.src) {
		switch {
		case l.at(0) == '/' && l.at(1) == '*':
			depth++
			l.pos += 2
		case l.at(0) == '*' && l.at(1) == '/':
			depth--
			l.pos += 2
			if depth == 0 {
				return false
			}
		default:
			l.pos++
		}
	}
	return true
}

// quoted moves over a literal that ends at an unescaped quote; the position is
// at the opening one.
func (l *lexer) quoted(quote byte) (open bool) {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case '\\':
			l.pos++
		case quote:
			l.pos++
			return false
		}
	}
	l.pos = len(l.src) // an escape at the very end steps over it
	return true
}

// raw moves over a raw string whose r is skip bytes ahead; ok is false, and
// nothing is moved, when none begins there.
func (l *lexer) raw(skip int) (open, ok bool) {
	hashes := 0
	for l.at(skip+1+hashes) == '#' {
		hashes++
	}
	begin := skip + 1 + hashes
	if l.at(begin) != '"' {
		return false, false
	}
	l.pos += begin + 1
	end := strings.Index(l.src[l.pos:], `"`+strings.Repeat("#", hashes))
	if end < 0 {
		l.pos = len(l.src)
		return true, true
	}
	l.pos += end + 1 + hashes
	return false, true
}

// prefixed moves over a literal or raw identifier that begins with r, b or c.
func (l *lexer) prefixed() (kind Kind, open, ok bool) {
	c, next := l.at(0), l.at(1)
	switch {
	case c == 'r' && next == '#':
		if r, _ := l.rune(2); identStart(r) {
			l.pos += 2
			l.while(identContinue)
			return Ident, false, true
		}
		open, ok = l.raw(0)
		return RawStr, open, ok
	case c == 'r' && next == '"':
		open, ok = l.raw(0)
		return RawStr, open, ok
	case c == 'b' && next == '\'':
		l.pos++
		return Char, l.char(), true
	case c != 'r' && next == '"':
		l.pos++
		return Str, l.quoted('"'), true
	case c != 'r' && next == 'r' && (l.at(2) == '"' || l.at(2) == '#'):
		open, ok = l.raw(1)
		return RawStr, open, ok
	}
	return 0, false, false
}

// quote moves over a character literal or a lifetime.
func (l *lexer) quote() (kind Kind, open bool) {
	first, n := l.rune(1)
	if !identContinue(first) || l.at(1+n) == '\'' {
		return Char, l.char()
	}
	l.pos++
	if l.at(0) == 'r' && l.at(1) == '#' {
		if r, _ := l.rune(2); identStart(r) {
			l.pos += 2
		}
	}
	l.while(identContinue)
	if l.at(0) == '\'' { // 'ab': an error, but a character literal to the compiler
		l.pos++
		return Char, false
	}
	return Lifetime, false
}

// char moves over a character literal; the position is at its quote. One that
// is never closed ends before a line break or a slash, so that what follows is
// still seen; only the end of the text leaves it open.
func (l *lexer) char() (open bool) {
	if r, n := l.rune(1); n > 0 && r != '\\' && l.at(1+n) == '\'' {
		l.pos += n + 2
		return false
	}
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\'':
			l.pos++
			return false
		case c == '/', c == '\n' && l.at(1) != '\'':
			return false
		case c == '\\':
			l.pos++
		}
	}
	l.pos = len(l.src)
	return true
}

// number moves over digits, a fraction, an exponent with its sign, and a
// suffix. A dot belongs to the number unless it begins a range, a method call
// or a field.
func (l *lexer) number() {
	radix := l.at(0) == '0' && strings.IndexByte("xob", l.at(1)) >= 0 && l.at(1) != 0
	l.digits(radix)
	if radix || l.at(0) != '.' {
		return
	}
	if r, _ := l.rune(1); l.at(1) == '.' || identStart(r) {
		return
	}
	l.pos++
	if c := l.at(0); '0' <= c && c <= '9' {
		l.digits(false)
	}
}

func (l *lexer) digits(radix bool) {
	for {
		from := l.pos
		l.while(identContinue)
		text := l.src[from:l.pos]
		sign := l.at(0) == '+' || l.at(0) == '-'
		digit := '0' <= l.at(1) && l.at(1) <= '9'
		if radix || !sign || !digit || text == "" || text[len(text)-1]|0x20 != 'e' {
			return
		}
		l.pos++
	}
}
