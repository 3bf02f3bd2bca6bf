package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/nanochat-go/nanochat/precision/absmax"
	"github.com/nanochat-go/nanochat/precision/ggml"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
)

// Conversion is one direction of a codec of package precision.
type Conversion struct {
	Format, Direction string
	Path              string // minifloat.Path, or "portable"
	Run               func() error
}

// Name is the conversion's name for people and peers: "e4m3 encode".
func (c Conversion) Name() string { return c.Format + " " + c.Direction }

// codec makes both directions for x, and decodes into back.
type codec struct {
	format           string
	encodes, decodes bool // as minifloat.Path says; otherwise by portable code
	make             func(x, back []float32) (encode, decode func() error, err error)
}

var codecs = []codec{
	{"e4m3", true, false, elements(minifloat.E4M3)},
	{"e5m2", true, false, elements(minifloat.E5M2)},
	{"e2m1", true, false, elements(minifloat.E2M1)},
	{"mxfp4", true, false, blocks(mx.MXFP4)},
	{"mxfp8_e4m3", true, false, blocks(mx.MXFP8E4M3)},
	{"nvfp4", true, false, nvfp4},
	{"bf16", true, true, wide(minifloat.BF16)},
	{"f16", false, false, wide(minifloat.F16)},
	{"int8", false, false, int8Blocks},
	{"q8_0", false, false, tensor(ggml.Q8_0)},
	{"tq1_0", false, false, tensor(ggml.TQ1_0)},
	{"tq2_0", false, false, tensor(ggml.TQ2_0)},
}

// Formats are the names that Conversions takes.
func Formats() (names []string) {
	for _, c := range codecs {
		names = append(names, c.format)
	}
	return names
}

// BlockValues is what a number of values must be a multiple of for all codecs.
const BlockValues = 256

// int8Block is how many values share a scale in int8.
const int8Block = 128

// Conversions returns the named codecs' encoding and decoding of so many normally
// distributed values.
func Conversions(formats []string, values int) (all []Conversion, err error) {
	if values < BlockValues || values%BlockValues != 0 {
		return nil, fmt.Errorf("%d values, want a multiple of %d", values, BlockValues)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	x, back := make([]float32, values), make([]float32, values)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for _, name := range formats {
		c, err := findCodec(name)
		if err != nil {
			return nil, err
		}
		encode, decode, err := c.make(x, back)
		if err != nil {
			return nil, err
		}
		if err := encode(); err != nil { // so that there is something to decode
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, Conversion{name, "encode", path(c.encodes), encode}, Conversion{name, "decode", path(c.decodes), decode})
	}
	return all, nil
}

func findCodec(name string) (codec, error) {
	for _, c := range codecs {
		if c.format == name {
			return c, nil
		}
	}
	return codec{}, fmt.Errorf("no format %q: there are %s", name, strings.Join(Formats(), ", "))
}

func path(chosen bool) string {
	if chosen {
		return minifloat.Path()
	}
	return "portable"
}

func elements(f minifloat.Format) func(x, back []float32) (encode, decode func() error, err error) {
	return func(x, back []float32) (encode, decode func() error, err error) {
		e, err := minifloat.NewEncoder(f, minifloat.Mode{})
		codes := make([]uint8, len(x))
		return func() error { return e.Encode(codes, x) }, func() error { return f.DecodeSlice(back, codes) }, err
	}
}

func blocks(f mx.Format) func(x, back []float32) (encode, decode func() error, err error) {
	return func(x, back []float32) (encode, decode func() error, err error) {
		codes, scales := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x)))
		return func() error { return f.Encode(codes, scales, x) }, func() error { return f.Decode(back, codes, scales) }, nil
	}
}

// nvfp4 is given the scale of the tensor, as its peer is.
func nvfp4(x, back []float32) (encode, decode func() error, err error) {
	var f mx.NVFP4
	amax, err := mx.AbsMax(x)
	tensor := f.TensorScale(amax)
	codes, scales := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x)))
	return func() error { return f.Encode(codes, scales, x, tensor) }, func() error { return f.Decode(back, codes, scales, tensor) }, err
}

func wide(w minifloat.Wide) func(x, back []float32) (encode, decode func() error, err error) {
	return func(x, back []float32) (encode, decode func() error, err error) {
		codes := make([]uint16, len(x))
		return func() error { return w.EncodeSlice(codes, x, minifloat.Propagate) }, func() error { return w.DecodeSlice(back, codes) }, nil
	}
}

func int8Blocks(x, back []float32) (encode, decode func() error, err error) {
	codes, scales := make([]int8, len(x)), make([]float32, absmax.Blocks(len(x), int8Block))
	return func() error { return absmax.Encode(codes, scales, x, int8Block) },
		func() error { return absmax.Decode(back, codes, scales, int8Block) }, nil
}

// tensor is one on one thread, as its peer is.
func tensor(t ggml.Type) func(x, back []float32) (encode, decode func() error, err error) {
	return func(x, back []float32) (encode, decode func() error, err error) {
		raw := make([]byte, t.Bytes(len(x)))
		return func() error { return t.Encode(raw, x) }, func() error { return t.Decode(back, raw) }, nil
	}
}
