package mx

import (
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

// emit writes the codes of y, which begins at the given place of the values.
func (n *noise) emit(e minifloat.Encoder, codes []uint8, y []float32, place int) error {
	switch {
	case n == nil:
		return e.Encode(codes, y)
	case n.u != nil:
		return e.EncodeUniform(codes, y, n.u[place:place+len(y)])
	}
	return e.EncodeKeyed(codes, y, n.key, n.first+uint64(place))
}
