// Package ref holds the optimizers in float64 loops, written line by line from
// the papers. Nothing here is fast; the tests compare the graphs with it.
package ref
