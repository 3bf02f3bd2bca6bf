// Command zoo-transformer trains the transformer of GoMLX's zoo with 8-bit Muon
// for its matrices and AdamW for the rest. Besides optim it imports nothing of
// this workspace: it is what a GoMLX program becomes by following optim's README.
package main
