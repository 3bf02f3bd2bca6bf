// Package rustgen generates Rust programs that implement small, meaningful tasks, and knows what each of them computes.
//
// # Method
//
// A program is one to three groups of items; a group comes from one family. A family draws a meaning first: which elements are
// looked at (a slice, the characters of a string, a range, …), which of them are kept (a predicate), what is made of each (a map),
// and what becomes of all (a reduction); or, for the families outside of this scheme, the constants and names of a known kind of
// function, struct, enum, trait, parser or state machine. From the meaning follow independently
//
//   - the function's name, signature and doc comment,
//   - its body in one of several idioms: loop, iterator chain, recursion, while with an index, early return, match, expression,
//   - Eval, the same function in Go, with every intermediate result checked against the Rust type's range,
//   - arguments to try it on, near the constants where the answer changes.
//
// Unit tests and doc examples state Eval's answers, so they are right by construction; that they agree with the body is checked
// by running them. Floats in tests are multiples of one half, so that sums and products are exact in both languages.
//
// # Levels
//
//	1  one expression, or a loop over a slice
//	2  predicates, maps and reductions over numbers, characters and words in all idioms; branches, recursion, formatting
//	3  and structs with methods, enums with and without payloads, tuples, options, slices of structs, vectors, tables, text,
//	   small number theory; some programs with unit tests and doc examples
//	4  and traits (required, provided, generic and dynamic callers, those of the standard library), generics with bounds, hash
//	   maps and sets, Result with the ? operator and error enums
//	5  and lifetimes, closures, state machines, parsers, evaluators of trees and instructions, containers, formatters
//
// A level draws mostly from its own families and less from those below.
//
// # Determinism
//
// Program i of a stream is a function of Config and i: its generator is PCG-DXSM seeded from both by SplitMix64, ranges are
// reduced by a 64-bit multiplication, and no map is iterated. Text is laid out as rustfmt would.
//
// # Held-out families
//
// A family is held out when the 64-bit FNV-1a of its name, begun from the usual offset basis plus 9 and finalised by SplitMix64,
// is divisible by 8. Config.HeldOut draws only those, and without it none of them occurs. At every level some of the families that
// begin there are held out.
//
// # Limits
//
// The text needs rustc 1.82 or newer. Names say what a function computes, so they are longer than people's, and a struct's
// numbers all have one type. Eval knows the ranges of 8- and 32-bit integers exactly; of 64-bit ones it takes those below 2^53 and
// calls the rest undefined.
package rustgen
