package safetensors

import (
	"encoding/binary"
	"math"
)

// DType is an element type by its name in the file.
type DType string

// The element types of whole bytes. The 8-bit floats and complex numbers have a
// size and a place in the order; their values are not converted here.
const (
	F64    DType = "F64"
	F32    DType = "F32"
	F16    DType = "F16"
	BF16   DType = "BF16"
	I64    DType = "I64"
	I32    DType = "I32"
	I16    DType = "I16"
	I8     DType = "I8"
	U64    DType = "U64"
	U32    DType = "U32"
	U16    DType = "U16"
	U8     DType = "U8"
	F8E8M0 DType = "F8_E8M0"
	F8E4M3 DType = "F8_E4M3"
	F8E5M2 DType = "F8_E5M2"
	C64    DType = "C64"

	F8E4M3FNUZ DType = "F8_E4M3FNUZ"
	F8E5M2FNUZ DType = "F8_E5M2FNUZ"

	Bool DType = "BOOL"
)

// order is the order in which a file's tensors are written by type, which is
// the reference writer's and never puts a wider element behind a narrower one.
var order = []DType{U64, I64, F64, C64, F32, U32, I32, BF16, F16, U16, I16, F8E5M2FNUZ, F8E4M3FNUZ, F8E8M0, F8E4M3, F8E5M2, I8, U8, Bool}

// Size is the number of bytes of an element, 0 for a type that is not known.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64, C64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, F8E8M0, F8E4M3, F8E5M2, F8E4M3FNUZ, F8E5M2FNUZ, Bool:
		return 1
	}
	return 0
}

// float says whether Float32 converts the type.
func (d DType) float() bool { return d == F64 || d == F32 || d == F16 || d == BF16 }

// decode converts the little-endian elements of data, of a type that is
// float, to as many float32.
func decode(d DType, out []float32, data []byte) {
	le := binary.LittleEndian
	switch d {
	case F32:
		for i := range out {
			out[i] = math.Float32frombits(le.Uint32(data[4*i:]))
		}
	case F64:
		for i := range out {
			out[i] = float32(math.Float64frombits(le.Uint64(data[8*i:])))
		}
	case BF16:
		for i := range out {
			out[i] = math.Float32frombits(uint32(le.Uint16(data[2*i:])) << 16)
		}
	case F16:
		for i := range out {
			out[i] = halfToFloat32(le.Uint16(data[2*i:]))
		}
	}
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
