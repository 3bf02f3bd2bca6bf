// Package pattern matches the regular expressions by which byte-level
// tokenizers split text.
//
// The standard library's expressions have neither lookahead nor possessive
// quantifiers and prefer the leftmost alternative only in part, so this is a
// small backtracking matcher for the subset that split patterns use, with the
// meaning that Oniguruma, the engine of the reference, gives it:
//
//	x|y              alternatives, the first that leads to a match wins
//	(x) (?:x) (?i:x) groups; i folds the case of characters and ranges
//	(?=x) (?!x)      lookahead
//	[a-z\s\p{L}]     sets, [^…] their complements
//	\s \S \d \D      white space, decimal digits (Unicode)
//	\p{L} \P{Lu}     categories and groups of them, Unicode 16.0
//	? * + {n,m}      greedy; lazy with ? behind, possessive with + behind ?, *, +
//
// Everything else is an error that names it: anchors, back references, scripts,
// set operations, \w, a possessive {n,m} (which the engines read differently)
// and unbounded repetition of a group, without which the time to match grows at
// most with the square of a run and in all known patterns linearly.
//
// Text is bytes. A byte that is not part of a UTF-8 sequence counts as one
// character, U+FFFD.
package pattern
