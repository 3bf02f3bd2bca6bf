// Command fp4-in-gomlx trains a plain GoMLX model, with GoMLX's optimizer and Trainer,
// whose linears compute in emulated FP4, FP8 or ternary: precision alone, no other
// library of ours. A student of two layers learns a random teacher of its own shape in
// one recipe after the other.
package main
