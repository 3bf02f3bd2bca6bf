package storage

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

// CodeBook returns the 256 values of dynamic quantisation in rising order, from
// -0.993 to 1, or from 0 to 1 when they are not signed. They are computed in
// float32, in the order of other implementations, so that states can be
// exchanged with them.
func CodeBook(signed bool) []float32 {
	book := []float32{0, 1}
	for k := range 7 {
		parts := 1 << k
		if !signed {
			parts *= 2
		}
		decade := float32(math.Pow10(k - 6))
		for i := range parts {
			v := float32((point(i, parts)+point(i+1, parts))/2) * decade
			book = append(book, v)
			if signed {
				book = append(book, -v)
			}
		}
	}
	slices.Sort(book)
	return book
}

// point is the i-th of the points that cut [0.1, 1] into parts, counted from
// the nearer end. Product and sum are rounded together, once.
func point(i, parts int) float32 {
	low, high := float32(0.1), float32(1)
	step := float64((high - low) / float32(parts))
	if i < (parts+1)/2 {
		return float32(float64(low) + step*float64(i))
	}
	return float32(float64(high) - step*float64(parts-i))
}

// dynamic8 is the index of a code for each value and a scale for each block.
type dynamic8 struct{ blocks }

// Dynamic8 returns the storage of eight-bit code book indices in blocks of the
// given number of values that share a float32 scale; see DefaultBlock.
func Dynamic8(block int) update.Storage { return dynamic8{blocks{block}} }

func (d dynamic8) Name() string { return fmt.Sprintf("dynamic8/%d", d.size) }

func (d dynamic8) Check(s update.Spec) error { return d.check(s) }

func (d dynamic8) Specs(s update.Spec) []update.Spec { return d.specs(s, dtypes.Uint8) }

func (d dynamic8) Load(s update.Spec, in []*Node) *Node {
	book := Const(in[0].Graph(), CodeBook(!s.NonNegative))
	index := ConvertDType(Reshape(in[0], -1, 1), dtypes.Int32)
	values := d.cut(s, Gather(book, index))
	return d.join(s, Mul(values, InsertAxes(in[1], -1)))
}

func (d dynamic8) Store(s update.Spec, x *Node, _ update.Noise) []*Node {
	x = d.cut(s, x)
	scale := ReduceAndKeep(Abs(x), ReduceMax, -1)
	codes := nearest(CodeBook(!s.NonNegative), Div(x, oneForZero(scale)))
	return []*Node{ConvertDType(d.join(s, codes), dtypes.Uint8), Reshape(scale, -1)}
}

// nearest returns the index of the code nearest to each value of x, int32: the
// number of midpoints between codes that are not above it, which eight halvings
// find.
func nearest(book []float32, x *Node) *Node {
	middles := make([]float32, len(book)-1)
	for i := range middles {
		middles[i] = (book[i] + book[i+1]) / 2
	}
	table := Const(x.Graph(), middles)
	index := ConvertDType(ZerosLike(x), dtypes.Int32)
	for step := len(book) / 2; step > 0; step /= 2 {
		next := AddScalar(index, step)
		middle := Gather(table, InsertAxes(AddScalar(next, -1), -1))
		index = Where(GreaterOrEqual(x, middle), next, index)
	}
	return index
}
