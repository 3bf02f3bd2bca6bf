// Package bpe is byte-level byte-pair encoding: training, encoding, decoding
// and the tokenizer.json file that Hugging Face tokenizers reads.
//
// # Method
//
// A text is split into pieces, by a published pattern; a piece never meets
// another one again. Within a piece, starting from its bytes, the adjacent pair
// with the lowest rank, the leftmost among equals, is replaced by its merge until
// no pair has one (arXiv:1508.07909 on bytes). Three patterns have hand-coded
// splitters:
//
//	gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//	cl100k  '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+
//	llama3  (?i:'s|'t|'re|'ve|'m|'ll|'d)| and from there as cl100k, with \s*[\r\n]+
//
// Other expressions (Regex) run in a backtracking matcher. The two agree, and
// with them the ids do, on letters, numbers and white space of Unicode 16.0,
// whatever the version of the Go release.
//
// Training counts the distinct pieces and repeats: take the pair with the
// highest count, the smaller pair of ids among equals, and merge it everywhere.
// The tokens of the distinct pieces are linked lists, and each pair knows where
// it arose; a merge visits only these places and corrects the counts beside
// them. A heap holds the pairs by the count they had when they arose; a pair
// taken from it that has become rarer goes back in. With n bytes of distinct
// pieces that is O(n·log n) for all merges together, also for a piece of
// megabytes.
//
// Encoding looks a piece up among the tokens first: by training every token is
// the encoding of its own bytes, and nine of ten pieces of a text are a token.
// Pieces of up to 15 bytes are compared as two machine words. A piece of 64
// bytes or more is merged with a heap in O(n·log n).
//
// # Ids
//
// Bytes come first, in the order of the characters that byte-level tokenizers
// write them as (the printable bytes, then the others), then the merges in
// the order of training, then special tokens. ByteOrder ties count single bytes
// by value instead; the two rules differ from about the thirtieth merge on.
// Parse takes ids from the file.
//
// # Special tokens
//
// Encode treats the names of special tokens in a text as text. EncodeSpecial
// recognises them. Neither adds any.
//
// # Bytes that are not UTF-8
//
// They are encoded byte by byte and decoded to the same bytes; for splitting
// each counts as one character that is neither letter, number nor space.
//
// # Differences from the reference
//
// Hugging Face tokenizers takes only valid UTF-8. Its trainer can stop at pairs
// seen once; here the default least count is 2, so that a vocabulary is never
// filled with pieces of one document.
//
// # Caveats
//
// No normalisation, no unknown token, no byte fallback, no dropout: a
// tokenizer.json that asks for them is refused by name. Training holds the
// distinct pieces in memory, at about 100 bytes for each of their bytes.
package bpe
