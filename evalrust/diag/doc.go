// Package diag reads the compiler's messages.
//
// # Input
//
// rustc --error-format=json writes one JSON object a line to standard error;
// between them may stand lines that are no JSON (a crash, a linker). Parse takes
// all of it, cut off anywhere.
//
// # What is counted
//
//   - A message counts once, at its level: error, warning, note, help,
//     failure-note. "internal compiler error" is an error.
//   - The summaries "aborting due to N previous errors" and "N warnings
//     emitted" are errors and warnings in form only and are not counted.
//   - The place of a message is its primary span; the first one where it has
//     several.
//   - Explanations of codes are dropped: they repeat a page of text for every
//     error.
//
// The number of errors is no measure of a program: borrow checking does not run
// when type checking fails. Use the first error, or the set of codes.
//
// # Keys and classes
//
// Key names a message in a histogram: its code (E0308, or a lint's name), or a
// class where the compiler gives none. Class sorts messages by what went wrong:
//
//	syntax     no code, and none of the cases below
//	resolve    a name, import or macro that does not exist
//	type       types do not fit
//	lifetime   lifetimes that are missing or do not hold
//	borrow     the borrow checker
//	const      evaluation at compile time failed
//	feature    needs an unstable feature
//	lint       a lint at level deny or forbid
//	duplicate  two items of one name
//	other      any other code
package diag
