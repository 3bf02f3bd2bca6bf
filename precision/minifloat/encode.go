package minifloat

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
)

// Rounding chooses between the two grid values next to a value.
type Rounding uint8

// The roundings to the nearest. They differ in what they do with midpoints.
const (
	NearestEven Rounding = iota // to the even code: IEEE 754 and every hardware
	NearestAway                 // away from zero: microxcaling's default
	NearestZero                 // toward zero: GGML's search and Quartet's thresholds
	numRoundings
)

// Overflow says what becomes of values beyond the largest one.
type Overflow uint8

// The overflow policies.
const (
	// Saturate turns them, infinities included, into the largest value.
	Saturate Overflow = iota
	// Propagate turns what does not round to the largest value into infinity, or
	// NaN where the format has no infinity. E2M1 has neither and saturates.
	Propagate
	numOverflows
)

// NaN says what becomes of NaN.
type NaN uint8

// The NaN policies.
const (
	NaNKeep  NaN = iota // NaN with its sign; an error in a format that has none
	NaNError            // an error in every format
	NaNZero             // zero with the NaN's sign
	numNaNs
)

// Mode is how values become codes. The zero Mode rounds to nearest even,
// saturates and keeps NaN.
type Mode struct {
	Round    Rounding
	Overflow Overflow
	NaN      NaN
}

// Encoder turns float32 into codes in one mode. It is a value of a few words
// and safe for concurrent use.
//
// The table holds the code of every class of float32 that a format of at most
// three mantissa bits cannot tell apart: sign, exponent, four mantissa bits, and
// whether any of the other nineteen is set. Grid values and midpoints have at
// most four mantissa bits, so that all values of a class round alike.
//
// Rounding to even is also done many values at a time, where that is possible.
type Encoder struct {
	table  *table
	lanes  *lanes.Encoding // nil: not in this mode
	format Format
	// rejects says that NaN is an error.
	rejects bool
}

type table [1 << 14]uint8

// stickyBits is how many mantissa bits a class merges.
const stickyBits = 19

// class returns the index of a float32 in a table.
func class(bits uint32) uint32 {
	const low = 1<<stickyBits - 1
	return bits>>(stickyBits-1)&^1 | (bits&low+low)>>stickyBits
}

// Path is how slices are encoded in this build and on this processor, rounding to
// nearest even: "avx2" or "portable". Both give the same codes.
func Path() string {
	if lanes.AVX2() {
		return "avx2"
	}
	return "portable"
}

var tables [numFormats][numRoundings][numOverflows][2]atomic.Pointer[table]

// NewEncoder returns the encoder of a mode. The first call for a mode fills a
// table of 16 KiB; later calls cost nothing.
func NewEncoder(f Format, m Mode) (Encoder, error) {
	if f >= numFormats || m.Round >= numRoundings || m.Overflow >= numOverflows || m.NaN >= numNaNs {
		return Encoder{}, fmt.Errorf("minifloat: no such mode: format %d, %+v", f, m)
	}
	zero := 0
	if m.NaN == NaNZero {
		zero = 1
	}
	place := &tables[f][m.Round][m.Overflow][zero]
	t := place.Load()
	if t == nil { // two goroutines may fill it, with the same bytes
		t = fill(f, m)
		place.Store(t)
	}
	e := Encoder{table: t, format: f, rejects: f.rejects(m.NaN)}
	if m.Round == NearestEven {
		e.lanes = encodings[f][m.Overflow][zero]
	}
	return e, nil
}

// rejects says whether NaN is an error.
func (f Format) rejects(policy NaN) bool {
	return policy == NaNError || policy == NaNKeep && layouts[f].nan == 0
}

// encodings are by overflow and by whether NaN becomes zero.
var encodings = func() (all [numFormats][numOverflows][2]*lanes.Encoding) {
	for f := range numFormats {
		for o := range numOverflows {
			with := layouts[f].lanes()
			all[f][o][0] = lanes.NewEncoding(with, o == Propagate && with.NaN != 0)
			with.NaN = 0
			all[f][o][1] = lanes.NewEncoding(with, o == Propagate && layouts[f].nan != 0)
		}
	}
	return all
}()

func fill(f Format, m Mode) *table {
	t := new(table)
	for i := range t {
		// one value of the class: a sticky bit stands for any
		bits := uint32(i)>>1<<stickyBits | uint32(i)&1
		t[i] = uint8(layouts[f].cast(math.Float32frombits(bits), m))
	}
	return t
}

// cast rounds x: with e the exponent of |x|, at least the format's smallest,
// and step 2^(e-M), the code of |x| is (e+bias)·2^M + |x|/step - 2^M, for normal
// and subnormal values and for those that round up into the next binade.
func (l *layout) cast(x float32, m Mode) uint32 {
	bits := math.Float32bits(x)
	sign := bits >> 31 * l.signBit()
	a := math.Float32frombits(bits &^ (1 << 31))
	switch {
	case a != a:
		if m.NaN == NaNZero {
			return sign
		}
		return sign | l.nan
	case m.Overflow == Saturate || l.nan == 0:
		a = min(a, l.value(l.maxCode))
	case math.IsInf(float64(a), 0):
		return sign | l.overflowed()
	}
	e, step := l.step(a)
	r := round(float64(a)/float64(step), m.Round)
	code := uint32((e+l.bias-1)<<l.mantissa + int(r))
	if code > l.maxCode {
		code = l.overflowed()
	}
	return sign | code
}

// overflowed is the magnitude's code of what is too large.
func (l *layout) overflowed() uint32 {
	if l.infinity != 0 {
		return l.infinity
	}
	return l.nan
}

// step returns the exponent that decides the step at a ≥ 0, and the step.
func (l *layout) step(a float32) (e int, step float32) {
	e = max(int(math.Float32bits(a)>>23)-127, 1-l.bias)
	return e, math.Float32frombits(uint32(e-l.mantissa+127) << 23)
}

func round(x float64, mode Rounding) float64 {
	switch mode {
	case NearestAway:
		return math.Round(x)
	case NearestZero:
		return math.Ceil(x - 0.5)
	default:
		return math.RoundToEven(x)
	}
}

// Format returns the format of the codes.
func (e Encoder) Format() Format { return e.format }

// Code returns the code of x. Where NaN is an error it gives some code: use
// Encode to be told.
func (e Encoder) Code(x float32) uint8 {
	return e.table[class(math.Float32bits(x))%uint32(len(e.table))]
}

// Encode writes the codes of x, one a byte, to dst, which must be as long. It
// fails at the first NaN if the mode rejects NaN.
func (e Encoder) Encode(dst []uint8, x []float32) error {
	if len(dst) != len(x) {
		return lengthError("codes", len(dst), len(x))
	}
	if e.rejects {
		if err := rejectNaN(x); err != nil {
			return err
		}
	}
	done := 0
	if e.lanes != nil {
		done = lanes.Encode(dst, x, nil, e.lanes)
	}
	x = x[done:]
	dst = dst[done:][:len(x)]
	for i, v := range x {
		dst[i] = e.Code(v)
	}
	return nil
}

// rejectNaN returns an error that names the first NaN.
func rejectNaN(x []float32) error {
	if lanes.AbsMax(x) <= infinity32 {
		return nil
	}
	for i, v := range x {
		if v != v {
			return fmt.Errorf("minifloat: value %d is NaN", i)
		}
	}
	return nil
}

// Encode returns the code of x in the zero Mode; NaN gives zero in E2M1, which
// has none.
func (f Format) Encode(x float32) uint8 {
	e, err := NewEncoder(f, Mode{})
	if err != nil {
		return 0 // not a format
	}
	return e.Code(x)
}
