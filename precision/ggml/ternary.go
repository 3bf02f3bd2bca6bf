package ggml

import "math"

// The codes of ternary types are found two values at a time, in the halves of a word.
const (
	magnitudes = 0x7FFFFFFF_7FFFFFFF
	signs      = 0x80000000_80000000
)

// least is a threshold: added to the magnitudes of two values it carries into the sign
// of those that round to the scale and not to zero.
type least uint64

// ternaryScale writes the scale of x and returns what is at least half of it, which
// is to say: x times the scale's reciprocal is at least 1/2.
func ternaryScale(scale []byte, x []float32) (least, error) {
	a, err := absMax(x)
	if err != nil {
		return 0, err
	}
	reciprocal, err := putScale(scale, a)
	if err != nil || reciprocal == 0 {
		return 0, err // no magnitude carries
	}
	half := math.Float32bits(a / 2) // the smallest that does is a rounding away
	for math.Float32frombits(half)*reciprocal < 0.5 {
		half++
	}
	for half > 0 && math.Float32frombits(half-1)*reciprocal >= 0.5 {
		half--
	}
	one := uint64(1<<31 - half)
	return least(one | one<<32), nil
}

// pair returns the codes 0, 1 and 2 of -d, 0 and d, of two values.
func (l least) pair(x []float32, i int) uint64 {
	v := uint64(math.Float32bits(x[i])) | uint64(math.Float32bits(x[i+1]))<<32
	some := v&magnitudes + uint64(l)
	return (^some&signs)>>31 | (some&^v&signs)>>30
}

func encodeTQ2(dst []byte, x []float32) error {
	l, err := ternaryScale(dst[64:], x)
	if err != nil {
		return err
	}
	for half := range 2 {
		part, out := x[128*half:128*(half+1)], dst[32*half:32*(half+1)]
		for m := 0; m < 32; m += 2 {
			w := l.pair(part, m) | l.pair(part, m+32)<<2 | l.pair(part, m+64)<<4 | l.pair(part, m+96)<<6
			out[m], out[m+1] = byte(w), byte(w>>32)
		}
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
	l, err := ternaryScale(dst, x)
	if err != nil {
		return err
	}
	for i := range 16 {
		low, high := l.pair(x, 4*i), l.pair(x, 4*i+2)
		dst[2+i] = byte(low | low>>30 | high<<4 | high>>26)
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

// tq1Byte has ⌈v·256/243⌉ for a number v of five trits.
var tq1Byte = func() (table [243]byte) {
	for v := range table {
		table[v] = byte((v*256 + 242) / 243)
	}
	return table
}()

func encodeTQ1(dst []byte, x []float32) error {
	l, err := ternaryScale(dst[52:], x)
	if err != nil {
		return err
	}
	for i := 0; i < 52; i += 2 {
		first, stride, count := tq1Place(i)
		w := uint64(0)
		for n := range count {
			w = 3*w + l.pair(x, first+n*stride)
		}
		if count == 4 {
			w *= 3
		}
		dst[i], dst[i+1] = tq1Byte[byte(w)], tq1Byte[byte(w>>32)]
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
