package lm

import (
	"math"

	"github.com/gomlx/gomlx/core/tensors"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/rowwise"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// RopeTable returns the cosines and sines of the rotary embedding for
// positions 0 to n-1 as rows of HeadDim/2 values: entry (p, t) belongs to the
// angle p·f_t with f_t = θ^(-2t/d), scaled by RopeScaling, computed in float64
// and rounded once.
func (c Config) RopeTable(n int) (cos, sin []float32) {
	c = c.WithDefaults()
	half := c.HeadDim / 2
	cos, sin = make([]float32, n*half), make([]float32, n*half)
	for t := range half {
		frequency := c.RopeScaling.scale(math.Pow(c.RopeTheta, -2*float64(t)/float64(c.HeadDim)))
		for p := range n {
			s, co := math.Sincos(float64(p) * frequency)
			cos[p*half+t], sin[p*half+t] = float32(co), float32(s)
		}
	}
	return cos, sin
}

// scale returns the scaled rotary frequency.
func (r RopeScaling) scale(f float64) float64 {
	switch r.Kind {
	case ScalingLinear:
		return f / r.Factor
	case ScalingLlama3:
		turns := float64(r.Original) * f / (2 * math.Pi) // in the original context
		s := min(max((turns-r.LowFreq)/(r.HighFreq-r.LowFreq), 0), 1)
		return (1-s)*f/r.Factor + s*f
	}
	return f
}

// ropeTables holds the cosines and sines of the rows, [B, R, 1, d/2].
type ropeTables struct{ cos, sin *Node }

func newRopeTables(c *Build, pos *Node) ropeTables {
	cfg := c.model.Config
	cos, sin := cfg.RopeTable(cfg.Context)
	at := func(flat []float32) *Node {
		table := ConstTensor(c.g, tensors.FromFlatDataAndDimensions(flat, cfg.Context, cfg.HeadDim/2))
		return InsertAxes(Gather(table, InsertAxes(pos, -1)), 2)
	}
	return ropeTables{at(cos), at(sin)}
}

// scaled multiplies the rotation by a factor.
func (r ropeTables) scaled(factor float64) ropeTables {
	return ropeTables{MulScalar(r.cos, factor), MulScalar(r.sin, factor)}
}

// apply rotates x [B, R, H, d]. A rotation is undone by the opposite angle, so
// the adjoint is the rotation of ȳ by the negative sines.
func (r ropeTables) apply(x *Node) *Node {
	return vjp.Custom([]*Node{x},
		func(in []*Node) *Node { return rotate(in[0], r.cos, r.sin) },
		func(dy *Node) []*Node { return []*Node{rotate(dy, r.cos, Neg(r.sin))} })
}

// rotate turns the pairs (x_t, x_{t+d/2}) of x [B, R, H, d].
func rotate(x, cos, sin *Node) *Node {
	half := x.Shape().Dim(-1) / 2
	a := SliceAxis(x, -1, AxisRange(0, half))
	b := SliceAxis(x, -1, AxisRange(half))
	heads := x.Shape().Dim(2)
	cos, sin = rowwise.Repeat(cos, 2, heads), rowwise.Repeat(sin, 2, heads)
	return Concatenate([]*Node{
		Sub(Mul(a, cos), Mul(b, sin)),
		Add(Mul(b, cos), Mul(a, sin)),
	}, -1)
}
