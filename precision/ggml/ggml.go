package ggml

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Type is a tensor type by its number in GGUF files.
type Type uint32

// The types.
const (
	F32   Type = 0
	F16   Type = 1
	Q4_0  Type = 2
	Q4_1  Type = 3
	Q8_0  Type = 8
	Q8_1  Type = 9
	Q4_K  Type = 12
	Q6_K  Type = 14
	Q8_K  Type = 15
	BF16  Type = 30
	TQ1_0 Type = 34
	TQ2_0 Type = 35
	MXFP4 Type = 39
	NVFP4 Type = 40
	Q2_0  Type = 42
)

// codec is what a type consists of.
type codec struct {
	name    string
	values  int // of a block
	bytes   int
	operand Type
	encode  func(dst []byte, x []float32) error // of one block; where a block is one value, of any number
	decode  func(x []float32, src []byte)
}

// codecs has the types at their numbers.
var codecs = [...]codec{
	F32:   {"F32", 1, 4, F32, encodeF32, decodeF32},
	F16:   {"F16", 1, 2, F16, encodeF16, decodeF16},
	Q4_0:  {"Q4_0", 32, 18, Q8_0, encodeQ40, decodeQ40},
	Q4_1:  {"Q4_1", 32, 20, Q8_1, encodeQ41, decodeQ41},
	Q8_0:  {"Q8_0", 32, 34, Q8_0, encodeQ80, decodeQ80},
	Q8_1:  {"Q8_1", 32, 36, Q8_1, encodeQ81, decodeQ81},
	Q4_K:  {"Q4_K", 256, 144, Q8_K, encodeQ4K, decodeQ4K},
	Q6_K:  {"Q6_K", 256, 210, Q8_K, encodeQ6K, decodeQ6K},
	Q8_K:  {"Q8_K", 256, 292, Q8_K, encodeQ8K, decodeQ8K},
	BF16:  {"BF16", 1, 2, BF16, encodeBF16, decodeBF16},
	TQ1_0: {"TQ1_0", 256, 54, Q8_K, encodeTQ1, decodeTQ1},
	TQ2_0: {"TQ2_0", 256, 66, Q8_K, encodeTQ2, decodeTQ2},
	MXFP4: {"MXFP4", 32, 17, Q8_0, encodeMXFP4, decodeMXFP4},
	NVFP4: {"NVFP4", 64, 36, Q8_0, encodeNVFP4, decodeNVFP4},
	Q2_0:  {"Q2_0", 64, 18, Q8_0, encodeQ2, decodeQ2},
}

// Types lists the types that this package converts, by their numbers.
func Types() []Type {
	var all []Type
	for t, c := range codecs {
		if c.name != "" {
			all = append(all, Type(t))
		}
	}
	return all
}

func (t Type) codec() (codec, error) {
	if int64(t) < int64(len(codecs)) && codecs[t].name != "" {
		return codecs[t], nil
	}
	return codec{}, fmt.Errorf("ggml: type %d is not one of %s", uint32(t), names())
}

// names are those of all types, in one line.
func names() string {
	var list []string
	for _, c := range codecs {
		if c.name != "" {
			list = append(list, c.name)
		}
	}
	return strings.Join(list, ", ")
}

// Parse returns the type with a name of String.
func Parse(name string) (Type, error) {
	for t, c := range codecs {
		if name != "" && c.name == name {
			return Type(t), nil
		}
	}
	return 0, fmt.Errorf("ggml: type %q is not one of %s", name, names())
}

// String returns the type's name in GGML.
func (t Type) String() string {
	c, err := t.codec()
	if err != nil {
		return fmt.Sprintf("Type(%d)", uint32(t))
	}
	return c.name
}

// Block is how many values share a block, 0 for an unknown type.
func (t Type) Block() int {
	c, _ := t.codec()
	return c.values
}

// Bytes is the size of n values, which are whole blocks; 0 for an unknown type.
func (t Type) Bytes(n int) int {
	c, err := t.codec()
	if err != nil {
		return 0
	}
	return n / c.values * c.bytes
}

// Operand is the type that GGML rounds activations to before it multiplies them
// with weights of type t on a CPU.
func (t Type) Operand() Type {
	c, _ := t.codec()
	return c.operand
}

// check returns the codec for n values in size bytes.
func (t Type) check(n, size int) (codec, error) {
	c, err := t.codec()
	switch {
	case err != nil:
		return c, err
	case n%c.values != 0:
		return c, fmt.Errorf("ggml: %d values are no whole blocks of %s, which have %d", n, c.name, c.values)
	case n/c.values != size/c.bytes || size%c.bytes != 0:
		return c, fmt.Errorf("ggml: %d bytes for %d values of %s, want %d", size, n, c.name, n/c.values*c.bytes)
	}
	return c, nil
}

// Encode writes x, rows of whole blocks one after the other, to the Bytes(len(x))
// bytes of dst.
func (t Type) Encode(dst []byte, x []float32) error {
	c, err := t.check(len(x), len(dst))
	if err != nil {
		return err
	}
	if c.values == 1 {
		return c.encode(dst, x)
	}
	for i := range len(x) / c.values {
		if err := c.encode(dst[i*c.bytes:(i+1)*c.bytes], x[i*c.values:(i+1)*c.values]); err != nil {
			return fmt.Errorf("ggml: %s block %d: %w", c.name, i, err)
		}
	}
	return nil
}

// Decode writes the values in src to x.
func (t Type) Decode(x []float32, src []byte) error {
	c, err := t.check(len(x), len(src))
	if err != nil {
		return err
	}
	if c.values == 1 {
		c.decode(x, src)
		return nil
	}
	for i := range len(x) / c.values {
		c.decode(x[i*c.values:(i+1)*c.values], src[i*c.bytes:(i+1)*c.bytes])
	}
	return nil
}

// Round replaces x, whole blocks, by the values that their encoding has. After an
// error x is as it was.
func (t Type) Round(x []float32) error {
	raw := make([]byte, t.Bytes(len(x)))
	if err := t.Encode(raw, x); err != nil {
		return err
	}
	return t.Decode(x, raw)
}

// absMax returns max|x| of finite values.
func absMax(x []float32) (float32, error) {
	a := math.Float32frombits(lanes.AbsMax(x))
	if a-a != 0 {
		for i, v := range x {
			if v-v != 0 {
				return 0, fmt.Errorf("value %d is %v", i, v)
			}
		}
	}
	return a, nil
}

// putScale writes d as binary16 and returns its reciprocal, zero if there is none.
func putScale(dst []byte, d float32) (reciprocal float32, err error) {
	if d >= 65520 || d <= -65520 {
		return 0, fmt.Errorf("the scale %v is beyond binary16", d)
	}
	binary.LittleEndian.PutUint16(dst, minifloat.F16.Encode(d))
	if reciprocal = 1 / d; reciprocal-reciprocal != 0 {
		return 0, nil
	}
	return reciprocal, nil
}

func getScale(src []byte) float32 { return minifloat.F16.Decode(binary.LittleEndian.Uint16(src)) }

// roundAway rounds to nearest, ties away from zero. The sum is exact.
func roundAway(v float32) int { return int(float64(v) + math.Copysign(0.5, float64(v))) }
