package lanes

import "math"

// Part is how many neighbours share a factor where there are several.
const Part = 16

const infinity = 0xFF << 23

// Format is a floating-point format of at most eight bits as the conversions see
// it.
type Format struct {
	Bits     int
	Mantissa int // bits
	Bias     int
	MaxCode  int32 // of the largest finite magnitude
	NaN      int32 // code of its magnitude, 0 for none
}

// Encoding has the constants that turn float32 into the codes of a format.
type Encoding struct {
	limit     int32 // bits of the largest magnitude that is rounded
	least     int32 // exponent bits of the smallest normal value
	shift     int32 // mantissa bits that are dropped
	magic     int32 // exponent bits between a value and the number with its step as unit
	offset    int32 // what a code is less than the sum
	nan       int32 // the magnitude's code of NaN
	signShift int32
	mask      uint8 // the bits of a code
}

// NewEncoding returns the constants. What is too large becomes the largest value,
// or, to overflow, the code that follows.
func NewEncoding(f Format, overflow bool) *Encoding {
	top := f.MaxCode
	if overflow {
		top++
	}
	shift := int32(23 - f.Mantissa)
	one := int32(1) << f.Mantissa
	return &Encoding{
		limit:     (top + int32(127-f.Bias)*one) << shift,
		least:     int32(128-f.Bias) << 23,
		shift:     shift,
		magic:     shift << 23,
		offset:    shift<<23 + int32(128-f.Bias)*one,
		nan:       f.NaN,
		signShift: int32(32 - f.Bits),
		mask:      0xFF >> (8 - f.Bits),
	}
}

// ends is how many of the smallest and of the largest magnitudes are looked up,
// and top the first of the largest ones of eight bits.
const (
	ends = 8
	top  = 128 - ends
)

// Decoding has the constants that turn codes into the upper halves of float32.
type Decoding struct {
	magnitude int16 // bits of a code
	scale     int16 // moves a mantissa to its place
	bias      int16 // between exponents, in place
	signScale int16 // moves the sign to its place
	lowest    [2 * 2 * ends]int8
	highest   [2 * 2 * ends]int8
}

// NewDecoding returns the constants for a format of which values are those of all
// bytes.
func NewDecoding(f Format, values *[256]float32) *Decoding {
	d := &Decoding{
		magnitude: 1<<(f.Bits-1) - 1,
		scale:     1 << (7 - f.Mantissa),
		bias:      int16(127-f.Bias) << 7,
		signScale: 1 << (16 - f.Bits),
	}
	var lowest, highest [2 * ends]int8
	for i := range ends {
		low, high := math.Float32bits(values[i]), math.Float32bits(values[top+i])
		// indices are m and m^8 for the two bytes, and top is a multiple of 16 and 8
		lowest[i], lowest[ends+i] = int8(low>>16), int8(low>>24)
		highest[ends+i], highest[i] = int8(high>>16), int8(high>>24)
	}
	d.lowest, d.highest = twice(lowest), twice(highest)
	return d
}

// twice fills both halves of a vector.
func twice(x [16]int8) (y [32]int8) {
	copy(y[:16], x[:])
	copy(y[16:], x[:])
	return y
}
