package ggml

import "fmt"

// furthest returns the first of the values with the largest magnitude.
func furthest(x []float32) (float32, error) {
	a, err := absMax(x)
	if err != nil {
		return 0, err
	}
	for _, v := range x {
		if v == a || v == -a {
			return v, nil
		}
	}
	return 0, nil // of no values
}

// putHalves writes codes below 16: that of value i in the low half of byte i, that
// of the one half a block later in the high half.
func putHalves(dst []byte, code func(i int) uint8) {
	for i := range dst {
		dst[i] = code(i) | code(len(dst)+i)<<4
	}
}

func encodeQ40(dst []byte, x []float32) error {
	m, err := furthest(x)
	if err != nil {
		return err
	}
	reciprocal, err := putScale(dst, m/-8)
	if err != nil {
		return err
	}
	putHalves(dst[2:], func(i int) uint8 { return uint8(min(15, int8(float32(x[i]*reciprocal)+8.5))) })
	return nil
}

func decodeQ40(x []float32, src []byte) {
	d := getScale(src)
	for i, b := range src[2:] {
		x[i] = float32(int(b&0xF)-8) * d
		x[16+i] = float32(int(b>>4)-8) * d
	}
}

func encodeQ41(dst []byte, x []float32) error {
	if _, err := absMax(x); err != nil {
		return err
	}
	low, high := x[0], x[0]
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	reciprocal, err := putScale(dst, (high-low)/15)
	if err != nil {
		return err
	}
	if _, err := putScale(dst[2:], low); err != nil {
		return fmt.Errorf("the smallest value: %w", err)
	}
	putHalves(dst[4:], func(i int) uint8 { return uint8(min(15, int8(float32((x[i]-low)*reciprocal)+0.5))) })
	return nil
}

func decodeQ41(x []float32, src []byte) {
	d, low := getScale(src), getScale(src[2:])
	for i, b := range src[4:] {
		x[i] = float32(float32(b&0xF)*d) + low
		x[16+i] = float32(float32(b>>4)*d) + low
	}
}
