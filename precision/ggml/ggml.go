package ggml

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Type is a block type by its number in GGUF files.
type Type uint32

// The block types.
const (
	Q8_0  Type = 8
	TQ1_0 Type = 34
	TQ2_0 Type = 35
	MXFP4 Type = 39
	NVFP4 Type = 40
	Q2_0  Type = 42
)

// codec is what a block type consists of.
type codec struct {
	name   string
	values int // of a block
	bytes  int
	encode func(dst []byte, x []float32) error
	decode func(x []float32, src []byte)
}

func (t Type) codec() (codec, error) {
	switch t {
	case Q8_0:
		return codec{"Q8_0", 32, 34, encodeQ8, decodeQ8}, nil
	case TQ1_0:
		return codec{"TQ1_0", 256, 54, encodeTQ1, decodeTQ1}, nil
	case TQ2_0:
		return codec{"TQ2_0", 256, 66, encodeTQ2, decodeTQ2}, nil
	case Q2_0:
		return codec{"Q2_0", 64, 18, encodeQ2, decodeQ2}, nil
	case MXFP4:
		return codec{"MXFP4", 32, 17, encodeMXFP4, decodeMXFP4}, nil
	case NVFP4:
		return codec{"NVFP4", 64, 36, encodeNVFP4, decodeNVFP4}, nil
	}
	return codec{}, fmt.Errorf("ggml: type %d is not one of Q8_0, TQ1_0, TQ2_0, Q2_0, MXFP4 and NVFP4", uint32(t))
}

// Parse returns the type with a name of String.
func Parse(name string) (Type, error) {
	for _, t := range []Type{Q8_0, TQ1_0, TQ2_0, MXFP4, NVFP4, Q2_0} {
		if t.String() == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("ggml: type %q is not one of Q8_0, TQ1_0, TQ2_0, Q2_0, MXFP4 and NVFP4", name)
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
	for i := range len(x) / c.values {
		c.decode(x[i*c.values:(i+1)*c.values], src[i*c.bytes:(i+1)*c.bytes])
	}
	return nil
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
	if d >= 65520 {
		return 0, fmt.Errorf("the scale %v is beyond binary16", d)
	}
	binary.LittleEndian.PutUint16(dst, minifloat.F16.Encode(d))
	if reciprocal = 1 / d; reciprocal > math.MaxFloat32 {
		return 0, nil
	}
	return reciprocal, nil
}

func getScale(src []byte) float32 { return minifloat.F16.Decode(binary.LittleEndian.Uint16(src)) }

// roundAway rounds to nearest, ties away from zero.
func roundAway(v float32) int { return int(math.Round(float64(v))) }

func encodeQ8(dst []byte, x []float32) error {
	a, err := absMax(x)
	if err != nil {
		return err
	}
	reciprocal, err := putScale(dst, a/127)
	if err != nil {
		return err
	}
	for i, v := range x {
		dst[2+i] = byte(int8(roundAway(v * reciprocal)))
	}
	return nil
}

func decodeQ8(x []float32, src []byte) {
	d := getScale(src)
	for i, c := range src[2:] {
		x[i] = float32(int8(c)) * d
	}
}
