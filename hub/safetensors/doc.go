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
// The writer orders tensors by type (U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16
// F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 I8 U8 BOOL) and then by name,
// which is the reference writer's order and keeps every tensor aligned to its
// element size, and pads the header with spaces to a multiple of eight. Equal
// tensors give equal bytes, the reference's for the same metadata.
//
// # Reading
//
// Bytes and Float32 read from the file and copy. View gives the bytes where the
// system maps files, without a copy; another process that shortens the file
// while a view is read ends the program, so views are for files that are left
// alone.
//
// # Errors
//
// The reader refuses what the reference reader refuses: a header above 100 MB
// or longer than the file, text that is not UTF-8, names that occur twice,
// overlapping tensors, holes, bytes after the last tensor, sizes that do not
// follow from dtype and shape. It also refuses the types of less than a byte (F4,
// F6_E2M3, F6_E3M2). Every such error is a *FormatError with the file's name and
// the offset.
package safetensors
