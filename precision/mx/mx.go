package mx

import (
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Block is how many elements of an MX format share a scale.
const Block = 32

// NaNScale is the scale of a block that holds an infinity or NaN: all of its
// elements are NaN.
const NaNScale = minifloat.NaNE8M0

// ScaleRule chooses a block's power of two from its largest magnitude.
type ScaleRule uint8

// The scale rules, with a = max|x| and V = 2^E·s the largest value, 1 ≤ s < 2.
const (
	Floor     ScaleRule = iota // ⌊log2 a⌋ - E: the specification's; the largest elements may saturate
	RoundUp                    // a·f32(1/V) up to a power of two: cuBLAS and "RCEIL"
	Ceil                       // ⌈log2 a⌉ - E: may leave a binade unused
	Even                       // Floor of a rounded to the format's mantissa
	TruncFree                  // the least exponent that does not saturate, exactly
	numRules
)

var ruleNames = [numRules]string{"floor", "rceil", "ceil", "even", "truncfree"}

// String returns the name of the rule in policies.
func (r ScaleRule) String() string { return ruleNames[r] }

// ParseRule returns the rule with a name of String.
func ParseRule(name string) (ScaleRule, error) {
	for r := range numRules {
		if ruleNames[r] == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("mx: scale rule %q is unknown, want one of %q", name, ruleNames)
}

// Format is an MX format: elements, the rule for scales and how codes lie in
// bytes.
type Format struct {
	Elem   minifloat.Format
	Scale  ScaleRule
	Round  minifloat.Rounding // of elements; stochastic rounding is a method
	Layout Layout             // of four-bit codes

	// ThreeQuarters multiplies the scaled elements by 3/4, so that stochastic
	// rounding after Floor saturates nowhere (arXiv:2502.20586). Decode does not
	// undo it.
	ThreeQuarters bool
}

// The formats of the specification with the scales of its text.
var (
	MXFP4     = Format{Elem: minifloat.E2M1}
	MXFP8E4M3 = Format{Elem: minifloat.E4M3}
	MXFP8E5M2 = Format{Elem: minifloat.E5M2}
)

// String names the format and its rule: "mxfp4/floor", "mxfp8_e4m3/rceil".
func (f Format) String() string {
	name := "mxfp8_" + f.Elem.String()
	if f.Elem == minifloat.E2M1 {
		name = "mxfp4"
	}
	return name + "/" + f.Scale.String()
}

// CodeBytes is how many bytes the codes of n values take.
func (f Format) CodeBytes(n int) int {
	if f.packed() {
		return n / 2
	}
	return n
}

// Scales is how many scales n values have.
func (f Format) Scales(n int) int { return n / Block }

// BitsPerValue is the size of codes and scales.
func (f Format) BitsPerValue() float64 {
	return float64(8*f.CodeBytes(Block)+8) / Block
}

func (f Format) packed() bool { return f.Elem == minifloat.E2M1 && f.Layout != Bytes }

// Encode writes the codes and scales of x, rows of a multiple of Block values
// one after the other. It wants CodeBytes(len(x)) codes and Scales(len(x)) scales.
func (f Format) Encode(codes, scales []uint8, x []float32) error {
	return f.encode(codes, scales, x, nil)
}

// EncodeUniform is Encode with elements rounded stochastically by the uniforms u,
// one for each value.
func (f Format) EncodeUniform(codes, scales []uint8, x, u []float32) error {
	if len(u) != len(x) {
		return fmt.Errorf("mx: %d uniforms for %d values", len(u), len(x))
	}
	return f.encode(codes, scales, x, &noise{u: u})
}

// EncodeKeyed is EncodeUniform with uniforms from a key. first is the index of
// x[0] in its tensor.
func (f Format) EncodeKeyed(codes, scales []uint8, x []float32, key rounding.Key, first uint64) error {
	return f.encode(codes, scales, x, &noise{key: key, first: first})
}

// check checks the format and the lengths.
func (f Format) check(codes, scales []uint8, n int) error {
	switch {
	case f.Scale >= numRules || f.Layout >= numLayouts:
		return fmt.Errorf("mx: scale rule %d or layout %d is unknown", f.Scale, f.Layout)
	case f.Elem > minifloat.E5M2:
		return fmt.Errorf("mx: element format %d is unknown", f.Elem)
	case f.Elem != minifloat.E2M1 && f.Layout == SplitHalf:
		return fmt.Errorf("mx: codes of %s are whole bytes and have no layout %s", f.Elem, f.Layout)
	}
	return checkLengths(n, Block, len(codes), f.CodeBytes(n), len(scales), f.Scales(n))
}

func checkLengths(n, block, codes, wantCodes, scales, wantScales int) error {
	switch {
	case n%block != 0:
		return fmt.Errorf("mx: %d values are no multiple of the block of %d; pad rows with zeros", n, block)
	case codes != wantCodes || scales != wantScales:
		return fmt.Errorf("mx: %d bytes of codes and %d scales for %d values, want %d and %d", codes, scales, n, wantCodes, wantScales)
	}
	return nil
}

func (f Format) encode(codes, scales []uint8, x []float32, random *noise) error {
	if err := f.check(codes, scales, len(x)); err != nil {
		return err
	}
	w, err := newWriter(f.Elem, f.Round, f.Layout, random)
	if err != nil {
		return err
	}
	factor := float32(1)
	if f.ThreeQuarters {
		factor = 0.75
	}
	bytes := f.CodeBytes(Block)
	for i := range scales {
		block, c := x[i*Block:(i+1)*Block], codes[i*bytes:(i+1)*bytes]
		scale := f.scale(amaxBits(block))
		scales[i] = scale
		if scale == NaNScale {
			clear(c)
			continue
		}
		if err := w.write(c, block, minifloat.DecodeE8M0(254-scale)*factor, i*Block); err != nil {
			return err
		}
	}
	return nil
}

// amaxBits is max|x| as the bits of a float32; more than those of infinity means
// NaN.
func amaxBits(x []float32) uint32 {
	var a uint32
	for _, v := range x {
		a = max(a, math.Float32bits(v)&^(1<<31))
	}
	return a
}

// scale returns the E8M0 code for the bits of max|x|.
func (f Format) scale(amax uint32) uint8 {
	const fraction = 1<<23 - 1
	if amax >= 0xFF<<23 {
		return NaNScale
	}
	emax := f.Elem.EMax()
	var exponent int
	switch f.Scale {
	case RoundUp:
		p := math.Float32bits(math.Float32frombits(amax) * (1 / f.Elem.Max()))
		exponent = int(p >> 23)
		if p > 1<<22 && p&fraction != 0 { // up to 2⁻¹²⁷ the code is 0
			exponent++
		}
	case Ceil:
		exponent = int((amax+fraction)>>23) - emax
	case Even:
		exponent = int((amax+1<<(22-f.Elem.Mantissa()))>>23) - emax
	case TruncFree:
		exponent = leastExponent(amax, f.Elem.Max()) + 127
	default:
		exponent = int(amax>>23) - emax
	}
	return uint8(max(exponent, 0)) // at most 253: float32 ends at 2¹²⁸, and V is 6 or more
}

// leastExponent returns the least e for which the value with the given bits is
// at most limit·2^e.
func leastExponent(amax uint32, limit float32) int {
	if amax == 0 {
		return -127
	}
	a, e := math.Frexp(float64(math.Float32frombits(amax)))
	s, limitExponent := math.Frexp(float64(limit))
	e -= limitExponent
	if a > s {
		e++
	}
	return e
}

// Decode writes the values to x: 2^(scale-127) times the elements.
func (f Format) Decode(x []float32, codes, scales []uint8) error {
	if err := f.check(codes, scales, len(x)); err != nil {
		return err
	}
	bytes := f.CodeBytes(Block)
	for i, scale := range scales {
		c := codes[i*bytes : (i+1)*bytes]
		if err := f.Layout.read(x[i*Block:(i+1)*Block], f.Elem, c, minifloat.DecodeE8M0(scale)); err != nil {
			return err
		}
	}
	return nil
}
