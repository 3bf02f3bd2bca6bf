// Package extract gets Rust source out of the text that a model wrote.
//
// # Method
//
//  1. Fences. When a line begins with ``` (at most three spaces before it, and
//     not inside a comment or raw string of what is Rust already), the text is
//     Markdown. Of its blocks that are tagged rust or rs, or not at all, the
//     first that holds a complete function is taken, and the first of them when
//     none does. A block that the text ends in counts.
//  2. Items. The source is read as tokens (package rustlex) and split into the
//     items at brace depth 0, each with the doc comments and attributes before
//     it. An item ends at its closing brace or at its semicolon, whichever its
//     first words ask for: fn, impl, trait, enum, mod, union, extern and macros
//     with braces end at the brace; use, const, static, type and let at the
//     semicolon; struct at either.
//  3. Cut. What follows the last complete item is dropped: a model that is
//     stopped at a number of tokens stops anywhere. Nothing else is changed.
//     Text in the middle that is no item is kept, and fails to compile.
//
// The unit says what was cut and how many functions with a body are complete. A
// sample without one does not count as compiled, whatever the compiler says
// about the empty rest.
//
// # Limits
//
// An unclosed string or comment swallows the text behind it, so it is cut with
// that. The last item of a stopped sample is lost also when only its last
// brace is missing.
package extract
