package mx

import (
	"math"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/rounding"
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
	random *noise
}

// newWriter returns the writer of elements. Blocks with NaN do not come to it, so
// that it need not look for any.
func newWriter(f minifloat.Format, r minifloat.Rounding, l Layout, random *noise) (writer, error) {
	e, err := minifloat.NewEncoder(f, minifloat.Mode{Round: r, NaN: minifloat.NaNZero})
	if f != minifloat.E2M1 {
		l = Bytes
	}
	return writer{e, l, random}, err
}

// write writes the codes of x·factor, at most Block values that begin at the given
// place.
func (w writer) write(codes []uint8, x []float32, factor float32, place int) error {
	fast := w.random == nil && factor <= math.MaxFloat32
	switch {
	case fast && w.layout == PairNibble:
		return w.EncodePairs(codes, x, factor)
	case fast && w.layout == Bytes:
		return w.EncodeScaled(codes, x, factor)
	}
	var scaled [Block]float32
	var bytes [Block]uint8
	y, c := scaled[:len(x)], bytes[:len(x)]
	for i, v := range x {
		if v != 0 { // an infinite factor saturates, and leaves zeros
			v *= factor
		}
		y[i] = v
	}
	if err := w.round(c, y, place); err != nil {
		return err
	}
	w.layout.pack(codes, c)
	return nil
}

// round writes the codes of y, one a byte.
func (w writer) round(codes []uint8, y []float32, place int) error {
	switch n := w.random; {
	case n == nil:
		return w.Encode(codes, y)
	case n.u != nil:
		return w.EncodeUniform(codes, y, n.u[place:place+len(y)])
	default:
		return w.EncodeKeyed(codes, y, n.key, n.first+uint64(place))
	}
}

// read writes factor times the values of a block's codes to x.
func (l Layout) read(x []float32, f minifloat.Format, codes []uint8, factor float32) error {
	switch {
	case f != minifloat.E2M1 || l == Bytes:
		return f.DecodeScaled(x, codes, factor)
	case l == PairNibble:
		return f.DecodePairs(x, codes, factor)
	}
	var c [Block]uint8
	l.unpack(c[:len(x)], codes)
	return f.DecodeScaled(x, c[:len(x)], factor)
}
