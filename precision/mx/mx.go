package mx

import (
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
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

// layout is that of the codes, Bytes for elements of eight bits.
func (f Format) layout() Layout {
	if f.Elem != minifloat.E2M1 {
		return Bytes
	}
	return f.Layout
}

// CodeBytes is how many bytes the codes of n values take.
func (f Format) CodeBytes(n int) int { return f.layout().bytes(n) }

// Scales is how many scales n values have.
func (f Format) Scales(n int) int { return n / Block }

// BitsPerValue is the size of codes and scales.
func (f Format) BitsPerValue() float64 {
	return float64(8*f.CodeBytes(Block)+8) / Block
}

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
	w, err := newWriter(f.Elem, f.Round, f.layout(), Block, random)
	if err != nil {
		return err
	}
	var maxima, factors [parts]float32
	for from := 0; from < len(x); from += span {
		to := min(from+span, len(x))
		x, c, s := x[from:to], codes[f.CodeBytes(from):f.CodeBytes(to)], scales[from/Block:to/Block]
		n := len(x) / minifloat.Part
		lanes.PartMax(maxima[:n], x)
		finite := f.scales(s, factors[:n], maxima[:n])
		if err := w.write(c, x, factors[:n], from); err != nil {
			return err
		}
		if !finite {
			f.clear(c, s)
		}
	}
	return nil
}

// scales writes the scales of blocks and the factors of their parts, of which it
// has the maxima, and returns whether all of them are finite.
func (f Format) scales(scales []uint8, factors, maxima []float32) bool {
	r, factor, finite := f.rule(), float32(1), true
	if f.ThreeQuarters {
		factor = 0.75
	}
	for i := range scales {
		pair, to := (*[2]float32)(maxima[2*i:]), (*[2]float32)(factors[2*i:])
		scale, v := r.scale(max(math.Float32bits(pair[0]), math.Float32bits(pair[1]))), float32(0)
		if scale == NaNScale {
			finite = false
		} else {
			v = math.Float32frombits(uint32(254-scale)<<23) * factor // at most 253
		}
		scales[i], to[0], to[1] = scale, v, v
	}
	return finite
}

// clear makes the codes of blocks with an infinity or NaN zero.
func (f Format) clear(codes, scales []uint8) {
	bytes := f.CodeBytes(Block)
	for i, s := range scales {
		if s == NaNScale {
			clear(codes[i*bytes : (i+1)*bytes])
		}
	}
}

// rule has the constants of a ScaleRule: with p = a·factor, scales are the exponent
// of p's bits + up, less emax.
type rule struct {
	factor float32
	least  uint32 // up to these bits of p the scale is 0
	up     uint32
	emax   uint32
}

// rule returns the constants. What is added to the bits carries from the fraction
// to the exponent where the rule rounds up.
func (f Format) rule() rule {
	const fraction = 1<<23 - 1
	r := rule{factor: 1, emax: uint32(f.Elem.EMax())}
	switch f.Scale {
	case RoundUp:
		return rule{factor: 1 / f.Elem.Max(), least: 1 << 22, up: fraction} // 2⁻¹²⁷, which is subnormal
	case Ceil:
		r.up = fraction
	case Even:
		r.up = 1 << (22 - f.Elem.Mantissa())
	case TruncFree:
		r.up = fraction - math.Float32bits(f.Elem.Max())&fraction
	}
	return r
}

// scale returns the E8M0 code for the bits of max|x|. It is at most 253, because
// float32 ends at 2¹²⁸ and the largest values are 6 and more.
func (r rule) scale(amax uint32) uint8 {
	if amax >= infinity {
		return NaNScale
	}
	p := math.Float32bits(math.Float32frombits(amax) * r.factor)
	if p <= r.least {
		return 0
	}
	exponent := (p + r.up) >> 23
	return uint8(max(exponent, r.emax) - r.emax)
}

// Decode writes the values to x: 2^(scale-127) times the elements.
func (f Format) Decode(x []float32, codes, scales []uint8) error {
	if err := f.check(codes, scales, len(x)); err != nil {
		return err
	}
	var factors [parts]float32
	for from := 0; from < len(x); from += span {
		to := min(from+span, len(x))
		for i, s := range scales[from/Block : to/Block] {
			pair := (*[2]float32)(factors[2*i:])
			pair[0] = minifloat.DecodeE8M0(s)
			pair[1] = pair[0]
		}
		n := (to - from) / minifloat.Part
		err := f.layout().read(x[from:to], f.Elem, codes[f.CodeBytes(from):f.CodeBytes(to)], Block, factors[:n], 1)
		if err != nil {
			return err
		}
	}
	return nil
}
