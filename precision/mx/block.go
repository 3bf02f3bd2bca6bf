package mx

import (
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// span is how many values are converted at a time, so that one pass over them
// finds their maxima and the next reads them from the cache again. They are whole
// blocks of parts parts.
const (
	span  = 1024
	parts = span / minifloat.Part
)

// noise is where the uniforms of stochastic rounding come from; nil rounds to
// the nearest.
type noise struct {
	u     []float32 // nil: from the key
	key   rounding.Key
	first uint64
}

// writer writes the codes of blocks.
type writer struct {
	minifloat.Encoder
	layout Layout // Bytes for formats of eight bits
	block  int    // how many values have a layout of their own
	random *noise
}

// newWriter returns the writer of elements. NaN is no error, so that it need not
// look for any.
func newWriter(f minifloat.Format, r minifloat.Rounding, l Layout, block int, random *noise) (writer, error) {
	e, err := minifloat.NewEncoder(f, minifloat.Mode{Round: r, NaN: minifloat.NaNZero})
	return writer{e, l, block, random}, err
}

// write writes the codes of at most span values times the factors of their parts.
// place is that of the first value.
func (w writer) write(codes []uint8, x, factors []float32, place int) error {
	var bytes [span]uint8
	c := codes
	if w.layout != Bytes {
		c = bytes[:len(x)]
	}
	var err error
	if w.random == nil && lanes.AbsMax(factors) < infinity {
		err = w.EncodeParts(c, x, factors)
	} else {
		err = w.writeScaled(c, x, factors, place)
	}
	if w.layout != Bytes {
		w.layout.pack(codes, c, w.block)
	}
	return err
}

// writeScaled is write, one code a byte, in any rounding and with any factor.
func (w writer) writeScaled(codes []uint8, x, factors []float32, place int) error {
	var scaled [span]float32
	y := scaled[:len(x)]
	for i, v := range x {
		if v != 0 { // an infinite factor saturates, and leaves zeros
			v *= factors[i/minifloat.Part]
		}
		y[i] = v
	}
	switch n := w.random; {
	case n == nil:
		return w.Encode(codes, y)
	case n.u != nil:
		return w.EncodeUniform(codes, y, n.u[place:place+len(y)])
	default:
		return w.EncodeKeyed(codes, y, n.key, n.first+uint64(place))
	}
}

// read writes the values of the codes of at most span values, times the factors of
// their parts and times then.
func (l Layout) read(x []float32, f minifloat.Format, codes []uint8, block int, factors []float32, then float32) error {
	var bytes [span]uint8
	if l != Bytes {
		l.unpack(bytes[:len(x)], codes, block)
		codes = bytes[:len(x)]
	}
	return f.DecodeParts(x, codes, factors, then)
}

// infinity is the bits of the float32; more are those of NaN.
const infinity = 0xFF << 23

// AbsMax returns max|x|. It fails if a value is not finite.
func AbsMax(x []float32) (float32, error) {
	amax := lanes.AbsMax(x)
	if amax >= infinity {
		return 0, notFinite(x)
	}
	return math.Float32frombits(amax), nil
}
