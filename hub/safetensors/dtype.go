package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is an element type by its name in the file.
type DType string

// The element types.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of an element, 0 for a type that is not known.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// toFloat32 converts the little-endian elements of data to float32.
func toFloat32(d DType, data []byte) ([]float32, error) {
	n := len(data) / d.Size()
	out := make([]float32, n)
	le := binary.LittleEndian
	for i := range out {
		switch d {
		case F32:
			out[i] = math.Float32frombits(le.Uint32(data[4*i:]))
		case F64:
			out[i] = float32(math.Float64frombits(le.Uint64(data[8*i:])))
		case BF16:
			out[i] = math.Float32frombits(uint32(le.Uint16(data[2*i:])) << 16)
		case F16:
			out[i] = halfToFloat32(le.Uint16(data[2*i:]))
		default:
			return nil, fmt.Errorf("safetensors: %s is not a floating-point type", d)
		}
	}
	return out, nil
}

// halfToFloat32 converts an IEEE 754 binary16.
func halfToFloat32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // zero or subnormal: fraction·2⁻²⁴
		v := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// Float32Bytes returns the little-endian bytes of v.
func Float32Bytes(v []float32) []byte {
	out := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(x))
	}
	return out
}
