package mx

import (
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// NVBlock is how many elements of NVFP4 share a scale, and the side of a square
// tile.
const NVBlock = 16

// Form is how the scales of NVFP4 are computed.
type Form uint8

// The forms. They give different bits.
const (
	// Training is Transformer Engine's: the tensor's scale multiplies values, and
	// block scales may be subnormal or zero.
	Training Form = iota
	// Inference is torchao's: the tensor's scale multiplies codes instead of values,
	// and block scales are at least 2⁻⁶.
	Inference
	numForms
)

// NVFP4 is the two-level format of E2M1 elements, E4M3 block scales and a float32
// tensor scale. The zero value is the training form packed as PairNibble.
type NVFP4 struct {
	Form   Form
	Round  minifloat.Rounding // of elements; stochastic rounding is a method
	Layout Layout
}

const (
	nvMax      = 6
	nvScaleMax = 448
	minScale   = 0x1p-6 // of the inference form
)

// TensorScale returns the scale that spreads a tensor with the largest magnitude
// amax, see AbsMax, over the range of block scales and elements: 448·6/amax in
// the training form, amax/(448·6) in the other, and 1 for a tensor of zeros.
func (f NVFP4) TensorScale(amax float32) float32 {
	switch {
	case amax == 0:
		return 1
	case f.Form == Inference:
		return amax / (nvScaleMax * nvMax)
	}
	return min(nvScaleMax*nvMax/amax, math.MaxFloat32)
}

func notFinite(x []float32) error {
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("mx: value %d is %v, and NVFP4 has no code for it", i, v)
		}
	}
	return nil
}

// CodeBytes is how many bytes the codes of n values take.
func (f NVFP4) CodeBytes(n int) int { return f.Layout.bytes(n) }

// Scales is how many scales n values have in blocks; tiles have 1/16 of it.
func (f NVFP4) Scales(n int) int { return n / NVBlock }

// BitsPerValue is the size of codes and block scales.
func (f NVFP4) BitsPerValue() float64 { return float64(8*f.CodeBytes(NVBlock)+8) / NVBlock }

// Encode writes the codes and block scales of x, rows of a multiple of NVBlock
// values one after the other, under the scale of their tensor.
func (f NVFP4) Encode(codes, scales []uint8, x []float32, tensor float32) error {
	return f.encode(codes, scales, x, tensor, nil)
}

// EncodeUniform is Encode with elements rounded stochastically by the uniforms u,
// one for each value. Scales are rounded to nearest even.
func (f NVFP4) EncodeUniform(codes, scales []uint8, x, u []float32, tensor float32) error {
	if len(u) != len(x) {
		return fmt.Errorf("mx: %d uniforms for %d values", len(u), len(x))
	}
	return f.encode(codes, scales, x, tensor, &noise{u: u})
}

// EncodeKeyed is EncodeUniform with uniforms from a key. first is the index of
// x[0] in its tensor.
func (f NVFP4) EncodeKeyed(codes, scales []uint8, x []float32, tensor float32, key rounding.Key, first uint64) error {
	return f.encode(codes, scales, x, tensor, &noise{key: key, first: first})
}

func (f NVFP4) check(codes, scales []uint8, n, wantScales int, tensor float32) error {
	switch {
	case f.Layout >= numLayouts || f.Form >= numForms:
		return fmt.Errorf("mx: layout %d or form %d is unknown", f.Layout, f.Form)
	case !(tensor > 0) || tensor > math.MaxFloat32:
		return fmt.Errorf("mx: tensor scale %v is not positive and finite", tensor)
	}
	return checkLengths(n, NVBlock, len(codes), f.CodeBytes(n), len(scales), wantScales)
}

func (f NVFP4) encode(codes, scales []uint8, x []float32, tensor float32, random *noise) error {
	if err := f.check(codes, scales, len(x), f.Scales(len(x)), tensor); err != nil {
		return err
	}
	w, err := newWriter(minifloat.E2M1, f.Round, f.Layout, NVBlock, random)
	if err != nil {
		return err
	}
	var maxima, factors [parts]float32
	for from := 0; from < len(x); from += span {
		to := min(from+span, len(x))
		n := (to - from) / NVBlock
		lanes.PartMax(maxima[:n], x[from:to])
		if lanes.AbsMax(maxima[:n]) >= infinity {
			return notFinite(x)
		}
		if err := f.blockScales(scales[from/NVBlock:to/NVBlock], factors[:n], maxima[:n], tensor); err != nil {
			return err
		}
		if err := w.write(codes[f.CodeBytes(from):f.CodeBytes(to)], x[from:to], factors[:n], from); err != nil {
			return err
		}
	}
	return nil
}

// blockScales writes the scales of blocks with the maxima, and what multiplies
// their elements. Every operation is one of float32, in the order of the form's
// reference.
func (f NVFP4) blockScales(scales []uint8, factors, maxima []float32, tensor float32) error {
	e, err := minifloat.NewEncoder(minifloat.E4M3, minifloat.Mode{})
	if err != nil {
		return err
	}
	inverse, perTensor := 1/tensor, float32(tensor*(float32(1)/nvMax))
	for i, a := range maxima {
		if f.Form == Inference {
			factors[i] = min(max(a/nvMax/tensor, minScale), nvScaleMax)
		} else {
			factors[i] = min(a*perTensor, nvScaleMax)
		}
	}
	if err := e.Encode(scales, factors); err != nil {
		return err
	}
	for i, code := range scales {
		s := minifloat.E4M3.Decode(code)
		if f.Form == Inference {
			factors[i] = inverse / s
		} else {
			factors[i] = min(1/float32(s*inverse), math.MaxFloat32)
		}
	}
	return nil
}

// Decode writes the values to x.
func (f NVFP4) Decode(x []float32, codes, scales []uint8, tensor float32) error {
	if err := f.check(codes, scales, len(x), f.Scales(len(x)), tensor); err != nil {
		return err
	}
	var factors [parts]float32
	for from := 0; from < len(x); from += span {
		to := min(from+span, len(x))
		n := (to - from) / NVBlock
		then := f.blockFactors(factors[:n], scales[from/NVBlock:to/NVBlock], tensor)
		err := f.Layout.read(x[from:to], minifloat.E2M1, codes[f.CodeBytes(from):f.CodeBytes(to)], NVBlock, factors[:n], then)
		if err != nil {
			return err
		}
	}
	return nil
}

// blockFactors writes what multiplies the values of codes, and returns what
// multiplies the products. In the training form those have at most six significant
// bits and are exact, so that the only rounding is that of the product with 1/S.
func (f NVFP4) blockFactors(factors []float32, scales []uint8, tensor float32) (then float32) {
	for i, code := range scales {
		factors[i] = minifloat.E4M3.Decode(code)
		if f.Form == Inference {
			factors[i] *= tensor
		}
	}
	if f.Form == Inference {
		return 1
	}
	return 1 / tensor
}
