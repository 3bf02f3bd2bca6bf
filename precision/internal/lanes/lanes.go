package lanes

// Part is how many neighbours share a factor where there are several.
const Part = 16

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
