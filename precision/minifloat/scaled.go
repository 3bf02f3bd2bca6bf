package minifloat

import (
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
)

// EncodeScaled is Encode of x·factor.
func (e Encoder) EncodeScaled(dst []uint8, x []float32, factor float32) error {
	if len(dst) != len(x) {
		return lengthError("codes", len(dst), len(x))
	}
	if e.rejects {
		if err := rejectNaN(x); err != nil {
			return err
		}
	}
	e.encode(dst, x, factor)
	return nil
}

// EncodePairs is EncodeScaled for a format of four bits, with two codes a byte:
// that of x[2i] in the low half of dst[i] and that of x[2i+1] in the high half.
func (e Encoder) EncodePairs(dst []uint8, x []float32, factor float32) error {
	if err := checkPairs(e.format, len(dst), len(x)); err != nil {
		return err
	}
	if e.rejects {
		if err := rejectNaN(x); err != nil {
			return err
		}
	}
	if e.lanes != nil {
		done := lanes.EncodePairs(dst, x, []float32{factor}, e.lanes)
		dst, x = dst[done/2:], x[done:]
	}
	t := e.table
	for i := range dst {
		pair := (*[2]float32)(x[2*i:])
		low := t[class(math.Float32bits(pair[0]*factor))%uint32(len(t))]
		high := t[class(math.Float32bits(pair[1]*factor))%uint32(len(t))]
		dst[i] = low | high<<4
	}
	return nil
}

// DecodeScaled writes factor times the values of the codes, one a byte, to dst,
// which must be as long.
func (f Format) DecodeScaled(dst []float32, codes []uint8, factor float32) error {
	if len(dst) != len(codes) {
		return lengthError("values", len(dst), len(codes))
	}
	f.decode(dst, codes, factor)
	return nil
}

// pairs has the two values of each byte of E2M1 codes.
var pairs = func() (table [256][2]float32) {
	for b := range table {
		table[b] = [2]float32{E2M1.Decode(uint8(b)), E2M1.Decode(uint8(b >> 4))}
	}
	return table
}()

// DecodePairs is DecodeScaled of what EncodePairs writes.
func (f Format) DecodePairs(dst []float32, packed []uint8, factor float32) error {
	if err := checkPairs(f, len(packed), len(dst)); err != nil {
		return err
	}
	done := lanes.DecodePairs(dst, packed, []float32{factor}, 1)
	dst, packed = dst[done:], packed[done/2:]
	for i, b := range packed {
		values := &pairs[b]
		pair := (*[2]float32)(dst[2*i:])
		pair[0], pair[1] = values[0]*factor, values[1]*factor
	}
	return nil
}

func checkPairs(f Format, bytes, values int) error {
	switch {
	case f.Bits() != 4:
		return fmt.Errorf("minifloat: codes of %s do not fit half a byte", f)
	case 2*bytes != values:
		return lengthError("values in pairs", 2*bytes, values)
	}
	return nil
}
