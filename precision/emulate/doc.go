// Package emulate rounds float32 values on graph nodes to what a low-precision
// format holds, bit for bit as the codecs of packages minifloat and mx do on
// slices. The results are float32: this is emulation, neither faster nor smaller.
//
// # Method
//
// For an element format with M mantissa bits, bias B and largest value V, and
// a = min(|x|, V):
//
//	p = 2^max(⌊log2 a⌋, 1-B)      the exponent's bits of a
//	q = min(round(a/(p·2^-M))·p·2^-M, V), with the sign of x
//
// round is to nearest even, or ⌊· + u⌋ with uniforms u in [0, 1), see Uniforms and
// package rounding: a host that is given the same u rounds alike. Values beyond V
// saturate; NaN stays.
//
// Block formats multiply by a power of two (MX), or by an E4M3 scale and one of
// the tensor (NVFP4), round, and multiply back. Blocks lie along the last axis,
// which the caller turns so that it is the one that the product contracts; square
// tiles give a matrix and its transpose the same values.
//
//	Element       E2M1, E4M3, E5M2 without a scale
//	Scaled, Int8  those, and whole numbers, with float32 scales for the tensor, rows, blocks or tiles: V/max|x|
//	BFloat16      without a scale
//	MX            MXFP4, MXFP8 with any rule for scales
//	NVFP4         blocks of 16 or tiles of 16×16
//	QuEST         MXFP4 with a scale from the standard deviation, and where it clipped
//
// ClampOutliers and Slope are what arXiv:2501.17116 does to outliers of activations and to
// gradients of weights.
//
// No function here has a gradient of its own: what they return is constant as far
// as automatic differentiation goes, and package quant puts the products together.
//
// # Defaults
//
// There are none: formats are those of packages minifloat and mx, and u nil means
// to nearest even.
//
// # State
//
// None.
//
// # Caveats
//
// MX scales are kept within 2^-126 and 2^126, because backends may flush smaller
// numbers to zero: blocks whose largest value is below about 1e-37 differ from the
// codec's. A block that holds an infinity or NaN becomes NaN, as in package mx;
// NVFP4, whose codec refuses such a tensor, makes all of it NaN.
package emulate
