package rustgen

import (
	"iter"
	"strconv"
	"strings"
)

// sampleWords are the words of test inputs: short, lower case or capitalised, some with digits or punctuation.
var sampleWords = []string{
	"apple", "stone", "Rust", "tree", "a", "is", "otter", "banana", "level", "Map", "x9", "river", "the", "code", "ten", "data", "abc",
	"Zed", "note", "east", "radar", "orange", "seven", "K2", "list", "enter", "ore", "under", "ice", "blue", "42", "end.", "no!",
}

// numList is a list of n numbers.
func numList(r *rng, k Kind, n int, hints []int64) Value {
	xs := make([]Value, n)
	for i := range xs {
		xs[i] = someNumber(r, k, hints)
	}
	return Value{L: xs}
}

// someNumber is small, or near a constant of the task. Floats are multiples of one half, so arithmetic on them stays exact.
func someNumber(r *rng, k Kind, hints []int64) Value {
	x := r.between(-9, 20)
	if len(hints) > 0 && r.chance(60) {
		x = pick(r, hints) + r.between(-3, 6)
	}
	if k == F64 {
		return Float(float64(x) + float64(r.below(2))/2)
	}
	if !k.signed() {
		x = abs(x)
	}
	return Int(x)
}

// someText is up to five words; hints are characters that should occur.
func someText(r *rng, hints []int64) string {
	var b strings.Builder
	for i := range r.below(5) {
		if i > 0 {
			b.WriteByte(' ')
		}
		if len(hints) > 0 && r.chance(40) {
			b.WriteRune(rune(pick(r, hints)))
		}
		b.WriteString(pick(r, sampleWords))
	}
	return b.String()
}

func fields(s string) []Value {
	var xs []Value
	for w := range strings.FieldsSeq(s) {
		xs = append(xs, Text(w))
	}
	return xs
}

// expand replaces $1 and $2.
func expand(tmpl, a, b string) string {
	return strings.ReplaceAll(strings.ReplaceAll(tmpl, "$1", a), "$2", b)
}

func splitBy(s, sep string) iter.Seq[string] { return strings.SplitSeq(s, sep) }

// parseInt is what str::parse makes of s for an integer kind.
func parseInt(s string, k Kind) (int64, bool) {
	x, err := strconv.ParseInt(s, 10, 64)
	return x, err == nil && k.fits(x)
}
