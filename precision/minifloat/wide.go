package minifloat

import (
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Wide is a floating-point format of sixteen bits.
type Wide uint8

// The wide formats.
const (
	BF16 Wide = iota // the upper half of a float32
	F16              // IEEE 754 binary16
)

const (
	magnitude32 = 1<<31 - 1
	infinity32  = 0xFF << 23
	quietBF16   = 0x40
	quietF16    = 0x200
	infinityF16 = 0x1F << 10
)

// String returns "bf16" or "f16".
func (w Wide) String() string {
	if w == F16 {
		return "f16"
	}
	return "bf16"
}

// infinity is the code of the magnitude ∞; the largest finite one is before it.
func (w Wide) infinity() uint16 {
	if w == F16 {
		return infinityF16
	}
	return infinity32 >> 16
}

// Max is the largest finite value.
func (w Wide) Max() float32 { return w.Decode(w.infinity() - 1) }

// UniformBits is how many of an element's bits its stochastic rounding uses: the
// lowest 16 in BF16, the lowest 13 in F16.
func (w Wide) UniformBits() int {
	if w == F16 {
		return 13
	}
	return 16
}

// Decode returns the value of a code.
func (w Wide) Decode(code uint16) float32 {
	if w == F16 {
		return decodeF16(code)
	}
	return math.Float32frombits(uint32(code) << 16)
}

// decodeF16 moves exponent and fraction into place, where they mean a value that
// is 2¹¹² too small, also if it is subnormal.
func decodeF16(code uint16) float32 {
	v := math.Float32frombits(uint32(code&0x7FFF)<<13) * 0x1p112
	bits := math.Float32bits(v)
	if v >= 1<<16 { // infinity or NaN
		bits |= infinity32
	}
	return math.Float32frombits(bits | uint32(code&0x8000)<<16)
}

// Encode returns the code of x rounded to nearest even; what is too large gives
// infinity.
func (w Wide) Encode(x float32) uint16 {
	if w == F16 {
		return encodeF16(x)
	}
	return encodeBF16(x)
}

func encodeBF16(x float32) uint16 {
	bits := math.Float32bits(x)
	if x != x {
		return uint16(bits>>16) | quietBF16
	}
	return uint16((bits + 0x7FFF + bits>>16&1) >> 16)
}

func encodeF16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	bits &= magnitude32
	switch {
	case bits > infinity32:
		return sign | infinityF16 | quietF16 | uint16(bits>>13&0x1FF)
	case bits >= 0x477FF000: // 65520, halfway between the largest and 2¹⁶
		return sign | infinityF16
	case bits < 113<<23: // below 2⁻¹⁴: adding 1/2 rounds to steps of 2⁻²⁴
		v := math.Float32frombits(bits) + 0.5
		return sign | uint16(math.Float32bits(v)-126<<23)
	}
	bits += 0xFFF + bits>>13&1
	return sign | uint16(bits>>13-112<<10)
}

// EncodeSlice writes the codes of x, rounded to nearest even, to dst, which must
// be as long. NaN stays NaN.
func (w Wide) EncodeSlice(dst []uint16, x []float32, o Overflow) error {
	if len(dst) != len(x) {
		return lengthError("codes", len(dst), len(x))
	}
	if w == BF16 {
		limit := w.infinity()
		if o == Saturate {
			limit--
		}
		done := lanes.EncodeBF16(dst, x, limit)
		dst, x = dst[done:], x[done:]
		for i, v := range x {
			dst[i] = encodeBF16(v)
		}
	} else {
		for i, v := range x {
			dst[i] = encodeF16(v)
		}
	}
	w.saturate(dst, o)
	return nil
}

// saturate makes infinities the largest values.
func (w Wide) saturate(codes []uint16, o Overflow) {
	if o != Saturate {
		return
	}
	infinity := w.infinity()
	for i, c := range codes {
		if c&0x7FFF == infinity {
			codes[i] = c - 1
		}
	}
}

// DecodeSlice writes the values of the codes to dst, which must be as long.
func (w Wide) DecodeSlice(dst []float32, codes []uint16) error {
	if len(dst) != len(codes) {
		return lengthError("values", len(dst), len(codes))
	}
	if w == BF16 {
		done := lanes.DecodeBF16(dst, codes)
		dst, codes = dst[done:], codes[done:]
		for i, c := range codes {
			dst[i] = math.Float32frombits(uint32(c) << 16)
		}
		return nil
	}
	for i, c := range codes {
		dst[i] = decodeF16(c)
	}
	return nil
}

// CodeBits returns the code of x rounded stochastically: the lowest UniformBits
// of random are added below the last bit that stays, and the rest is dropped.
// Infinities and NaN stay; a finite value may be carried to infinity.
func (w Wide) CodeBits(x float32, random uint32) uint16 {
	bits := math.Float32bits(x)
	if bits&infinity32 == infinity32 {
		return w.Encode(x)
	}
	if w == BF16 {
		return uint16((bits + random&0xFFFF) >> 16)
	}
	sign := uint16(bits >> 16 & 0x8000)
	bits &= magnitude32
	random &= 0x1FFF
	if bits < 113<<23 { // in steps of 2⁻²⁴
		a := math.Float32frombits(bits) * 0x1p24 // exact, so that fusing changes nothing
		return sign | uint16(a+float32(random)*0x1p-13)
	}
	bits = min(bits, 143<<23) // 2¹⁶ is infinity already
	return sign | uint16((bits+random)>>13-112<<10)
}

// EncodeBits writes the codes of x to dst, each rounded with its random bits; the
// three are of one length.
func (w Wide) EncodeBits(dst []uint16, x []float32, random []uint32, o Overflow) error {
	if len(dst) != len(x) || len(random) != len(x) {
		return lengthError("codes and bits", min(len(dst), len(random)), len(x))
	}
	for i, v := range x {
		dst[i] = w.CodeBits(v, random[i])
	}
	w.saturate(dst, o)
	return nil
}

// EncodeKeyed is EncodeBits with the bits of a key. first is the index of x[0]
// in its tensor.
func (w Wide) EncodeKeyed(dst []uint16, x []float32, key rounding.Key, first uint64, o Overflow) error {
	if len(dst) != len(x) {
		return lengthError("codes", len(dst), len(x))
	}
	for i, v := range x {
		dst[i] = w.CodeBits(v, key.Bits(first+uint64(i)))
	}
	w.saturate(dst, o)
	return nil
}
