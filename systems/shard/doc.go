// Package shard stores tokenised documents in files that are mapped into
// memory and read at any document.
//
// # Format
//
// All numbers are little-endian. A file is, in this order and with nothing
// between or after:
//
//	header   128 bytes
//	tokens   ids of all documents without separators, 2 or 4 bytes each
//	padding  zeros up to a multiple of 8
//	ends     docs × u64: number of tokens up to and including document i
//	sizes    docs × u32: bytes of text of document i
//
// The header:
//
//	at   type      content
//	0    8 bytes   89 54 4F 4B 53 0D 0A 1A ("\x89TOKS\r\n\x1a")
//	8    u32       version, 1
//	12   u32       bytes of an id: 2 when the vocabulary is at most 65536, else 4
//	16   u32       vocabulary size; every id is below it
//	20   i32       id of the beginning-of-document token, or -1
//	24   i32       id of the end-of-document token, or -1
//	28   u32       part of the set, from 0
//	32   u32       parts of the set, at least 1
//	36   u32       0
//	40   u64       documents
//	48   u64       tokens
//	56   u64       bytes of text
//	64   32 bytes  hash of the tokenizer, zero when not known
//	96   u32       CRC-32C of the tokens
//	100  u32       CRC-32C of ends and sizes
//	104  20 bytes  0
//	124  u32       CRC-32C of bytes 0 to 123
//
// A document's bytes of text are stored because bits per byte divides by them.
// A document may be empty in tokens and in bytes; its text is below 4 GiB.
//
// # Checks
//
// [Open] reads the header and the index: magic, version, sizes that follow
// from one another and from the file's length, checksums, rising ends, the
// sum of sizes. [Reader.Verify] reads the whole file: checksum of the tokens
// and every id below the vocabulary size. All complaints are a [*FormatError]
// with the file's name and the offset.
//
// # Sets
//
// A corpus is a set of files NAME-00000.tok, NAME-00001.tok, …. Each says
// which part of how many it is, so that [OpenSet] notices a missing one. A
// file, and a set, appears under its name only when it is complete: it is
// written beside it, synced, and renamed.
//
// # Memory
//
// Writing holds 12 bytes for each document of the current file. Reading maps
// the file; pages that were read count as resident until they are given back,
// which a [Set] does each time it has touched 64 MB. On systems without mmap
// the file is read in place, and the index is held in memory.
//
// # Caveats
//
// A mapped file must not be truncated while it is open: the kernel answers
// the next read with a fault that stops the program.
package shard
