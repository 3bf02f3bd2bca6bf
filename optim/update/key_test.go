package update_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/update"
)

// lowbias32 is the mixer as published (https://nullprogram.com/blog/2018/07/31).
func lowbias32(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	return x ^ x>>16
}

// Mutation: leaving the stream out of Values fails here.

// TestBits: the bits of a tensor are those of the formula, to the last, from the
// key itself and from its value; a resumed run depends on them.
func TestBits(t *testing.T) {
	const stream, size = 0x1281, 12
	shape := shapes.Make(dtypes.Uint32, 3, 4)
	exec, err := NewExec(optimtest.Backend, func(count *Node) []*Node {
		key := update.NewKey(count, stream)
		return []*Node{key.Bits(shape), update.KeyOf(key.Value()).Bits(shape)}
	})
	require.NoError(t, err)
	for _, count := range []uint32{1, 2, 70000} {
		key := lowbias32(count + lowbias32(stream))
		var want []uint32
		for i := range uint32(size) {
			want = append(want, lowbias32(lowbias32(i^key)+key))
		}
		out, err := exec.Call(float32(count))
		require.NoError(t, err)
		for _, bits := range out {
			require.Equal(t, shape.Dimensions, bits.Shape().Dimensions)
			require.Equal(t, want, tensors.MustCopyFlatData[uint32](bits))
		}
	}
}

// TestValues: keys have the same values together as one by one.
func TestValues(t *testing.T) {
	exec, err := NewExec(optimtest.Backend, func(count *Node) []*Node {
		keys := []update.Key{update.NewKey(count, 3), update.NewKey(count, 0x80), update.NewKey(count, 3)}
		out := []*Node{update.Values(keys)}
		for _, k := range keys {
			out = append(out, k.Value())
		}
		return out
	})
	require.NoError(t, err)
	out, err := exec.Call(float32(7))
	require.NoError(t, err)
	var want []uint32
	for _, x := range out[1:] {
		want = append(want, tensors.ToScalar[uint32](x))
	}
	require.Equal(t, want, tensors.MustCopyFlatData[uint32](out[0]))
	require.NotEqual(t, want[0], want[1])
}
