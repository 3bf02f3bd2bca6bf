package extract

import (
	"strings"

	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

// Item is a part of the source at brace depth 0.
type Item struct {
	Kind       string // its keyword: fn, struct, use, macro_rules, …; "" for text that is no item
	Name       string // "" where it has none
	Start, End int    // byte offsets in the code, with doc comments and attributes
	Functions  int    // functions with a body in it, its own included
}

// Unit is the source that was found.
type Unit struct {
	Code      string // what to compile, up to the end of the last complete item
	Cut       string // what followed it
	Items     []Item
	Functions int  // complete functions with a body
	Fenced    bool // the source was a block of a Markdown text
}

// Text returns the text of an item.
func (u Unit) Text(i Item) string { return u.Code[i.Start:i.End] }

// Code extracts the source from a model's text.
func Code(text string) Unit {
	blocks := fences(text)
	if len(blocks) == 0 {
		return unit(text)
	}
	var first *Unit
	for _, b := range blocks {
		u := unit(b)
		u.Fenced = true
		if u.Functions > 0 {
			return u
		}
		if first == nil {
			first = &u
		}
	}
	return *first
}

// unit splits a source and cuts its end.
func unit(source string) Unit {
	items := Items(source)
	end, functions := 0, 0
	for _, i := range items {
		end = i.End
		functions += i.Functions
	}
	u := Unit{Code: source[:end], Cut: source[end:], Items: items, Functions: functions}
	if strings.TrimSpace(u.Cut) == "" {
		u.Code, u.Cut = source, ""
	}
	return u
}

// fences returns the blocks of a Markdown text that may be Rust; none when the
// text is no Markdown.
func fences(text string) []string {
	var blocks []string
	inside := literals(text)
	open, begin, wanted, pos := "", 0, false, 0
	other := false
	for line := range strings.Lines(text) {
		start := pos
		pos += len(line)
		mark, info := fence(line)
		switch {
		case mark == "" || open == "" && inside(start):
		case open == "":
			tag, _, _ := strings.Cut(strings.ToLower(info), ",")
			open, begin = mark, pos
			wanted = tag == "" || tag == "rust" || tag == "rs"
			other = other || !wanted
		case info == "" && strings.HasPrefix(mark, open):
			if wanted {
				blocks = append(blocks, text[begin:start])
			}
			open = ""
		}
	}
	if open != "" && wanted {
		blocks = append(blocks, text[begin:])
	}
	if blocks == nil && other {
		blocks = []string{""} // Markdown whose blocks are in other languages
	}
	return blocks
}

// fence returns the backticks or tildes that a line begins with, three or more,
// and the text behind them.
func fence(line string) (mark, info string) {
	s := strings.TrimLeft(line, " ")
	if len(line)-len(s) > 3 || len(s) < 3 || s[0] != '`' && s[0] != '~' {
		return "", ""
	}
	n := len(s) - len(strings.TrimLeft(s, s[:1]))
	if n < 3 {
		return "", ""
	}
	return s[:n], strings.TrimSpace(s[n:])
}

// literals tells which offsets lie inside a block comment or raw string that is
// closed: there a fence is part of Rust.
func literals(text string) func(int) bool {
	var spans [][2]int
	if strings.Contains(text, "/*") || strings.Contains(text, `r"`) || strings.Contains(text, "r#") {
		for _, t := range rustlex.Lex(text) {
			if !t.Open && (t.Kind == rustlex.BlockComment || t.Kind == rustlex.RawStr) {
				spans = append(spans, [2]int{t.Pos, t.End()})
			}
		}
	}
	return func(at int) bool {
		for _, s := range spans {
			if s[0] < at && at < s[1] {
				return true
			}
		}
		return false
	}
}
