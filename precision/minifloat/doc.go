// Package minifloat converts float32 to the small floating-point formats of
// low-precision training and back, bit for bit as the formats are specified: FP4
// (E2M1), FP8 (E4M3, E5M2), the E8M0 of MX scales, bfloat16 and binary16.
//
// # Method
//
// A format has M mantissa bits, exponent bias B and largest value V
// (arXiv:2209.05433 for FP8, the OCP Microscaling specification 1.0 for the rest):
//
//	            M   B    V       subnormal step  infinity  NaN
//	E2M1        1   1    6       2⁻¹             none      none
//	E4M3        3   7    448     2⁻⁹             none      7F, FF
//	E5M2        2   15   57344   2⁻¹⁶            7C, FC    7D–7F, FD–FF
//	E8M0        0   127  2¹²⁷    no zero         none      FF
//	BF16        7   127  3.39e38 2⁻¹³³           7F80      above
//	F16         10  15   65504   2⁻²⁴            7C00      above
//
// For x with a = min(|x|, V) when saturating,
//
//	e    = max(⌊log2 a⌋, 1-B)        read from the exponent's bits
//	r    = round(a / 2^(e-M))        an integer
//	code = sign | (e+B-1)·2^M + r    normal, subnormal, and the carry to 2^(e+1)
//
// round is to nearest, ties to the even code; to away from zero and to zero on
// request. Stochastic rounding takes r = ⌊a/2^(e-M) + u⌋ with u uniform in
// [0, 1), computed in float32: the expectation is x, values of the grid never
// move, and a graph that is given the same u gives the same code.
//
// An Encoder does not compute any of it: for at most three mantissa bits the code
// depends on the sign, the exponent, four mantissa bits and whether any other bit
// is set, and a table of 2¹⁴ bytes has all cases.
//
// # Defaults
//
//	rounding   to nearest even
//	overflow   saturate, infinities too   the note of every recipe; a plain cast in
//	                                      ml_dtypes and StableHLO gives NaN in E4M3
//	NaN        kept; E2M1 has none, and a NaN there is an error
//
// # Differences between libraries
//
//	case                 here               ml_dtypes        PyTorch
//	E4M3 beyond 464      448 or NaN         NaN              448
//	E5M2 from 61440      57344 or infinity  infinity         infinity
//	E2M1 of NaN          error or ±0        code 8, -NaN: 0  -
//	E8M0 of 1.4·2⁻¹²⁷    2⁻¹²⁷, nearest     2⁻¹²⁶            -
//
// # Caveats
//
// The uniforms of stochastic rounding have UniformBits bits. Values between zero
// and the smallest subnormal that are smaller than that part of a step round to
// zero always; the bias is below 2⁻²⁰ steps.
package minifloat
