package bpe

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/hub/bpe/internal/pattern"
)

// Split is the pattern by which texts are cut into pieces: one of the
// constants, or what Regex returns.
type Split string

// The patterns that have a hand-coded splitter, see the package comment.
const (
	GPT2   Split = "gpt2"
	CL100K Split = "cl100k"
	Llama3 Split = "llama3"
)

// named are the patterns in the order of the constants.
var named = []Split{GPT2, CL100K, Llama3}

// patterns are the regular expressions as tokenizer.json holds them.
var patterns = map[Split]string{
	GPT2:   `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	CL100K: `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
	Llama3: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
}

// regexPrefix marks a Split that is an expression.
const regexPrefix = "regex:"

// Regex is the split by a regular expression with the meaning that Hugging Face
// tokenizers gives it: matches are pieces, and so is the text between them. The
// expression of a named split yields that split. Others run in a general matcher
// that is several times slower and takes a subset, see Validate: alternatives,
// groups, (?i:…), lookahead, sets, \s, \d, \p{…} of categories, greedy, lazy and
// possessive quantifiers.
func Regex(expr string) Split {
	for _, s := range named {
		if patterns[s] == expr {
			return s
		}
	}
	return Split(regexPrefix + expr)
}

// Expression is the regular expression of the split, "" for an unknown name.
func (s Split) Expression() string {
	if expr, ok := strings.CutPrefix(string(s), regexPrefix); ok {
		return expr
	}
	return patterns[s]
}

// Validate says whether texts can be split this way, and if not, what of the
// expression is not understood.
func (s Split) Validate() error {
	_, err := s.splitter()
	return err
}

// splitter returns the function that finds the end of the piece which starts at
// text[i], i < len(text).
func (s Split) splitter() (next func(text []byte, i int) int, err error) {
	switch s {
	case GPT2:
		return nextGPT2, nil
	case CL100K, Llama3: // they split alike, see blank
		return nextModern, nil
	}
	expr, ok := strings.CutPrefix(string(s), regexPrefix)
	if !ok {
		return nil, fmt.Errorf("bpe: split pattern %q, want %q, %q, %q or an expression (bpe.Regex)", string(s), GPT2, CL100K, Llama3)
	}
	p, err := pattern.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("bpe: %w", err)
	}
	return p.Next, nil
}

// cut returns the first place at or behind from where text may be cut without
// a change to its pieces, len(text) if there is none: behind a letter and before
// an ASCII character that is none. In the named patterns no piece goes on from a
// letter to another kind of character, and none that ends in a letter looks at
// what follows. Nothing of this kind is known of other expressions.
func (s Split) cut(text []byte, from int) int {
	if patterns[s] == "" {
		return len(text)
	}
	for i := max(from, 1); i < len(text); i++ {
		if k := kinds[text[i]]; k == letter || k == wide {
			continue
		}
		if k := kinds[text[i-1]]; k == letter {
			return i
		} else if k == wide {
			if r, _ := utf8.DecodeLastRune(text[:i]); classify(r) == letter {
				return i
			}
		}
	}
	return len(text)
}

// parts cuts text into parts of about size bytes that split as the whole does.
func (s Split) parts(text []byte, size int, yield func(part []byte)) {
	for len(text) > size+size/2 {
		n := s.cut(text, size)
		yield(text[:n:n])
		text = text[n:]
	}
	if len(text) > 0 {
		yield(text)
	}
}
