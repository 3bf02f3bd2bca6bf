package storage

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

// linear8 is int8 codes with a scale for each block.
type linear8 struct{ blocks }

// Linear8 returns the storage of int8 codes in blocks of the given number of
// values that share a float32 scale; see DefaultBlock. It refuses state that is
// divided by.
func Linear8(block int) update.Storage { return linear8{blocks{block}} }

func (l linear8) Name() string { return fmt.Sprintf("linear8/%d", l.size) }

func (l linear8) Check(s update.Spec) error {
	if s.NonNegative {
		return fmt.Errorf("storage: state %s is divided by, and linear blocks turn its small values into 0; Dynamic8 can keep it", s.Name)
	}
	return l.check(s)
}

func (l linear8) Specs(s update.Spec) []update.Spec { return l.specs(s, dtypes.Int8) }

func (l linear8) Load(s update.Spec, in []*Node) *Node {
	codes := l.cut(s, ConvertDType(in[0], dtypes.Float32))
	return l.join(s, Mul(codes, InsertAxes(in[1], -1)))
}

func (l linear8) Store(s update.Spec, x *Node, _ update.Noise) []*Node {
	x = l.cut(s, x)
	scale := DivScalar(ReduceAndKeep(Abs(x), ReduceMax, -1), 127)
	codes := ClipScalar(Round(Div(x, oneForZero(scale))), -127, 127)
	return []*Node{ConvertDType(l.join(s, codes), dtypes.Int8), Reshape(scale, -1)}
}
