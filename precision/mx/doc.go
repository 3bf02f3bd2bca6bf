// Package mx converts float32 to block-scaled formats and back, bit for bit: the
// MX formats MXFP4 and MXFP8 of the OCP Microscaling specification 1.0
// (arXiv:2310.10537) and NVIDIA's NVFP4 (arXiv:2509.25149). The elements are those
// of package minifloat.
//
// # MX
//
// Values are cut into blocks of 32 along the axis that a product contracts. With
// a = max|x| of a block, V the largest value of the element format and E = ⌊log2 V⌋,
//
//	b    = 127 + ⌊log2 a⌋ - E           one E8M0 byte, 0 ≤ b ≤ 254
//	code = cast(x·2^(127-b))            to nearest even, saturating
//	x    ≈ 2^(b-127)·value(code)
//
// That is Floor. It lets values between V·2^(b-127) and 2^(E+1)·2^(b-127) saturate,
// up to a quarter of an E2M1 block's largest; RoundUp, Ceil and TruncFree do not:
//
//	RoundUp    a·f32(1/V) rounded up to a power of two
//	Ceil       ⌈log2 a⌉ - E
//	Even       ⌊log2 a'⌋ - E, a' = a rounded to the mantissa of the elements, halves up
//	TruncFree  the least e with a ≤ V·2^e, that is ⌈log2(a/V)⌉ (arXiv:2502.20853)
//
// A block of zeros, or of values whose exponent is below the range, has b = 0.
// A block with an infinity or NaN has b = 255, codes 0, and decodes to NaN.
//
// # NVFP4
//
// Blocks of 16 E2M1 codes have an E4M3 scale, and the tensor has a float32 one.
// All operations are float32, in this order, with A = max|x| of the tensor and a
// of the block:
//
//	S    = min(448·6/A, FMAX)           1 if A = 0
//	s    = E4M3(min(a·(S·f32(1/6)), 448))
//	code = E2M1(x·min(1/(s·(1/S)), FMAX))
//	x    ≈ value(code)·s·(1/S)
//
// That is the training form. Square tiles of 16×16 weights share one s, so that a
// matrix and its transpose have the same values. The inference form of torchao has
// p = A/(448·6), s = E4M3(clamp(a/6/p, 2⁻⁶, 448)), code = E2M1(x·((1/p)/s)) and
// x ≈ value(code)·(p·s); without a tensor scale, p = 1.
//
// # Layouts
//
// Two E2M1 codes share a byte. PairNibble has neighbours in it, the earlier one in
// the low half. SplitHalf, GGML's order, has value i of a block in the low half and
// the one half a block later in the high half. Repack goes from one to the other.
//
//	                bits a value
//	MXFP4           4.25
//	MXFP8           8.25
//	NVFP4           4.5, and 32 bits for the tensor
//
// # Differences between libraries
//
//	case                 here                torchao 0.18
//	infinity in a block  scale 255           a finite scale
//	RoundUp 1–3 ulp      the next power      the one below: a float log2
//	  above V·2^k
//	scale byte 0         divides by 2⁻¹²⁷    by 2⁻¹²⁶
//
// GGML's MXFP4 rounds midpoints down and takes its exponent from a float log2;
// see package ggml.
//
// # Caveats
//
// NVFP4 values below about 2e-6 of the tensor's largest vanish, because their
// block's scale is zero. It refuses infinity and NaN. A block whose scale is near
// the top of the range can decode to infinity.
package mx
