// Package ggml converts float32 to the tensor types of GGUF files and back, bit for bit
// as GGML's reference quantisers do (Q4_K and Q6_K: see Differences).
//
// # Method
//
// d and m are binary16, little-endian; q(x) = round(x/a·k) with ties away from
// zero, computed as x times the float32 reciprocal of a/k, a = max|x|, and b is the
// first value with that magnitude.
//
//	type   values  bytes  layout
//	F32    1       4      as it is
//	F16    1       2      binary16, rounded to even
//	BF16   1       2      the upper half of a float32, rounded to even
//	Q4_0   32      18     d = -b/8, 16 bytes of codes ⌊x/d + 8.5⌋, at most 15
//	Q4_1   32      20     d = (max-min)/15, m = min, 16 bytes of ⌊(x-min)/d + 1/2⌋
//	Q8_0   32      34     d = a/127, 32 int8 codes q(x), k = 127
//	Q4_K   256     144    d, m, 12 bytes of sixBits, 128 bytes of 4-bit codes
//	Q6_K   256     210    128 + 64 bytes of 6-bit codes, 16 int8 scales, d
//	TQ1_0  256     54     48 + 4 bytes of trits, d = a
//	TQ2_0  256     66     64 bytes of 2-bit codes, d = a
//	Q2_0   64      18     d = a, 16 bytes of 2-bit codes in order, lowest bits first
//	MXFP4  32      17     E8M0 exponent e, 16 bytes of E2M1 codes
//	NVFP4  64      36     4 scales, UE4M3, 32 bytes of E2M1 codes
//
// Two types are for activations only, see Type.Operand:
//
//	Q8_1   32      36     d, the sum of the values, 32 int8 codes as in Q8_0
//	Q8_K   256     292    float32 d = -b/127, 256 int8 codes, 16 int16 sums of codes
//
// Where two 4-bit codes share a byte, that of value i is in the low half of byte i and
// that of the one half a block later in the high half; Q4_K has four such blocks of 64.
//
// In Q4_K each 32 values have a 6-bit scale s and offset t, and code c means d·s·c - m·t;
// in Q6_K each 16 have an int8 scale s, and c means d·s·(c-32).
//
// The ternary types store q(x)+1 with k = 1. In TQ2_0, bits 2n of byte 32h+m are
// value 128h+32n+m. In TQ1_0, five trits t of a byte make the number
// v = Σ t_n·3^(4-n), stored as ⌈v·256/243⌉, so that trit n is
// ⌊(byte·3^n mod 256)·3/256⌋; byte m < 32 holds values m+32n, byte 32+m values
// 160+m+16n, and the last four bytes, of four trits and a zero, values 240+m+4n.
//
// MXFP4 has e = 127 + ⌊log2 a⌋ - 2 with a float32 logarithm, and each code is the
// nearest of the grid, the smaller magnitude on ties and never -0. NVFP4 has for
// each sixteen values the scale UE4M3(a/6) and no scale of the tensor. Both have
// value i of a sub-block in the low half of byte i and the one half a block later
// in the high half. UE4M3 rounds halves up, never up to 2⁻⁶, and has 448 for all
// from 248 on.
//
// # Differences
//
// Package mx has MXFP4 and NVFP4 as their specifications say: ties to even, exact
// exponents, and a tensor's scale. A float logarithm gives the exponent of 8 to the
// float32 before 8. mx.Repack moves codes between files without rounding again.
//
// The scales of Q4_K and Q6_K are what a search over candidates finds best. The search
// is GGML's, in float64 and with halves rounded up, so that bytes may differ where two
// candidates are nearly as good. Decoding is exact.
//
// GGML writes infinite scales and undefined codes for values that binary16 cannot
// scale; here that is an error. Where 1/d overflows, codes are zero.
//
// # Caveats
//
// TQ1_0, TQ2_0 and Q2_0 are lossless only for blocks of -d, 0 and d with d a
// binary16. Where a block mixes scales, its smaller weights vanish.
package ggml
