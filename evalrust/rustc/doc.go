// Package rustc judges whether Rust source compiles, without running it.
//
// # Method
//
// A source is first scanned for constructs that reach outside of it (see
// Refused sources). What passes is written to a private directory and given to
//
//	rustc --edition 2021 --crate-type lib --emit metadata --error-format json
//
// which parses, resolves, type checks and borrow checks, and makes no code. A
// program with fn main is checked the same way: in a library main is a function
// like any other. Warnings do not count unless DenyWarnings is set; lints that
// are denied by default, or by the source, do.
//
// The compiler is started directly, not through the rustup proxy, with an
// environment that holds TMPDIR and nothing of the caller's, in its own process
// group, and under limits:
//
//	limit           default   how
//	wall clock      20 s      the process group is killed
//	processor time  10 s      RLIMIT_CPU
//	memory          3 GiB     RLIMIT_AS
//	file size       64 MiB    RLIMIT_FSIZE
//	open files      256       RLIMIT_NOFILE
//	core            0         RLIMIT_CORE
//	output          1 MiB     the process group is killed
//	source          1 MiB     refused
//
// The resource limits exist on Linux; elsewhere the wall clock, output and
// source limits hold alone. They are set right after the start of the process,
// which the compiler spends loading its libraries.
//
// # Verdicts
//
// Check returns an error for trouble that says nothing about the source: no
// compiler, no disk space, a cancelled context. Everything else is in the
// Verdict: compiled, refused, diagnostics, time-out, out of memory, crash.
//
// Metadata is not the whole truth: errors that appear only when generic code is
// instantiated, and link errors, are not seen.
//
// # Refused sources
//
// The scan works on tokens, so comments and strings do not count and spelling
// tricks (r#, comments or line breaks between the name and its !) do not help:
//
//   - include!, include_str!, include_bytes!, env!, option_env!, asm!,
//     global_asm!, naked_asm!, also under another name given by use;
//   - the attributes path, feature(…) and link…, also inside cfg_attr;
//   - proc_macro;
//   - in a source that defines macros, any mention of the names above, because
//     a macro can put a name and its ! together; and path next to mod.
//
// This is not a sandbox. It keeps a generated program from reading files or the
// environment through the compiler; a flaw in the compiler is not covered.
package rustc
