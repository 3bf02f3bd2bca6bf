package absmax

import (
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// UniformBits is how many bits of a uniform stochastic rounding uses: x/s has up
// to seven digits in front of the point.
const UniformBits = 17

// maxCode is the largest code.
const maxCode = 127

// chunk is how many uniforms are drawn at a time.
const chunk = 256

// Blocks is how many blocks of the given size n values have.
func Blocks(n, block int) int { return (n + block - 1) / block }

// Encode writes the codes of x and the scale of each block of block values. It
// wants len(x) codes and Blocks(len(x), block) scales.
func Encode(codes []int8, scales []float32, x []float32, block int) error {
	if err := check(len(codes), len(scales), len(x), block); err != nil {
		return err
	}
	for b := range scales {
		from, to := b*block, min((b+1)*block, len(x))
		s, err := scale(x[from:to], from)
		if err != nil {
			return err
		}
		scales[b] = s
		nearest(codes[from:to], x[from:to], divisor(s))
	}
	return nil
}

// EncodeUniform is Encode with stochastic rounding by the uniforms u, one for each
// value.
func EncodeUniform(codes []int8, scales []float32, x, u []float32, block int) error {
	if len(u) != len(x) {
		return fmt.Errorf("absmax: %d uniforms for %d values", len(u), len(x))
	}
	if err := check(len(codes), len(scales), len(x), block); err != nil {
		return err
	}
	for b := range scales {
		from, to := b*block, min((b+1)*block, len(x))
		s, err := scale(x[from:to], from)
		if err != nil {
			return err
		}
		scales[b] = s
		stochastic(codes[from:to], x[from:to], u[from:to], divisor(s))
	}
	return nil
}

// EncodeKeyed is EncodeUniform with uniforms from a key. first is the index of
// x[0] in its tensor.
func EncodeKeyed(codes []int8, scales []float32, x []float32, block int, key rounding.Key, first uint64) error {
	if err := check(len(codes), len(scales), len(x), block); err != nil {
		return err
	}
	var u [chunk]float32
	for b := range scales {
		from, to := b*block, min((b+1)*block, len(x))
		s, err := scale(x[from:to], from)
		if err != nil {
			return err
		}
		scales[b] = s
		for ; from < to; from += chunk {
			end := min(from+chunk, to)
			key.Uniforms(u[:end-from], first+uint64(from), UniformBits)
			stochastic(codes[from:end], x[from:end], u[:end-from], divisor(s))
		}
	}
	return nil
}

// Decode writes the values of the codes to x.
func Decode(x []float32, codes []int8, scales []float32, block int) error {
	if err := check(len(codes), len(scales), len(x), block); err != nil {
		return err
	}
	for b, s := range scales {
		from, to := b*block, min((b+1)*block, len(x))
		part := x[from:to]
		for i, c := range codes[from:to] {
			part[i] = float32(c) * s
		}
	}
	return nil
}

func check(codes, scales, n, block int) error {
	switch {
	case block < 1:
		return fmt.Errorf("absmax: blocks of %d values", block)
	case codes != n || scales != Blocks(n, block):
		return fmt.Errorf("absmax: %d codes and %d scales for %d values in blocks of %d, want %d and %d", codes, scales, n, block, n, Blocks(n, block))
	}
	return nil
}

// scale returns max|x|/127 of a block that begins at the given place.
func scale(x []float32, place int) (float32, error) {
	amax := lanes.AbsMax(x)
	if amax >= 0xFF<<23 {
		for i, v := range x {
			if v-v != 0 {
				return 0, fmt.Errorf("absmax: value %d is %v", place+i, v)
			}
		}
	}
	return math.Float32frombits(amax) / maxCode, nil
}

// divisor is the scale, 1 for a block of zeros.
func divisor(s float32) float32 {
	if s == 0 {
		return 1
	}
	return s
}

// nearest adds 1.5·2²³, where the step of float32 is 1: the sum is rounded to
// even, and its lowest bits are the integer.
func nearest(codes []int8, x []float32, s float32) {
	x = x[:len(codes)]
	for i := range codes {
		q := min(max(x[i]/s, -maxCode), maxCode)
		codes[i] = int8(math.Float32bits(q + 0x1.8p23))
	}
}

func stochastic(codes []int8, x, u []float32, s float32) {
	x, u = x[:len(codes)], u[:len(codes)]
	for i := range codes {
		q := min(max(x[i]/s, -maxCode), maxCode)
		sum := q + u[i]
		floor := int32(sum)
		if float32(floor) > sum {
			floor--
		}
		codes[i] = int8(floor)
	}
}
