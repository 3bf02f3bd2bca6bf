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

// putCodes writes the codes of x under a scale: value i in the low half of byte i,
// the one half a block later in the high half.
func putCodes(dst []byte, x []float32, scale float32) {
	for i := range dst {
		dst[i] = nearestE2M1(x[i], scale) | nearestE2M1(x[len(dst)+i], scale)<<4
	}
}

func getCodes(x []float32, src []byte, scale float32) {
	high := x[len(src):]
	for i, b := range src {
		x[i] = minifloat.E2M1.Decode(b&0xF) * scale
		high[i] = minifloat.E2M1.Decode(b>>4) * scale
	}
}

// zeroSigns makes the -0 of a code 8 the 0 that GGML has.
func zeroSigns(x []float32) {
	for i := range x {
		x[i] += 0
	}
}

// exponentScale is 2^(e-127), finite also for e = 255.
func exponentScale(e byte) float32 { return float32(math.Ldexp(1, int(e)-127)) }

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
	putCodes(dst[1:], x, exponentScale(dst[0]))
	return nil
}

func decodeMXFP4(x []float32, src []byte) {
	getCodes(x, src[1:], exponentScale(src[0]))
	zeroSigns(x)
}

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

// decodeUE4M3 is E4M3 without a sign; 7F is zero.
func decodeUE4M3(code byte) float32 {
	if code == 0x7F {
		return 0
	}
	exponent, fraction := int(code>>3&0xF), float64(code&7)
	if exponent == 0 {
		return float32(math.Ldexp(fraction, -9))
	}
	return float32(math.Ldexp(8+fraction, exponent-10))
}

func encodeNVFP4(dst []byte, x []float32) error {
	for s := range 4 {
		part := x[16*s : 16*(s+1)]
		a, err := absMax(part)
		if err != nil {
			return err
		}
		dst[s] = encodeUE4M3(a / 6)
		putCodes(dst[4+8*s:4+8*(s+1)], part, decodeUE4M3(dst[s]))
	}
	return nil
}

func decodeNVFP4(x []float32, src []byte) {
	for s := range 4 {
		getCodes(x[16*s:16*(s+1)], src[4+8*s:4+8*(s+1)], decodeUE4M3(src[s]))
	}
	zeroSigns(x)
}
