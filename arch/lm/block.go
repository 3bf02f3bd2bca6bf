package lm

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/vjp"
)

// decoderBlock is one layer: attention, then the MLP.
type decoderBlock struct{ layer int }

// Forward implements Block.
func (b decoderBlock) Forward(c *Build, h *Node, rows Rows, pass int) *Node {
	path := fmt.Sprintf("model.layers.%d.", b.layer)
	h = c.model.stream.Apply(h, func(x *Node) *Node {
		rows.X = c.Norm(path+"input_layernorm.weight", x)
		return b.attention(c, path+"self_attn.", rows, pass)
	})
	return c.model.stream.Apply(h, func(x *Node) *Node {
		return mlp(c, path+"mlp.", c.Norm(path+"post_attention_layernorm.weight", x))
	})
}

// mlp is the feed-forward sublayer on x [B, R, C].
func mlp(c *Build, path string, x *Node) *Node {
	up := c.Linear(path+"up_proj.weight", x)
	var hidden *Node
	switch c.model.Config.MLP {
	case SwiGLU:
		hidden = swiGLU(c.Linear(path+"gate_proj.weight", x), up)
	case ReLU2:
		hidden = Square(MaxScalar(up, 0))
	case SiLU:
		hidden = silu(up)
	default:
		exceptions.Panicf("lm: no MLP %q", c.model.Config.MLP)
	}
	return c.Linear(path+"down_proj.weight", hidden)
}

// silu is x·σ(x); its gradient σ(x)·(1 + x·(1-σ(x))) reuses the sigmoid.
func silu(x *Node) *Node {
	s := StopGradient(Sigmoid(x))
	forward := func(in []*Node) *Node { return Mul(in[0], s) }
	return vjp.Custom([]*Node{x}, forward, func(dy *Node) []*Node {
		return []*Node{Mul(dy, siluSlope(x, s))}
	})
}

// siluSlope is the derivative of x·σ(x), s = σ(x).
func siluSlope(x, s *Node) *Node {
	return Mul(s, AddScalar(Mul(x, OneMinus(s)), 1))
}

// swiGLU is silu(gate)·up.
func swiGLU(gate, up *Node) *Node {
	s := StopGradient(Sigmoid(gate))
	forward := func(in []*Node) *Node { return Mul(Mul(in[0], s), in[1]) }
	return vjp.Custom([]*Node{gate, up}, forward, func(dy *Node) []*Node {
		return []*Node{Mul(Mul(dy, up), siluSlope(gate, s)), Mul(dy, Mul(gate, s))}
	})
}

// rmsNorm is x/√(mean(x²)+eps)·gain over the last axis. With n = x/rms and
// u = ȳ·gain the adjoints are x̄ = (u - n·mean(u·n))/rms and ḡ = Σ ȳ·n. With
// one feature the bracket is u·(1-n²) = u·eps/rms², which is taken directly
// because the difference would be rounding noise.
func rmsNorm(x, gain *Node, eps float64) *Node {
	inv := Reciprocal(Sqrt(AddScalar(ReduceAndKeep(Square(x), ReduceMean, -1), eps)))
	n := Mul(x, inv)
	g := ExpandLeftToRank(gain, x.Rank())
	forward := func(in []*Node) *Node {
		return Mul(Mul(in[0], StopGradient(inv)), ExpandLeftToRank(in[1], x.Rank()))
	}
	return vjp.Custom([]*Node{x, gain}, forward, func(dy *Node) []*Node {
		u := Mul(dy, g)
		var along *Node
		if x.Shape().Dim(-1) == 1 {
			along = Mul(u, MulScalar(Square(inv), eps))
		} else {
			along = Sub(u, Mul(n, ReduceAndKeep(Mul(u, n), ReduceMean, -1)))
		}
		dx := Mul(along, inv)
		axes := make([]int, x.Rank()-1)
		for i := range axes {
			axes[i] = i
		}
		return []*Node{dx, ReduceSum(Mul(dy, n), axes...)}
	})
}
