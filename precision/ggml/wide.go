package ggml

import (
	"encoding/binary"
	"math"

	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// Conversions of the types whose blocks are one value. They keep infinities and
// NaN, as GGML does.

func encodeF32(dst []byte, x []float32) error {
	for i, v := range x {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
	}
	return nil
}

func decodeF32(x []float32, src []byte) {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func encodeF16(dst []byte, x []float32) error  { return encodeWide(minifloat.F16, dst, x) }
func decodeF16(x []float32, src []byte)        { decodeWide(minifloat.F16, x, src) }
func encodeBF16(dst []byte, x []float32) error { return encodeWide(minifloat.BF16, dst, x) }
func decodeBF16(x []float32, src []byte)       { decodeWide(minifloat.BF16, x, src) }

func encodeWide(w minifloat.Wide, dst []byte, x []float32) error {
	var codes [256]uint16
	for len(x) > 0 {
		part := x[:min(len(x), len(codes))]
		if err := w.EncodeSlice(codes[:len(part)], part, minifloat.Propagate); err != nil {
			return err
		}
		for i, c := range codes[:len(part)] {
			binary.LittleEndian.PutUint16(dst[2*i:], c)
		}
		x, dst = x[len(part):], dst[2*len(part):]
	}
	return nil
}

func decodeWide(w minifloat.Wide, x []float32, src []byte) {
	for i := range x {
		x[i] = w.Decode(binary.LittleEndian.Uint16(src[2*i:]))
	}
}
