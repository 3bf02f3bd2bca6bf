// Package safetensors reads and writes the safetensors format: named tensors
// in one file that can be mapped into memory.
//
// # Format
//
// A file is, in this order and with nothing between or after:
//
//	8 bytes   N, little-endian
//	N bytes   JSON: {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [from, to]}, …,
//	                 "__metadata__": {"key": "value", …}}
//	data      the tensors, row-major, little-endian, offsets counted from here
//
// The writer orders tensors by falling element size and then by name, which
// keeps every tensor aligned to its element size, and pads the header with
// spaces to a multiple of eight. Equal tensors give equal bytes.
//
// # Errors
//
// The reader refuses what the reference reader refuses: a header above 100 MB
// or longer than the file, names that occur twice, overlapping tensors, holes,
// bytes after the last tensor, sizes that do not follow from dtype and shape.
// Every such error is a *FormatError with the file's name and the offset.
package safetensors
