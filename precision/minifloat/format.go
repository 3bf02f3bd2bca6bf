package minifloat

import (
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
)

// Format is a floating-point format of at most eight bits.
type Format uint8

// The element formats.
const (
	E2M1 Format = iota // FP4: 4 bits, ±6, neither infinity nor NaN
	E4M3               // FP8 "fn": ±448, NaN, no infinity
	E5M2               // FP8: ±57344, infinity, NaN
	numFormats
)

// layout is what a format's bits mean.
type layout struct {
	name     string
	bits     int
	mantissa int // bits
	bias     int
	maxCode  uint32 // of the largest finite magnitude
	infinity uint32 // code, 0 for none
	nan      uint32 // code, 0 for none
}

var layouts = [numFormats]layout{
	E2M1: {name: "e2m1", bits: 4, mantissa: 1, bias: 1, maxCode: 0x7},
	E4M3: {name: "e4m3", bits: 8, mantissa: 3, bias: 7, maxCode: 0x7E, nan: 0x7F},
	E5M2: {name: "e5m2", bits: 8, mantissa: 2, bias: 15, maxCode: 0x7B, infinity: 0x7C, nan: 0x7E},
}

// String returns the name of the format in policies: "e2m1", "e4m3" or "e5m2".
func (f Format) String() string { return layouts[f].name }

// Bits is the number of bits of a code.
func (f Format) Bits() int { return layouts[f].bits }

// Mantissa is the number of mantissa bits.
func (f Format) Mantissa() int { return layouts[f].mantissa }

// Max is the largest finite value.
func (f Format) Max() float32 { return f.Decode(uint8(layouts[f].maxCode)) }

// EMax is the exponent of Max, ⌊log2 Max⌋.
func (f Format) EMax() int {
	return int(layouts[f].maxCode>>layouts[f].mantissa) - layouts[f].bias
}

// UniformBits is how many bits of a uniform the stochastic rounding of the
// format uses, see package rounding.
func (f Format) UniformBits() int { return 23 - layouts[f].mantissa }

// Parse returns the format with a name of String.
func Parse(name string) (Format, error) {
	for f := range numFormats {
		if layouts[f].name == name {
			return f, nil
		}
	}
	return 0, fmt.Errorf("minifloat: format %q is unknown, want e2m1, e4m3 or e5m2", name)
}

// signBit is the sign's place in a code.
func (l *layout) signBit() uint32 { return 1 << (l.bits - 1) }

// value decodes a code; bits above the format's are ignored.
func (l *layout) value(code uint32) float32 {
	sign := float32(1)
	if code&l.signBit() != 0 {
		sign = float32(math.Copysign(1, -1))
	}
	magnitude := code & (l.signBit() - 1)
	switch {
	case l.nan != 0 && magnitude > max(l.maxCode, l.infinity):
		return float32(math.Copysign(math.NaN(), float64(sign)))
	case l.infinity != 0 && magnitude == l.infinity:
		return float32(math.Inf(int(sign)))
	}
	e, m := int(magnitude>>l.mantissa), int(magnitude&(1<<l.mantissa-1))
	if e == 0 {
		return sign * float32(math.Ldexp(float64(m), 1-l.bias-l.mantissa))
	}
	return sign * float32(math.Ldexp(float64(m+1<<l.mantissa), e-l.bias-l.mantissa))
}

// decodeTables has the values of all bytes; bits above a format's are ignored.
var decodeTables = func() (tables [numFormats][256]float32) {
	for f := range numFormats {
		for code := range tables[f] {
			tables[f][code] = layouts[f].value(uint32(code))
		}
	}
	return tables
}()

// lanes is the layout as the conversions of many values see it.
func (l *layout) lanes() lanes.Format {
	return lanes.Format{
		Bits: l.bits, Mantissa: l.mantissa, Bias: l.bias,
		MaxCode: int32(l.maxCode), NaN: int32(l.nan),
	}
}

// Decode returns the value of a code. Bits above the format's are ignored.
func (f Format) Decode(code uint8) float32 { return decodeTables[f][code] }

// DecodeSlice writes the values of the codes, one a byte, to dst, which must
// be as long.
func (f Format) DecodeSlice(dst []float32, codes []uint8) error {
	if len(dst) != len(codes) {
		return lengthError("values", len(dst), len(codes))
	}
	table, dst := &decodeTables[f], dst[:len(codes)]
	for i, c := range codes {
		dst[i] = table[c]
	}
	return nil
}

func lengthError(what string, have, want int) error {
	return fmt.Errorf("minifloat: room for %d %s, want %d", have, what, want)
}
