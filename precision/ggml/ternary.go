package ggml

import "math"

const (
	magnitude = 1<<31 - 1
	half      = 126 << 23 // the bits of 1/2
)

// trits returns round(x/max|x|)+1 of up to 256 values and writes the scale.
func trits(scale []byte, x []float32) (q [256]uint8, err error) {
	a, err := absMax(x)
	if err != nil {
		return q, err
	}
	reciprocal, err := putScale(scale, a)
	if err != nil {
		return q, err
	}
	for i, v := range x {
		bits := math.Float32bits(v * reciprocal)
		one := 1 - (bits&magnitude-half)>>31 // at least 1/2, at most about 1
		q[i] = uint8(1 + one - bits>>31<<1&(one<<1))
	}
	return q, nil
}

func encodeTQ2(dst []byte, x []float32) error {
	q, err := trits(dst[64:], x)
	if err != nil {
		return err
	}
	for i := range 64 {
		first := i/32*128 + i%32
		dst[i] = q[first] | q[first+32]<<2 | q[first+64]<<4 | q[first+96]<<6
	}
	return nil
}

func decodeTQ2(x []float32, src []byte) {
	d := getScale(src[64:])
	for i, b := range src[:64] {
		first := i/32*128 + i%32
		for n := range 4 {
			x[first+32*n] = float32(int(b>>(2*n)&3)-1) * d
		}
	}
}

func encodeQ2(dst []byte, x []float32) error {
	q, err := trits(dst, x)
	if err != nil {
		return err
	}
	for i := range 16 {
		dst[2+i] = q[4*i] | q[4*i+1]<<2 | q[4*i+2]<<4 | q[4*i+3]<<6
	}
	return nil
}

func decodeQ2(x []float32, src []byte) {
	d := getScale(src)
	for i, b := range src[2:] {
		for n := range 4 {
			x[4*i+n] = float32(int(b>>(2*n)&3)-1) * d
		}
	}
}

// tq1Place returns the first value of byte i of TQ1_0, the distance to the next in
// it, and how many there are.
func tq1Place(i int) (first, stride, count int) {
	switch {
	case i < 32:
		return i, 32, 5
	case i < 48:
		return 128 + i, 16, 5
	default:
		return 192 + i, 4, 4
	}
}

// tq1Trits has the values of a byte's five trits.
var tq1Trits = func() (table [256][5]float32) {
	for b := range table {
		power := 1
		for n := range table[b] {
			table[b][n] = float32(b*power%256*3/256 - 1)
			power *= 3
		}
	}
	return table
}()

func encodeTQ1(dst []byte, x []float32) error {
	q, err := trits(dst[52:], x)
	if err != nil {
		return err
	}
	for i := range 52 {
		first, stride, count := tq1Place(i)
		v := 0
		for n := range 5 {
			v *= 3
			if n < count {
				v += int(q[first+n*stride])
			}
		}
		dst[i] = byte((v*256 + 242) / 243)
	}
	return nil
}

func decodeTQ1(x []float32, src []byte) {
	d := getScale(src[52:])
	for i, b := range src[:52] {
		first, stride, count := tq1Place(i)
		for n, trit := range tq1Trits[b][:count] {
			x[first+n*stride] = trit * d
		}
	}
}
