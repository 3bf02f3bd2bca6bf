// Package golden reads reference vectors for the tests of this module: a
// manifest of cases with hyper-parameters and tolerances, and a safetensors
// file with the arrays.
//
// It is the reader of the precision module's package golden. This module
// imports no sibling, so that a program can use it with nothing else of the
// workspace at hand, and therefore keeps its own.
package golden
