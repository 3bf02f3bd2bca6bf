// Package rustlex splits Rust source text into tokens without interpreting
// them.
//
// # Method
//
// The text is read left to right; the rules are those of the Rust reference,
// chapter "Lexical structure", for edition 2021. What decides whether other
// packages may trust the result:
//
//   - every byte belongs to exactly one token, so the tokens' texts put together
//     are the input, also for text that is not Rust and for invalid UTF-8;
//   - block comments nest; a raw string ends at a quote with as many # as it
//     began with;
//   - a quote begins a lifetime when an identifier follows that is not itself
//     closed by a quote, and a character literal otherwise;
//   - a first line that begins with #! is a shebang unless the next thing that
//     is neither space nor comment is [;
//   - white space is the set Pattern_White_Space of Unicode, which has the marks
//     U+200E and U+200F in it.
//
// A literal or comment that the text ends in the middle of has Open set and
// reaches to the end.
//
// # Differences from the compiler
//
// A suffix behind a string or character literal ("x"suffix) is a token of its
// own here, so a scan for names sees at least the identifiers that the compiler
// sees. Number literals swallow their suffix and exponent; their value is not
// checked. Identifiers are taken as any run of letters, digits and underscores,
// which accepts a few characters more than XID_Continue.
package rustlex
