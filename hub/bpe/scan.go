package bpe

import (
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/hub/bpe/internal/category"
)

// kind is what the named patterns ask of a character.
type kind uint8

const (
	other   kind = iota // none of the below: punctuation, marks, symbols, invalid bytes
	letter              // \p{L}
	number              // \p{N}
	space               // \s without line breaks
	newline             // \r and \n
	wide                // of a byte: part of a longer character
)

// kinds holds the kind of each ASCII character, and wide for other bytes.
var kinds = func() (t [256]kind) {
	for c := range t {
		t[c] = wide
		if c < utf8.RuneSelf {
			t[c] = classify(rune(c))
		}
	}
	return t
}()

var letters, numbers = group("L"), group("N")

func group(name string) category.Set {
	s, _ := category.Named(name)
	return s
}

func classify(r rune) kind {
	c := category.Of(r)
	switch {
	case r == '\r' || r == '\n':
		return newline
	case letters.Has(c):
		return letter
	case numbers.Has(c):
		return number
	case category.Space(r):
		return space
	}
	return other
}

// at returns the kind and the length in bytes of the character at text[i].
func at(text []byte, i int) (k kind, n int) {
	k, n = kinds[text[i]], 1
	if k == wide {
		k, n = atWide(text[i:])
	}
	return
}

func atWide(text []byte) (kind, int) {
	r, n := utf8.DecodeRune(text)
	if n == 1 { // not UTF-8
		return other, 1
	}
	return classify(r), n
}

// run returns the end of the run of kind k that starts at i.
func run(text []byte, i int, k kind) int {
	for i < len(text) {
		c := kinds[text[i]]
		if c == k {
			i++
			continue
		}
		if c != wide {
			return i
		}
		c, n := atWide(text[i:])
		if c != k {
			return i
		}
		i += n
	}
	return i
}

// digits returns the end of at most three numbers from i on.
func digits(text []byte, i int) int {
	for range 3 {
		if i == len(text) {
			break
		}
		k, n := at(text, i)
		if k != number {
			break
		}
		i += n
	}
	return i
}

// contraction returns the end of 's, 't, 're, 've, 'm, 'll or 'd at i, where an
// apostrophe stands, or i. fold ignores case, with the long s that Unicode folds
// to s.
func contraction(text []byte, i int, fold bool) int {
	lower := func(c byte) byte {
		if fold && 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}
	if i+1 == len(text) {
		return i
	}
	first := lower(text[i+1])
	switch first {
	case 's', 't', 'm', 'd':
		return i + 2
	}
	if i+2 == len(text) {
		return i
	}
	if fold && first == 0xc5 && text[i+2] == 0xbf { // ſ
		return i + 3
	}
	switch second := lower(text[i+2]); {
	case second == 'e' && (first == 'r' || first == 'v'), second == 'l' && first == 'l':
		return i + 3
	}
	return i
}

// nextGPT2 returns the end of the piece of the gpt2 pattern at text[i].
func nextGPT2(text []byte, i int) int {
	start := i
	switch text[i] {
	case '\'':
		if end := contraction(text, i, false); end > i {
			return end
		}
	case ' ':
		if i+1 < len(text) {
			i++
		}
	}
	if k, n := at(text, i); k != space && k != newline {
		return run(text, i+n, k)
	}
	return whitespace(text, start)
}

// nextModern returns the end of the piece of the cl100k and llama3 patterns at
// text[i].
func nextModern(text []byte, i int) int {
	k, n := at(text, i)
	switch k {
	case letter:
		return run(text, i+n, letter)
	case number:
		return digits(text, i)
	case newline:
		return blank(text, i)
	}
	if text[i] == '\'' {
		if end := contraction(text, i, true); end > i {
			return end
		}
	}
	// [^\r\n\p{L}\p{N}]?\p{L}+
	if end := run(text, i+n, letter); end > i+n {
		return end
	}
	// ` ?[^\s\p{L}\p{N}]+[\r\n]*`
	if k == other {
		return run(text, run(text, i+n, other), newline)
	}
	if text[i] == ' ' {
		if end := run(text, i+1, other); end > i+1 {
			return run(text, end, newline)
		}
	}
	return blank(text, i)
}

// blank is \s*[\r\n]+|\s+(?!\S)|\s+ at i, where white space stands: up to and
// with the last line break of it, or else as whitespace. With \s*[\r\n] for the
// first it is the same, as \s takes line breaks too.
func blank(text []byte, i int) int {
	start, last, end := i, i, i
	for i < len(text) {
		k, n := at(text, i)
		if k == newline {
			end = i + n
		} else if k != space {
			break
		}
		last = i
		i += n
	}
	switch {
	case end > start:
		return end
	case i == len(text) || last == start:
		return i
	}
	return last
}

// whitespace is \s+(?!\S)|\s+ at i, where white space stands: all of it up to the
// end of the text, else all but its last character, but at least one.
func whitespace(text []byte, i int) int {
	start, last := i, i
	for i < len(text) {
		k, n := at(text, i)
		if k != space && k != newline {
			break
		}
		last = i
		i += n
	}
	if i == len(text) || last == start {
		return i
	}
	return last
}
