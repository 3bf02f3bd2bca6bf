// Package data turns the configured sources into what training reads: a
// tokenizer and two sets of token shards.
//
// # Method
//
// The sources are read twice, one document at a time. The first pass trains the
// tokenizer on the training documents, up to a limit of bytes. The second
// encodes every document as BOS, its ids, EOS into the training or the
// validation set, chosen by a hash of the text or of its origin. Filters count
// what they remove by reason.
//
// # Layout
//
//	tokenizer.json
//	train-00000.tok …, val-00000.tok …   package shard
//	data.json                            what is in them and how they came about
//
// data.json is written last. A folder that has it is complete, and is used again
// when the key in it, a hash of everything that the content depends on, is the
// one wanted.
package data
