package update

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Key is what the random bits of one state tensor in one step depend on. It
// makes no use of constants that a graph shares, so that a closure can draw bits
// too, from a key that it was given.
type Key struct {
	count  *Node
	stream uint32
	value  *Node // nil: made of count and stream
}

// NewKey returns the key of the update with number count, a scalar. stream tells
// state tensors apart.
func NewKey(count *Node, stream uint32) Key { return Key{count: count, stream: stream} }

// KeyOf returns the key with the value that Value returned, or any other.
func KeyOf(value *Node) Key { return Key{value: value} }

// Value is a uint32 scalar.
func (k Key) Value() *Node {
	if k.value != nil {
		return k.value
	}
	step := ConvertDType(k.count, dtypes.Uint32)
	return mix(Add(step, mix(ConstAs(step, k.stream))))
}

// Values are the values of keys of the same update, as a vector.
func Values(keys []Key) *Node {
	streams := make([]uint32, len(keys))
	for i, k := range keys {
		streams[i] = k.stream
	}
	step := ConvertDType(keys[0].count, dtypes.Uint32)
	return mix(Add(mix(Const(step.Graph(), streams)), step))
}

// Bits is a Noise: a hash of the element's index under the key.
func (k Key) Bits(shape shapes.Shape) *Node {
	key := k.Value()
	element := Iota(key.Graph(), shapes.Make(dtypes.Uint32, shape.Size()), 0)
	bits := mix(Add(mix(BitwiseXor(element, key)), key))
	return Reshape(bits, shape.Dimensions...)
}

// mix hashes every element of x, uint32; it is Wellons' lowbias32.
func mix(x *Node) *Node {
	fold := func(x *Node, bits uint32) *Node {
		return BitwiseXor(x, BitwiseShiftRightLogical(x, ConstAs(x, bits)))
	}
	x = Mul(fold(x, 16), ConstAs(x, uint32(0x7feb352d)))
	x = Mul(fold(x, 15), ConstAs(x, uint32(0x846ca68b)))
	return fold(x, 16)
}
