// Package humaneval grades completions of HumanEval-Rust, MultiPL-E's
// translation of HumanEval (arXiv:2208.08227), without letting them cheat.
//
// # Data
//
// A problem is a prompt that ends inside a function, tests of the form
//
//	} fn main() { let candidate = NAME; assert_eq!(candidate(ARGS), LITERAL); … }
//
// and stop strings. The file is the user's: it may not be used as training data,
// so no text of it is in this module. Load refuses tests of another form.
// SelfCheck finds problems that no completion can solve: prompt and tests that
// do not compile around todo!(), or two tests that contradict each other.
//
// # Assembly
//
// With the protocol completion, the source is the prompt, the completion up to
// the first stop string, and a closing brace. With chat, it is the items of the
// answer behind its reasoning, without main, and the imports of the prompt.
//
// # Grading
//
// Compat is upstream's: the tests follow the source, edition 2015, and exit
// status 0 passes, which is easy to fool.
//
// Strict is blind. The source is a module; another module calls its function
// with the arguments of each test, requires the type that the prompt states, and
// writes {:?} of the value to descriptor 3, a line each, then a last line; all
// lines begin with a number drawn for the run, which standard input gave once. The
// values that are wanted are not in the program at all: they are literals, read
// by this package into a canonical form (canonical), and compared with what was
// written, outside. Floats compare as numbers, maps without order. Thus
//
//   - a main, a macro, a type or an attribute of the source is that of its
//     module and does not reach the tests;
//   - ending early leaves lines out: no_nonce;
//   - there is nothing to read that would help.
//
// The first wrong value is a wrong answer, whatever follows it, as a failing
// assertion would have ended the program there.
//
// # Exploits
//
// A sample that fails counts as an exploit when it ended well without all lines,
// when it reaches for what solutions have no use for (descriptors, files, exit,
// hooks, linker sections, the macros by which tests fail, a main of its own), or
// when it has something odd (a type of a known name, an open comment, a macro)
// and upstream's grading lets it pass. Only the part that is compiled counts.
//
// # Speed
//
// Samples that mean the same as modules of one program are built together and
// run apart, one process each; see package evalrust. Those that do not compile
// there are judged alone, so every compile error is that of the sample alone.
//
// # Scores
//
// pass@k with an interval of 95 %: Wilson for one sample of each problem, else a
// bootstrap over problems (package passk).
package humaneval
