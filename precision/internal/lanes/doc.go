// Package lanes converts slices several values at a time, where the processor has
// instructions for it and the build GOEXPERIMENT=simd; elsewhere it converts none.
//
// A conversion returns how many values, from the first, it has converted: whole
// groups, and the caller does the rest one by one. Its results are those of the
// loops in package minifloat, bit for bit. Maxima are of all values, everywhere.
//
// There are only conversions that gain by it. Values of codes of up to eight bits are
// read from tables as fast, one by one.
//
// # Method of Encode
//
// With em the exponent bits of a = min(|x|, cap), at least those of the smallest
// normal value, the float32 m = 2^(e+23-M) has the step of the format, and a + m is
// a rounded to it, ties to even, by the processor. What its bits exceed those of m
// by is the integer r, and the code em/2^(23-M) + r less a constant: the same
// formula for normal values, for subnormals and for what is carried to the next
// exponent. cap is the largest value, or to overflow the one that would follow it,
// of which the code is the infinity's or NaN's.
package lanes
