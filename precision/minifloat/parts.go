package minifloat

import (
	"fmt"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
)

// Part is how many neighbours share a factor in EncodeParts and DecodeParts.
const Part = lanes.Part

// EncodeParts is Encode of x times factors, one for each Part values begun.
func (e Encoder) EncodeParts(dst []uint8, x, factors []float32) error {
	if err := checkParts("codes", len(dst), len(x), len(factors)); err != nil {
		return err
	}
	if e.rejects {
		if err := rejectNaN(x); err != nil {
			return err
		}
	}
	done := 0
	if e.lanes != nil {
		done = lanes.Encode(dst, x, factors, e.lanes)
	}
	x, factors = x[done:], factors[done/Part:]
	dst = dst[done:][:len(x)]
	for i, v := range x {
		dst[i] = e.Code(v * factors[i/Part])
	}
	return nil
}

// DecodeParts writes the values of the codes, one a byte, times factors as in
// EncodeParts, and those products times then.
func (f Format) DecodeParts(dst []float32, codes []uint8, factors []float32, then float32) error {
	if err := checkParts("values", len(dst), len(codes), len(factors)); err != nil {
		return err
	}
	table, dst := &decodeTables[f], dst[:len(codes)]
	for i, c := range codes {
		dst[i] = table[c] * factors[i/Part] * then
	}
	return nil
}

func checkParts(what string, have, want, factors int) error {
	if have != want {
		return lengthError(what, have, want)
	}
	if parts := (want + Part - 1) / Part; factors != parts {
		return fmt.Errorf("minifloat: %d factors for %d values, want %d", factors, want, parts)
	}
	return nil
}
