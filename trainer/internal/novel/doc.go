// Package novel tells samples that a model made up from those that it learned
// by heart.
//
// # Method
//
// A sample is cut into the items at brace depth 0 that hold a function: free
// functions, impl blocks, traits, modules. Each item is reduced to its tokens
// without comments and white space, and hashed. The training text is read once
// and its items are reduced in the same way. A sample is new when none of its
// items occurs there, so neither another comment nor another layout nor another
// combination of known functions makes a sample new. Another name does.
//
// Memory holds the samples' hashes only; the training text streams by.
package novel
