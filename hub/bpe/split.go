package bpe

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Split names a pattern by which texts are cut into pieces.
type Split string

// The patterns, see the package comment.
const (
	GPT2   Split = "gpt2"
	CL100K Split = "cl100k"
	Llama3 Split = "llama3"
)

// patterns are the regular expressions as tokenizer.json holds them.
var patterns = map[Split]string{
	GPT2:   `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	CL100K: `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
	Llama3: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
}

// Validate says whether the pattern is one of ours.
func (s Split) Validate() error {
	switch s {
	case GPT2, CL100K, Llama3:
		return nil
	}
	return fmt.Errorf("bpe: split pattern %q, want %q, %q or %q", string(s), GPT2, CL100K, Llama3)
}

// kind is what the patterns ask of a character.
type kind uint8

const (
	other   kind = iota // none of the below: punctuation, marks, symbols, invalid bytes
	letter              // \p{L}
	number              // \p{N}
	space               // \s without line breaks
	newline             // \r and \n
)

// ascii holds the kinds of the first 128 characters.
var ascii = func() (t [128]kind) {
	for c := range t {
		t[c] = classify(rune(c))
	}
	return t
}()

func classify(r rune) kind {
	switch {
	case r == '\r' || r == '\n':
		return newline
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	}
	return other
}

// at returns the kind and the length in bytes of the character at text[i].
func at(text []byte, i int) (kind, int) {
	c := text[i]
	if c < utf8.RuneSelf {
		return ascii[c], 1
	}
	r, n := utf8.DecodeRune(text[i:])
	if r == utf8.RuneError && n == 1 {
		return other, 1
	}
	return classify(r), n
}

// run returns the end of the longest run of kind k that starts at i and has at
// most limit characters.
func run(text []byte, i int, k kind, limit int) int {
	for ; i < len(text) && limit > 0; limit-- {
		c, n := at(text, i)
		if c != k {
			break
		}
		i += n
	}
	return i
}

// next returns the end of the piece that starts at text[i].
func (s Split) next(text []byte, i int) int {
	if s == GPT2 {
		return nextGPT2(text, i)
	}
	return nextModern(text, i)
}

// contraction returns the end of 's, 't, 're, 've, 'm, 'll or 'd at i, or i.
// fold ignores case, with the long s that Unicode folds to s.
func contraction(text []byte, i int, fold bool) int {
	if text[i] != '\'' || i+1 >= len(text) {
		return i
	}
	lower := func(c byte) byte {
		if fold && 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}
	switch lower(text[i+1]) {
	case 's', 't', 'm', 'd':
		return i + 2
	}
	if fold && i+2 < len(text) && text[i+1] == 0xc5 && text[i+2] == 0xbf { // ſ
		return i + 3
	}
	if i+2 < len(text) {
		switch string([]byte{lower(text[i+1]), lower(text[i+2])}) {
		case "re", "ve", "ll":
			return i + 3
		}
	}
	return i
}

func nextGPT2(text []byte, i int) int {
	if end := contraction(text, i, false); end > i {
		return end
	}
	start := i
	if text[i] == ' ' && i+1 < len(text) {
		i++
	}
	if k, _ := at(text, i); k != space && k != newline {
		return run(text, i, k, len(text))
	}
	return whitespace(text, start)
}

// whitespace is \s+(?!\S)|\s+ at i, where a space stands: all of it up to the
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

func nextModern(text []byte, i int) int {
	if end := contraction(text, i, true); end > i {
		return end
	}
	k, n := at(text, i)
	switch k {
	case letter:
		return run(text, i, letter, len(text))
	case number:
		return run(text, i, number, 3)
	case other, space: // [^\r\n\p{L}\p{N}]?\p{L}+
		if end := run(text, i+n, letter, len(text)); end > i+n {
			return end
		}
	}
	if k == other || text[i] == ' ' { // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
		from := i
		if k != other {
			from++
		}
		if end := run(text, from, other, len(text)); end > from {
			return run(text, end, newline, len(text))
		}
	}
	if end := lineBreaks(text, i); end > i {
		return end
	}
	return whitespace(text, i)
}

// lineBreaks is \s*[\r\n]+ at i and also \s*[\r\n]: greedy \s* takes line
// breaks itself, so both end behind the last one of the white space.
func lineBreaks(text []byte, i int) int {
	end := i
	for j := i; j < len(text); {
		k, n := at(text, j)
		if k != space && k != newline {
			break
		}
		j += n
		if k == newline {
			end = j
		}
	}
	return end
}

// Pieces calls yield for each piece of text in order until it returns false.
func (s Split) Pieces(text []byte, yield func(piece []byte) bool) {
	for i := 0; i < len(text); {
		end := s.next(text, i)
		if !yield(text[i:end:end]) {
			return
		}
		i = end
	}
}
