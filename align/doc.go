// Package align holds what turns completions of a language model into a
// training signal: the Reward interface and groups of scored completions.
// Package advantage turns the rewards of a group into coefficients.
//
// # Method
//
// Group-relative methods draw several completions of one prompt, score each,
// and compare them with one another instead of with a learned value function
// (arXiv:2402.03300). Two rules come before any arithmetic:
//
//   - A completion that could not be scored leaves its group. It is never
//     scored 0: the failure of a sandbox says nothing about a program.
//   - A group in which all rewards are equal carries no signal.
//
// # Seams
//
// Reward is declared here and satisfied elsewhere, by a verifier that compiles
// Rust for example. Its methods use types of the standard library only, so that
// neither side imports the other.
package align
