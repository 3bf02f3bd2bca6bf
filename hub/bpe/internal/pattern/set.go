package pattern

import (
	"unicode"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/hub/bpe/internal/category"
)

// item is one member of a set: ranges, categories or white space.
type item struct {
	low, high rune
	in        category.Set
	space     bool
	not       bool
}

func (m item) has(r rune) bool {
	var yes bool
	switch {
	case m.space:
		yes = category.Space(r)
	case m.in != 0:
		yes = m.in.Has(category.Of(r))
	default:
		yes = m.low <= r && r <= m.high
	}
	return yes != m.not
}

// set is a set of characters.
type set struct {
	items []item
	not   bool
	ascii [2]uint64 // the answers for the first 128 characters
}

// newSet makes a set; fold adds the other cases of its characters.
func newSet(items []item, not, fold bool) *set {
	s := &set{items: items, not: not}
	if fold {
		for _, m := range items {
			for r := m.low; m.in == 0 && !m.space && r <= m.high; r++ {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					s.items = append(s.items, item{low: f, high: f})
				}
			}
		}
	}
	for r := rune(0); r < utf8.RuneSelf; r++ {
		if s.slow(r) {
			s.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	return s
}

func (s *set) slow(r rune) bool {
	for _, m := range s.items {
		if m.has(r) {
			return !s.not
		}
	}
	return s.not
}

// width returns the length in bytes of the character at text[i] if it is in
// the set, else 0; also at the end of the text.
func (s *set) width(text []byte, i int) int {
	if i >= len(text) {
		return 0
	}
	if c := text[i]; c < utf8.RuneSelf {
		return int(s.ascii[c>>6] >> (c & 63) & 1)
	}
	r, n := utf8.DecodeRune(text[i:])
	if !s.slow(r) {
		return 0
	}
	return n
}
