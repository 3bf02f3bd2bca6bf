package ggml

import (
	"encoding/binary"
	"math"
)

func encodeQ80(dst []byte, x []float32) error {
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

func decodeQ80(x []float32, src []byte) {
	d := getScale(src)
	for i, c := range src[2:] {
		x[i] = float32(int8(c)) * d
	}
}

// encodeQ81 has, beside what Q8_0 has, the sum of the values as coded, which
// products with the smallest value of a Q4_1 block need.
func encodeQ81(dst []byte, x []float32) error {
	if err := encodeQ80(dst[2:], x); err != nil {
		return err
	}
	copy(dst, dst[2:4])
	sum := 0
	for _, c := range dst[4:] {
		sum += int(int8(c))
	}
	a, err := absMax(x)
	if err != nil {
		return err
	}
	_, err = putScale(dst[2:], float32(sum)*(a/127))
	return err
}

func decodeQ81(x []float32, src []byte) {
	d := getScale(src)
	for i, c := range src[4:] {
		x[i] = float32(int8(c)) * d
	}
}

// encodeQ8K scales by the value furthest from zero, which gets the code -127, and
// keeps the sums of sixteen codes each.
func encodeQ8K(dst []byte, x []float32) error {
	m, err := furthest(x)
	if err != nil {
		return err
	}
	clear(dst)
	if m == 0 {
		return nil
	}
	inverse := -127 / m
	if inverse-inverse != 0 {
		return nil // so close to zero that it has none
	}
	binary.LittleEndian.PutUint32(dst, math.Float32bits(1/inverse))
	for part := range 16 {
		sum := int16(0)
		for i := 16 * part; i < 16*(part+1); i++ {
			code := min(127, int(math.RoundToEven(float64(inverse*x[i]))))
			dst[4+i] = byte(int8(code))
			sum += int16(code)
		}
		binary.LittleEndian.PutUint16(dst[260+2*part:], uint16(sum))
	}
	return nil
}

func decodeQ8K(x []float32, src []byte) {
	d := math.Float32frombits(binary.LittleEndian.Uint32(src))
	for i, c := range src[4:260] {
		x[i] = float32(int8(c)) * d
	}
}
