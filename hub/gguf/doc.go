// Package gguf reads and writes GGUF, the file format of llama.cpp: metadata and
// named tensors in one file that can be mapped into memory.
//
// # Format
//
// Everything is little-endian; a string is its length (8 bytes) and its bytes.
//
//	"GGUF"  version (4 bytes, 3)  number of tensors (8)  number of keys (8)
//	keys:     key (string)  type (4)  value
//	tensors:  name (string)  number of dimensions (4)  dimensions (8 each)  type (4)  offset (8)
//	data:     each tensor in this order, padded with zeros to the alignment
//
// Zeros align the start of the data too. Values are numbers, booleans of one byte,
// strings, and arrays: the elements' type (4), their count (8), the elements. The
// alignment is general.alignment, 32 without it. Dimensions are written innermost
// first; Shape here is row-major, so that a linear is [out, in]. Offsets count from
// the start of the data. Types of tensors are those of package ggml.
//
// The writer keeps the order it is given and adds nothing: what File reports of a file
// of version 3, written again, gives the same bytes where its padding is zeros.
//
// # Reading
//
// Read refuses what the reference reader and the loader of llama.cpp refuse: other
// versions than 2 and 3; keys and names that are empty, occur twice or are too long
// (65535 and 63 bytes); arrays of arrays; an alignment that is no power of two or no
// uint32; more than 4 dimensions; rows that are no whole blocks; types without a
// number in GGML; offsets that are not the running sum of the padded sizes, hence
// holes and shared bytes. It also refuses booleans above 1 and a file that does not end
// with the padding of its last tensor, so that a file cut anywhere is an error. Every
// such error is a *FormatError with the file's name and the offset.
//
// No declared size is trusted: what is allocated for one is bounded by the bytes that
// the file still has.
//
// View gives the bytes where the system maps files, without a copy; another process
// that shortens the file while a view is read ends the program.
//
// # Caveats
//
// Types that GGML knows and package ggml does not convert, IQ2_XXS for instance, can
// be listed and copied, not decoded. Big-endian files are refused.
package gguf
