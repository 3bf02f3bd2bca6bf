// Package cli is the command line: commands, flags, help texts, and how errors
// and results reach the user.
//
// # Rules
//
// Progress and logs go to standard error, results to standard output: as text
// or, with --json, as one JSON object and nothing else. An error is one
// line with its cause and what to do, exit code 1; a wrong command line exits
// with 2. The first interrupt ends the context that every command gets, so that
// training saves a checkpoint and succeeds; what cannot exits with 130. The
// second ends the process at once.
//
// What the commands do is in the functions of Handlers; this package only
// parses and prints.
package cli
