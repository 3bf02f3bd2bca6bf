package minifloat

import (
	"math"

	"github.com/nanochat-go/nanochat/precision/rounding"
)

// chunk is how many uniforms a keyed encoder draws at a time.
const chunk = 256

// CodeUniform returns the code of x rounded up or down with the uniform u in
// [0, 1): the lower neighbour if ⌊|x|/step + u⌋ = ⌊|x|/step⌋, all in float32. NaN
// and values beyond the largest one are those of Code.
func (e Encoder) CodeUniform(x, u float32) uint8 {
	l := &layouts[e.format]
	bits := math.Float32bits(x)
	a := math.Float32frombits(bits &^ (1 << 31))
	if !(a <= decodeTables[e.format][l.maxCode]) {
		return e.Code(x)
	}
	exponent := max(int32(bits>>23&0xFF)-127, 1-int32(l.bias))
	perStep := math.Float32frombits(uint32(int32(l.mantissa)-exponent+127) << 23)
	r := int32(a*perStep + u) // the product is exact, so that fusing changes nothing
	code := min((exponent+int32(l.bias)-1)<<l.mantissa+r, int32(l.maxCode))
	return uint8(bits>>31*l.signBit() | uint32(code))
}

// EncodeUniform writes the codes of x to dst, each rounded with its uniform in u;
// the three are of one length. It fails at the first NaN if the mode rejects NaN.
func (e Encoder) EncodeUniform(dst []uint8, x, u []float32) error {
	if len(dst) != len(x) || len(u) != len(x) {
		return lengthError("codes and uniforms", min(len(dst), len(u)), len(x))
	}
	if e.rejects {
		if err := rejectNaN(x); err != nil {
			return err
		}
	}
	for i, v := range x {
		dst[i] = e.CodeUniform(v, u[i])
	}
	return nil
}

// EncodeKeyed is EncodeUniform with uniforms from a key. first is the index of
// x[0] in its tensor: slices of a tensor give the codes of the whole.
func (e Encoder) EncodeKeyed(dst []uint8, x []float32, key rounding.Key, first uint64) error {
	if len(dst) != len(x) {
		return lengthError("codes", len(dst), len(x))
	}
	if e.rejects {
		if err := rejectNaN(x); err != nil {
			return err
		}
	}
	var u [chunk]float32
	for from := 0; from < len(x); from += chunk {
		to := min(from+chunk, len(x))
		key.Uniforms(u[:to-from], first+uint64(from), e.format.UniformBits())
		for i, v := range x[from:to] {
			dst[from+i] = e.CodeUniform(v, u[i])
		}
	}
	return nil
}
