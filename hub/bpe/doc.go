// Package bpe is byte-level byte-pair encoding: training, encoding, decoding
// and the tokenizer.json file that Hugging Face tokenizers reads.
//
// # Method
//
// A text is split into pieces by one of three published patterns, each written
// here as a hand-coded splitter; a piece never meets another one again. Within
// a piece, starting from its bytes, the adjacent pair with the lowest rank is
// replaced by its merge until no pair has one (arXiv:1508.07909 on bytes):
//
//	gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//	cl100k  '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+
//	llama3  the same with \s*[\r\n]+
//
// Training counts the distinct pieces and repeats: take the pair with the
// highest count, the smaller pair of ids among equals, and merge it everywhere.
// Counts are updated in place through the list of pieces that hold the pair, so
// that the cost is that of the merges made and not of the text.
//
// # Ids
//
// Bytes come first, in the order of the characters that byte-level tokenizers
// write them as (the printable bytes, then the others), then the merges in
// the order of training, then special tokens. ByteOrder ties count single bytes
// by value instead; the two rules differ from about the thirtieth merge on.
//
// # Bytes that are not UTF-8
//
// They are encoded byte by byte and decoded to the same bytes; for splitting
// each counts as one character that is neither letter, number nor space.
//
// # Caveats
//
// No normalisation, no unknown token, no dropout: a tokenizer.json that asks
// for them is refused by name.
package bpe
