package minifloat

import "math"

// ScaleRounding chooses the power of two that stands for a scale.
type ScaleRounding uint8

// The roundings of scales.
const (
	ScaleNearest ScaleRounding = iota // 1.5·2^k goes up
	ScaleUp                           // as CUDA's constructors
	ScaleDown
)

// NaNE8M0 is the code of NaN.
const NaNE8M0 = 0xFF

// DecodeE8M0 returns 2^(code-127), and NaN for NaNE8M0.
func DecodeE8M0(code uint8) float32 {
	switch code {
	case 0:
		return 0x1p-127 // subnormal in float32
	case NaNE8M0:
		return float32(math.NaN())
	}
	return math.Float32frombits(uint32(code) << 23)
}

// EncodeE8M0 returns the code of a positive scale. Negative values and NaN have
// none and give NaNE8M0. So do, under Propagate, zero and what rounds to more
// than 2¹²⁷; under Saturate they give the smallest and the largest power. Other
// values below 2⁻¹²⁷ give the smallest. MX blocks choose their scales by rules of
// their own, see package mx.
func EncodeE8M0(x float32, r ScaleRounding, o Overflow) uint8 {
	bits := math.Float32bits(x)
	const infinity = 0xFF << 23
	switch {
	case bits<<1 == 0: // ±0
		if o == Saturate {
			return 0
		}
		return NaNE8M0
	case bits > infinity: // negative or NaN
		return NaNE8M0
	case bits < 1<<23: // subnormal: code 0 is at half of code 1
		bits = max(bits, 1<<22) - 1<<22 // [2⁻¹²⁷, 2⁻¹²⁶) in steps of 2⁻¹⁴⁹
		bits <<= 1
	}
	switch r {
	case ScaleNearest:
		bits += 1 << 22
	case ScaleUp:
		bits += 1<<23 - 1
	}
	code := bits >> 23
	if code >= NaNE8M0 {
		if o == Saturate {
			return NaNE8M0 - 1
		}
		return NaNE8M0
	}
	return uint8(code)
}

// EncodeE8M0Slice writes the codes of x to dst, which must be as long.
func EncodeE8M0Slice(dst []uint8, x []float32, r ScaleRounding, o Overflow) error {
	if len(dst) != len(x) {
		return lengthError("codes", len(dst), len(x))
	}
	for i, v := range x {
		dst[i] = EncodeE8M0(v, r, o)
	}
	return nil
}

// DecodeE8M0Slice writes the values of the codes to dst, which must be as long.
func DecodeE8M0Slice(dst []float32, codes []uint8) error {
	if len(dst) != len(codes) {
		return lengthError("values", len(dst), len(codes))
	}
	for i, c := range codes {
		dst[i] = DecodeE8M0(c)
	}
	return nil
}
