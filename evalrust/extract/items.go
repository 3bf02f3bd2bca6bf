package extract

import (
	"strings"

	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

// Items returns the complete items of a source at brace depth 0, in order.
func Items(source string) []Item {
	var p parser
	tokens := rustlex.Lex(source)
	for i, t := range tokens {
		switch {
		case t.Kind == rustlex.Space || t.Kind == rustlex.Shebang:
		case t.Trivia(): // a comment belongs to what follows
			p.begin(t)
		default:
			p.token(t, next(tokens[i+1:]))
		}
	}
	return p.items
}

// next is the first token that is no trivia, the zero token without one.
func next(tokens []rustlex.Token) rustlex.Token {
	for _, t := range tokens {
		if !t.Trivia() {
			return t
		}
	}
	return rustlex.Token{}
}

// state is how much of an item's first words is known.
type state int

const (
	seeking   state = iota // no keyword yet
	tentative              // after const or extern, which begin several items
	naming                 // the next identifier is the name
	known
)

// keywords begin an item; the value says whether it has a name.
var keywords = map[string]bool{
	"fn": true, "struct": true, "enum": true, "union": true, "trait": true, "mod": true, "impl": false,
	"use": false, "static": true, "type": true, "let": true, "macro_rules": true,
}

// semicolons are the items that end at a semicolon only: a brace in them closes
// a list or an expression.
var semicolons = map[string]bool{"use": true, "const": true, "static": true, "type": true, "let": true}

// modifiers may stand before the keyword.
var modifiers = map[string]bool{"pub": true, "unsafe": true, "async": true, "default": true, "safe": true, "auto": true, "crate": true}

type parser struct {
	items []Item
	item  Item
	begun bool // the item has a token or comment

	state     state
	stack     []byte // open delimiters
	attribute bool   // inside #[…] before the item
	previous  rustlex.Token
	awaiting  int // delimiters open where a function's body may begin, plus 1; 0 for no function
}

func (p *parser) begin(t rustlex.Token) {
	if !p.begun {
		p.begun, p.item.Start = true, t.Pos
	}
}

// token takes a token that is no trivia, and the one after it.
func (p *parser) token(t, after rustlex.Token) {
	p.begin(t)
	if len(p.stack) == 0 {
		if p.state == seeking && t.Is('#') {
			p.attribute = true
		}
		if !p.attribute {
			p.head(t)
		}
	}
	p.function(t)
	p.delimiter(t)
	p.previous = t
	switch {
	case len(p.stack) > 0:
	case p.attribute:
		p.attribute = !t.Is(']')
	case t.Is(';'), t.Is('}') && !semicolons[p.item.Kind] && !after.Is('>') && !after.Is(','):
		p.item.End = t.End()
		p.items = append(p.items, p.item)
		*p = parser{items: p.items}
	}
}

// head reads the first words of an item at depth 0.
func (p *parser) head(t rustlex.Token) {
	name := t.Name()
	switch p.state {
	case seeking:
		if _, ok := keywords[name]; ok {
			p.keyword(name)
		} else if name == "const" || name == "extern" {
			p.item.Kind, p.state = name, tentative
		} else if !modifiers[name] && !t.Is('(') { // pub(crate)
			p.state = known // a macro call, or no item
		}
	case tentative:
		switch {
		case name == "crate":
			p.state = naming
		case name == "fn" || name == "trait" || name == "impl":
			p.keyword(name)
		case name != "" && !modifiers[name] && name != "extern":
			p.item.Name, p.state = name, known
		}
	case naming:
		if name != "" {
			p.item.Name, p.state = name, known
		}
	}
}

func (p *parser) keyword(name string) {
	p.item.Kind, p.state = name, known
	if keywords[name] {
		p.state = naming
	}
}

// function counts functions that have a body.
func (p *parser) function(t rustlex.Token) {
	switch {
	case t.Kind == rustlex.Ident && p.previous.Kind == rustlex.Ident && p.previous.Text == "fn":
		p.awaiting = len(p.stack) + 1
	case p.awaiting != len(p.stack)+1:
	case t.Is('{'):
		p.item.Functions++
		p.awaiting = 0
	case t.Is(';'), t.Is('}'):
		p.awaiting = 0
	}
}

var closing = map[byte]byte{')': '(', ']': '[', '}': '{'}

// delimiter keeps the stack of open delimiters. One that closes nothing is
// passed over; one that closes an outer one closes those inside it too.
func (p *parser) delimiter(t rustlex.Token) {
	if t.Kind != rustlex.Punct {
		return
	}
	c := t.Text[0]
	if strings.IndexByte("([{", c) >= 0 {
		p.stack = append(p.stack, c)
		return
	}
	open := closing[c]
	for i := len(p.stack) - 1; i >= 0 && open != 0; i-- {
		if p.stack[i] == open {
			p.stack = p.stack[:i]
			return
		}
	}
}
