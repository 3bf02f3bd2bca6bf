// Package evalrust judges Rust programs that nobody has read: it compiles and
// runs them in a sandbox and says how they end.
//
// # Method
//
// The compiler is a program of the sandbox like the one that it makes, because
// a source can read files (include_str!, .incbin), loop (constants, macros) and
// exhaust memory while it compiles. A Verifier keeps a worker for each
// processor (package sandbox); a job gets an empty directory in one, where
//
//	rustc --crate-type lib --emit=metadata …                                      checks
//	rustc --crate-type bin -C codegen-units=1 -C strip=symbols -C prefer-dynamic  builds
//
// with edition 2021, overflow checks, and an environment of TMPDIR and PATH. The
// program then runs in a fresh scratch directory, with its own directory
// read-only.
//
// # Verdicts
//
// Check returns an error only for trouble that says nothing about the source,
// after the job has been tried three times. The Verdict has a class and a finer
// status:
//
//	class           statuses
//	pass            ok
//	compile_error   parse_error, type_error (also names, constants, features), borrow_error (also lifetimes), lint_error, link_error,
//	                compiler_crash
//	wrong_answer    assert_failed
//	panic           panic (also other exit statuses)
//	signal          signal
//	timeout         compile_timeout, run_timeout
//	memory          compile_resource, run_resource
//	output_limit    output_limit
//	sandbox_denied  run_resource (processes, files, disk), panic (over a refused call)
//	rejected        extraction_failed
//	exploit_blocked no_nonce, and what else a program ended with that tried to fool a grader
//	infra_error     infra_error
//
// # Limits
//
//	limit          compiler          program
//	time           20 s              5 s
//	processor      15 s a process    5 s a process
//	memory         3 GiB together    512 MiB together
//	file size      64 MiB            1 MiB
//	scratch        256 MiB           16 MiB
//	processes      64                32
//	output         1 MiB             64 KiB a stream
//
// Time counts while a program runs or sleeps, not while it waits for a
// processor, so verdicts do not depend on what else the machine does; by the
// wall clock a program may take eight times its limit. Time limits are scaled by
// the processor time of a fixed compilation at the start, from 1 to 8. A program
// that ran out of time without using a processor is run again alone.
//
// # Many sources
//
// CheckAll checks sources as modules of one crate, which spreads the start of
// the compiler: 48 at a time, those with errors taken out until the rest
// compiles, and judged alone. A source that may depend on the crate around it,
// or change it (attributes for the crate, crate::, exports, macros that read
// files), is always alone: see Modular.
//
// Verdicts are cached by the content of everything that they depend on (package
// cache).
package evalrust
