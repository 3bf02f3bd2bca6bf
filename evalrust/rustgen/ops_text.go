package rustgen

import "strings"

func isVowel(c rune) bool { return strings.ContainsRune("aeiou", c) }

func onRune(f func(c rune) bool) func(x, k, j Value) bool {
	return func(x, _, _ Value) bool { return f(rune(x.I)) }
}

func lower(c int64) bool { return c >= 'a' && c <= 'z' }
func upper(c int64) bool { return c >= 'A' && c <= 'Z' }
func digit(c int64) bool { return c >= '0' && c <= '9' }

var charPreds = []op{
	{frag: "digits", text: "a digit", plur: "digits", code: "$.is_ascii_digit()", on: onChar, test: onRune(func(c rune) bool { return digit(int64(c)) })},
	{frag: "letters", text: "a letter", plur: "letters", code: "$.is_ascii_alphabetic()", on: onChar,
		test: onRune(func(c rune) bool { return lower(int64(c)) || upper(int64(c)) })},
	{frag: "uppercase", text: "an uppercase letter", plur: "uppercase letters", code: "$.is_ascii_uppercase()", on: onChar,
		test: onRune(func(c rune) bool { return upper(int64(c)) })},
	{frag: "lowercase", text: "a lowercase letter", plur: "lowercase letters", code: "$.is_ascii_lowercase()", on: onChar,
		test: onRune(func(c rune) bool { return lower(int64(c)) })},
	{frag: "spaces", text: "whitespace", plur: "whitespace characters", code: "$.is_whitespace()", on: onChar,
		test: onRune(func(c rune) bool { return c == ' ' || c == '\n' || c == '\t' })},
	{frag: "vowels", text: "a vowel", plur: "vowels", code: `"aeiou".contains($)`, on: onChar, test: onRune(isVowel)},
	{frag: "punctuation", text: "punctuation", plur: "punctuation characters", code: "$.is_ascii_punctuation()", on: onChar,
		test: onRune(func(c rune) bool {
			return c > ' ' && c < 127 && !lower(int64(c)) && !upper(int64(c)) && !digit(int64(c))
		})},
	{frag: "equal_#", text: "equal to #", code: "$ == #", neg: "$ != #", on: onChar, consts: letter, arg: "wanted",
		test: func(x, k, _ Value) bool { return x.I == k.I }},
	{frag: "not_#", text: "different from #", code: "$ != #", neg: "$ == #", on: onChar, consts: letter, arg: "skipped",
		test: func(x, k, _ Value) bool { return x.I != k.I }},
	{frag: "after_#", text: "after #", code: "$ > #", neg: "$ <= #", on: onChar, consts: letter, arg: "limit",
		test: func(x, k, _ Value) bool { return x.I > k.I }},
	{frag: "before_#", text: "before #", code: "$ < #", neg: "$ >= #", on: onChar, consts: letter, arg: "limit",
		test: func(x, k, _ Value) bool { return x.I < k.I }},
	{frag: "from_#_to_@", text: "from # to @", code: "(#..=@).contains(&$)", on: onChar, consts: letters,
		test: func(x, k, j Value) bool { return x.I >= k.I && x.I <= j.I }},
	{frag: "either_#_or_@", text: "equal to # or @", code: "$ == # || $ == @", neg: "$ != # && $ != @", on: onChar, consts: letters,
		test: func(x, k, j Value) bool { return x.I == k.I || x.I == j.I }},
	{frag: "letter_#_to_@", text: "in the range # to @", code: "matches!($, #..=@)", on: onChar, consts: letters,
		test: func(x, k, j Value) bool { return x.I >= k.I && x.I <= j.I }},
}

var charMaps = []op{
	{frag: "in_uppercase", text: "in uppercase", code: "$.to_ascii_uppercase()", prec: precAtom, on: onChar,
		apply: func(_ Kind, x, _, _ Value) (Value, bool) { return Int(upperRune(x.I)), true }},
	{frag: "in_lowercase", text: "in lowercase", code: "$.to_ascii_lowercase()", prec: precAtom, on: onChar,
		apply: func(_ Kind, x, _, _ Value) (Value, bool) {
			if upper(x.I) {
				return Int(x.I + 32), true
			}
			return x, true
		}},
	{frag: "with_#_as_@", text: "with # replaced by @", code: "if $ == # { @ } else { $ }", prec: precBit, on: onChar, consts: letters,
		apply: func(_ Kind, x, k, j Value) (Value, bool) {
			if x.I == k.I {
				return j, true
			}
			return x, true
		}},
}

func upperRune(c int64) int64 {
	if lower(c) {
		return c - 32
	}
	return c
}

var wordPreds = []op{
	{frag: "longer_than_#", text: "longer than # bytes", code: "$.len() > #", neg: "$.len() <= #", on: onWord, consts: short, arg: "limit",
		test: func(x, k, _ Value) bool { return int64(len(x.S)) > k.I }},
	{frag: "shorter_than_#", text: "shorter than # bytes", code: "$.len() < #", neg: "$.len() >= #", on: onWord, consts: short, arg: "limit",
		test: func(x, k, _ Value) bool { return int64(len(x.S)) < k.I }},
	{frag: "of_length_#", text: "of # bytes", code: "$.len() == #", neg: "$.len() != #", on: onWord, consts: short, arg: "length",
		test: func(x, k, _ Value) bool { return int64(len(x.S)) == k.I }},
	{frag: "starting_with_#", text: "starting with #", code: "$.starts_with(#)", on: onWord, consts: letter, arg: "initial",
		test: func(x, k, _ Value) bool { return strings.HasPrefix(x.S, string(rune(k.I))) }},
	{frag: "ending_with_#", text: "ending with #", code: "$.ends_with(#)", on: onWord, consts: letter, arg: "ending",
		test: func(x, k, _ Value) bool { return strings.HasSuffix(x.S, string(rune(k.I))) }},
	{frag: "containing_#", text: "containing #", code: "$.contains(#)", on: onWord, consts: letter, arg: "wanted",
		test: func(x, k, _ Value) bool { return strings.ContainsRune(x.S, rune(k.I)) }},
	{frag: "without_#", text: "without #", code: "!$.contains(#)", neg: "$.contains(#)", on: onWord, consts: letter,
		test: func(x, k, _ Value) bool { return !strings.ContainsRune(x.S, rune(k.I)) }},
	{frag: "with_prefix_#", text: "with the prefix #", code: "$.starts_with(#)", on: onWord, consts: syllable, arg: "prefix",
		test: func(x, k, _ Value) bool { return strings.HasPrefix(x.S, k.S) }},
	{frag: "with_suffix_#", text: "with the suffix #", code: "$.ends_with(#)", on: onWord, consts: syllable, arg: "suffix",
		test: func(x, k, _ Value) bool { return strings.HasSuffix(x.S, k.S) }},
	{frag: "with_#", text: "with # inside", code: "$.contains(#)", on: onWord, consts: syllable, arg: "part",
		test: func(x, k, _ Value) bool { return strings.Contains(x.S, k.S) }},
	{frag: "equal_#", text: "equal to #", code: "$ == #", neg: "$ != #", on: onWord, consts: syllable, arg: "wanted",
		test: func(x, k, _ Value) bool { return x.S == k.S }},
}

// wordMaps make numbers or owned strings of words.
var wordMaps = []op{
	{frag: "lengths", text: "counted in bytes", code: "$.len()", prec: precAtom, on: onWord, out: Usize,
		apply: func(_ Kind, x, _, _ Value) (Value, bool) { return Int(int64(len(x.S))), true }},
	{frag: "lengths_times_#", text: "counted in bytes times #", code: "$.len() * #", prec: precMul, on: onWord, out: Usize, consts: short,
		apply: func(_ Kind, x, k, _ Value) (Value, bool) { return Int(int64(len(x.S)) * k.I), true }},
	{frag: "counts_of_#", text: "counted by its #", code: "$.matches(#).count()", prec: precAtom, on: onWord, out: Usize, consts: letter,
		apply: func(_ Kind, x, k, _ Value) (Value, bool) {
			return Int(int64(strings.Count(x.S, string(rune(k.I))))), true
		}},
	{frag: "counts_of_#_and_@", text: "counted by its # and @", code: "$.matches([#, @]).count()", prec: precAtom, on: onWord, out: Usize,
		consts: letters, apply: func(_ Kind, x, k, j Value) (Value, bool) {
			return Int(int64(strings.Count(x.S, string(rune(k.I))) + strings.Count(x.S, string(rune(j.I))))), true
		}},
	{frag: "uppercased", text: "in uppercase", code: "$.to_uppercase()", prec: precAtom, on: onWord, out: String,
		apply: func(_ Kind, x, _, _ Value) (Value, bool) { return Text(strings.ToUpper(x.S)), true }},
	{frag: "lowercased", text: "in lowercase", code: "$.to_lowercase()", prec: precAtom, on: onWord, out: String,
		apply: func(_ Kind, x, _, _ Value) (Value, bool) { return Text(strings.ToLower(x.S)), true }},
	{frag: "reversed", text: "reversed", code: "$.chars().rev().collect::<String>()", prec: precAtom, on: onWord, out: String,
		apply: func(_ Kind, x, _, _ Value) (Value, bool) { return Text(reverse(x.S)), true }},
	{frag: "without_#", text: "with every # removed", code: `$.replace(#, "")`, prec: precAtom, on: onWord, out: String, consts: letter,
		apply: func(_ Kind, x, k, _ Value) (Value, bool) {
			return Text(strings.ReplaceAll(x.S, string(rune(k.I)), "")), true
		}},
	{frag: "repeated_#", text: "repeated # times", code: "$.repeat(#)", prec: precAtom, on: onWord, out: String, consts: short,
		apply: func(_ Kind, x, k, _ Value) (Value, bool) { return Text(strings.Repeat(x.S, int(k.I))), true }},
}

func reverse(s string) string {
	rs := []rune(s)
	for i, j := 0, len(rs)-1; i < j; i, j = i+1, j-1 {
		rs[i], rs[j] = rs[j], rs[i]
	}
	return string(rs)
}
