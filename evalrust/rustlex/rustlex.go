package rustlex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what a token is.
type Kind uint8

// The kinds of tokens. Strings of all prefixes (b, c) are Str or RawStr, byte
// and character literals are Char, and every other character is a Punct of its
// own: :: is two tokens.
const (
	Space Kind = iota
	LineComment
	BlockComment
	Ident // also keywords and raw identifiers
	Lifetime
	Char
	Str
	RawStr
	Number
	Punct
	Shebang
	Unknown // a character that begins no token, or an invalid byte
)

var kindNames = [...]string{"space", "line comment", "block comment", "identifier", "lifetime", "character",
	"string", "raw string", "number", "punctuation", "shebang", "unknown"}

// String names the kind.
func (k Kind) String() string { return kindNames[k] }

// Token is a piece of the source.
type Token struct {
	Kind Kind
	Text string
	Pos  int  // byte offset in the source
	Open bool // the source ends inside this token
}

// End is the offset behind the token.
func (t Token) End() int { return t.Pos + len(t.Text) }

// Trivia says whether the compiler drops the token: white space, comments (doc
// comments are counted as such) and a shebang line.
func (t Token) Trivia() bool {
	return t.Kind == Space || t.Kind == LineComment || t.Kind == BlockComment || t.Kind == Shebang
}

// Doc says whether the token is an outer doc comment, /// or /**.
func (t Token) Doc() bool {
	switch t.Kind {
	case LineComment:
		return strings.HasPrefix(t.Text, "///") && !strings.HasPrefix(t.Text, "////")
	case BlockComment:
		return strings.HasPrefix(t.Text, "/**") && !strings.HasPrefix(t.Text, "/***") && len(t.Text) > 4
	}
	return false
}

// Name is the identifier without the r# of a raw one, and "" for other kinds.
func (t Token) Name() string {
	if t.Kind != Ident {
		return ""
	}
	return strings.TrimPrefix(t.Text, "r#")
}

// Is says whether the token is that punctuation character.
func (t Token) Is(c byte) bool { return t.Kind == Punct && t.Text[0] == c }

// Lex returns the tokens of src. Their texts put together are src.
func Lex(src string) []Token {
	tokens := make([]Token, 0, len(src)/4+1)
	l := lexer{src: src}
	if n := shebang(src); n > 0 {
		tokens = append(tokens, Token{Kind: Shebang, Text: src[:n]})
		l.pos = n
	}
	for l.pos < len(src) {
		start := l.pos
		kind, open := l.next()
		tokens = append(tokens, Token{Kind: kind, Text: src[start:l.pos], Pos: start, Open: open})
	}
	return tokens
}

// Code returns the tokens of src that are not trivia.
func Code(src string) []Token {
	all := Lex(src)
	kept := all[:0]
	for _, t := range all {
		if !t.Trivia() {
			kept = append(kept, t)
		}
	}
	return kept
}

// shebang returns the length of the shebang line, 0 if there is none.
func shebang(src string) int {
	rest := strings.TrimPrefix(src, "\ufeff")
	if !strings.HasPrefix(rest, "#!") {
		return 0
	}
	l := lexer{src: rest, pos: 2}
	for l.pos < len(rest) {
		start := l.pos
		kind, _ := l.next()
		t := Token{Kind: kind, Text: rest[start:l.pos]}
		if !t.Trivia() || t.Doc() {
			if t.Is('[') {
				return 0
			}
			break
		}
	}
	line := strings.IndexByte(rest, '\n')
	if line < 0 {
		line = len(rest)
	}
	return len(src) - len(rest) + line
}

type lexer struct {
	src string
	pos int
}

// at returns the byte n places ahead, 0 behind the end.
func (l *lexer) at(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

// rune returns the character at a distance and its length, 0 behind the end.
func (l *lexer) rune(n int) (rune, int) {
	if l.pos+n >= len(l.src) {
		return 0, 0
	}
	if c := l.src[l.pos+n]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(l.src[l.pos+n:])
}

// IsSpace says whether Rust takes r for white space.
func IsSpace(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0x85, 0x200e, 0x200f, 0x2028, 0x2029:
		return true
	}
	return false
}

func identStart(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
	}
	return unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_ID_Start, r)
}

func identContinue(r rune) bool {
	if r < utf8.RuneSelf {
		return identStart(r) || '0' <= r && r <= '9'
	}
	return identStart(r) || unicode.IsDigit(r) || unicode.IsMark(r) ||
		unicode.Is(unicode.Pc, r) || unicode.Is(unicode.Other_ID_Continue, r)
}

func (l *lexer) while(ok func(rune) bool) {
	for {
		r, n := l.rune(0)
		if n == 0 || r == utf8.RuneError && n == 1 || !ok(r) {
			return
		}
		l.pos += n
	}
}

// next moves over one token; the position is not at the end.
func (l *lexer) next() (kind Kind, open bool) {
	r, n := l.rune(0)
	switch {
	case IsSpace(r):
		l.while(IsSpace)
		return Space, false
	case r == '/' && l.at(1) == '/':
		l.lineComment()
		return LineComment, false
	case r == '/' && l.at(1) == '*':
		return BlockComment, l.blockComment()
	case r == '"':
		return Str, l.quoted('"')
	case r == '\'':
		return l.quote()
	case '0' <= r && r <= '9':
		l.number()
		return Number, false
	case r == 'r' || r == 'b' || r == 'c':
		if kind, open, ok := l.prefixed(); ok {
			return kind, open
		}
	}
	if identStart(r) {
		l.while(identContinue)
		return Ident, false
	}
	l.pos += n
	if r < utf8.RuneSelf && strings.IndexByte("~!@#$%^&*-=+|:;,.<>/?()[]{}", byte(r)) >= 0 {
		return Punct, false
	}
	return Unknown, false
}
