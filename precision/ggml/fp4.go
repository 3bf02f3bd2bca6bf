package ggml

import (
	"math"

	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// nearestE2M1 returns the code of the grid value times scale nearest to x, by
// GGML's search: distances in float32, the smaller magnitude on ties.
func nearestE2M1(x, scale float32) uint8 {
	sign := uint8(0)
	if x < 0 {
		sign, x = 8, -x
	}
	best, distance := uint8(0), x
	for code := uint8(1); code < 8; code++ {
		d := float32(math.Abs(float64(float32(minifloat.E2M1.Decode(code)*scale) - x)))
		if d < distance {
			best, distance = sign|code, d
		}
	}
	return best
}

// unsigned has what a code is as GGML has it, which has no -0.
var unsigned = [16]uint8{0, 1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15}

// putCodes writes the codes of up to 32 values under a scale: value i in the low half
// of byte i, the one half a block later in the high half. a is the largest magnitude.
//
// Where the search's distances are exact, it finds the value nearest to x/scale, the
// smaller one at a midpoint. The rounded quotient gives the same: what lies above
// midpoint·scale does so by more than 2⁻²⁴ of it, and stays above the midpoint.
func putCodes(dst []byte, x []float32, a, scale float32) error {
	if !(a <= 16*scale) || scale > 0x1p125 {
		for i := range dst {
			dst[i] = nearestE2M1(x[i], scale) | nearestE2M1(x[len(dst)+i], scale)<<4
		}
		return nil
	}
	e, err := minifloat.NewEncoder(minifloat.E2M1, minifloat.Mode{Round: minifloat.NearestZero, NaN: minifloat.NaNZero})
	if err != nil {
		return err
	}
	high := x[len(dst):]
	for i := range dst {
		dst[i] = unsigned[e.Code(x[i]/scale)&15] | unsigned[e.Code(high[i]/scale)&15]<<4
	}
	return nil
}

// doubled has twice the values of E2M1, with 0 for -0: GGML halves the scales.
var doubled = [16]float32{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

func getCodes(x []float32, src []byte, half float32) {
	x, high := x[:len(src)], x[len(src):][:len(src)]
	for i, b := range src {
		x[i] = doubled[b&0xF] * half
		high[i] = doubled[b>>4] * half
	}
}

// halfScale is 2^(e-128).
func halfScale(e byte) float32 {
	if e < 2 {
		return math.Float32frombits(1 << 21 << e)
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

func encodeMXFP4(dst []byte, x []float32) error {
	a, err := absMax(x)
	if err != nil {
		return err
	}
	e := 0
	if a > 0 { // below 2⁻¹²⁵ GGML's exponent wraps
		e = max(int(math.Floor(float64(float32(math.Log2(float64(a)))))-2+127), 0)
	}
	dst[0] = byte(e)
	return putCodes(dst[1:], x, a, 2*halfScale(dst[0]))
}

func decodeMXFP4(x []float32, src []byte) { getCodes(x, src[1:], halfScale(src[0])) }

// encodeUE4M3 is GGML's conversion of x ≥ 0: see doc.go.
func encodeUE4M3(x float32) byte {
	x = min(x, 448)
	bits := math.Float32bits(x)
	exponent := int(bits>>23) - 120
	switch {
	case x <= 0:
		return 0
	case exponent <= 0:
		return byte(min(int(x*512+0.5), 7))
	case exponent >= 15:
		return 0x7E
	}
	code := exponent<<3 + int(bits>>20&7) + int(bits>>19&1)
	if code >= 15<<3 {
		return 0x7E
	}
	return byte(code)
}

// decodeUE4M3 is E4M3 without a sign; 7F is zero, and FF is 480.
func decodeUE4M3(code byte) float32 {
	exponent, fraction := uint32(code>>3&0xF), uint32(code&7)
	switch {
	case code == 0x7F:
		return 0
	case exponent == 0:
		return float32(fraction) * 0x1p-9
	}
	return math.Float32frombits((exponent+120)<<23 | fraction<<20)
}

func encodeNVFP4(dst []byte, x []float32) error {
	for s := range 4 {
		part := x[16*s : 16*(s+1)]
		a, err := absMax(part)
		if err != nil {
			return err
		}
		dst[s] = encodeUE4M3(a / 6)
		if err := putCodes(dst[4+8*s:4+8*(s+1)], part, a, decodeUE4M3(dst[s])); err != nil {
			return err
		}
	}
	return nil
}

func decodeNVFP4(x []float32, src []byte) {
	for s := range 4 {
		getCodes(x[16*s:16*(s+1)], src[4+8*s:4+8*(s+1)], 0.5*decodeUE4M3(src[s]))
	}
}
