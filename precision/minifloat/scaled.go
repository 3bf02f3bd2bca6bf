package minifloat

import (
	"fmt"
	"iter"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
)

// Part is how many neighbours share a factor in the methods with factors.
const Part = lanes.Part

// span is a range of values.
type span struct{ from, to int }

// parts yields the factors of the n values from done on, with the values that
// they are for: the only factor is for all.
func parts(done, n int, factors []float32) iter.Seq2[float32, span] {
	return func(yield func(float32, span) bool) {
		if len(factors) == 1 {
			yield(factors[0], span{done, n})
			return
		}
		for ; done < n; done += Part {
			if !yield(factors[done/Part], span{done, min(done+Part, n)}) {
				return
			}
		}
	}
}

// EncodeScaled is Encode of x·factor.
func (e Encoder) EncodeScaled(dst []uint8, x []float32, factor float32) error {
	return e.EncodeParts(dst, x, []float32{factor})
}

// EncodeParts is EncodeScaled with one factor for all or one for each Part values
// begun.
func (e Encoder) EncodeParts(dst []uint8, x, factors []float32) error {
	if len(dst) != len(x) {
		return lengthError("codes", len(dst), len(x))
	}
	if err := e.checkParts(x, factors); err != nil {
		return err
	}
	e.encode(dst, x, factors)
	return nil
}

// checkParts checks the number of factors and looks for NaN.
func (e Encoder) checkParts(x, factors []float32) error {
	if err := checkFactors(len(x), factors); err != nil || !e.rejects {
		return err
	}
	return rejectNaN(x)
}

func checkFactors(n int, factors []float32) error {
	if want := (n + Part - 1) / Part; len(factors) != 1 && len(factors) != want {
		return fmt.Errorf("minifloat: %d factors for %d values, want 1 or %d", len(factors), n, want)
	}
	return nil
}

// EncodePairs is EncodeScaled for a format of four bits, with two codes a byte:
// that of x[2i] in the low half of dst[i] and that of x[2i+1] in the high half.
func (e Encoder) EncodePairs(dst []uint8, x []float32, factor float32) error {
	return e.EncodePairParts(dst, x, []float32{factor})
}

// EncodePairParts is EncodePairs with the factors of EncodeParts.
func (e Encoder) EncodePairParts(dst []uint8, x, factors []float32) error {
	if err := checkPairs(e.format, len(dst), len(x)); err != nil {
		return err
	}
	if err := e.checkParts(x, factors); err != nil {
		return err
	}
	done := 0
	if e.lanes != nil {
		done = lanes.EncodePairs(dst, x, factors, e.lanes)
	}
	for f, part := range parts(done, len(x), factors) {
		e.pairs(dst[part.from/2:part.to/2], x[part.from:part.to], f)
	}
	return nil
}

// pairs looks up the codes of x·factor.
func (e Encoder) pairs(dst []uint8, x []float32, factor float32) {
	t := e.table
	for i := range dst {
		pair := (*[2]float32)(x[2*i:])
		low := t[class(math.Float32bits(pair[0]*factor))%uint32(len(t))]
		high := t[class(math.Float32bits(pair[1]*factor))%uint32(len(t))]
		dst[i] = low | high<<4
	}
}

// DecodeScaled writes factor times the values of the codes, one a byte, to dst,
// which must be as long.
func (f Format) DecodeScaled(dst []float32, codes []uint8, factor float32) error {
	return f.DecodeParts(dst, codes, []float32{factor})
}

// DecodeParts is DecodeScaled with the factors of EncodeParts.
func (f Format) DecodeParts(dst []float32, codes []uint8, factors []float32) error {
	if len(dst) != len(codes) {
		return lengthError("values", len(dst), len(codes))
	}
	if err := checkFactors(len(dst), factors); err != nil {
		return err
	}
	done := lanes.Decode(dst, codes, factors, decodings[f])
	for factor, part := range parts(done, len(dst), factors) {
		f.product(dst[part.from:part.to], codes[part.from:part.to], factor)
	}
	return nil
}

// product looks up factor times the values.
func (f Format) product(dst []float32, codes []uint8, factor float32) {
	table, dst := &decodeTables[f], dst[:len(codes)]
	for i, c := range codes {
		dst[i] = table[c] * factor
	}
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
	return f.DecodePairParts(dst, packed, []float32{factor}, 1)
}

// DecodePairParts is DecodePairs with the factors of EncodeParts, and multiplies
// the products with one more number, then.
func (f Format) DecodePairParts(dst []float32, packed []uint8, factors []float32, then float32) error {
	if err := checkPairs(f, len(packed), len(dst)); err != nil {
		return err
	}
	if err := checkFactors(len(dst), factors); err != nil {
		return err
	}
	done := lanes.DecodePairs(dst, packed, factors, then)
	for factor, part := range parts(done, len(dst), factors) {
		to := dst[part.from:part.to]
		for i, b := range packed[part.from/2 : part.to/2] {
			values, pair := &pairs[b], (*[2]float32)(to[2*i:])
			pair[0], pair[1] = values[0]*factor*then, values[1]*factor*then
		}
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
