package lm

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/rowwise"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// decoderBlock is one layer: attention, then the MLP. With Config.SandwichNorm
// what each writes to the stream goes through a norm of its own,
// h ← h + norm(f(norm(h))), as in Ouro (arXiv:2510.25741).
type decoderBlock struct{ layer int }

// Forward implements Block.
func (b decoderBlock) Forward(c *Build, h *Node, rows Rows, pass int) *Node {
	return b.feedForward(c, b.attend(c, h, rows, pass), pass)
}

// Sublayers implements Divided.
func (b decoderBlock) Sublayers() []Block {
	return []Block{attentionSublayer{b}, feedForwardSublayer{b}}
}

type attentionSublayer struct{ decoderBlock }

// Forward implements Block.
func (b attentionSublayer) Forward(c *Build, h *Node, rows Rows, pass int) *Node {
	return b.attend(c, h, rows, pass)
}

type feedForwardSublayer struct{ decoderBlock }

// Forward implements Block.
func (b feedForwardSublayer) Forward(c *Build, h *Node, _ Rows, pass int) *Node {
	return b.feedForward(c, h, pass)
}

func (b decoderBlock) path() string { return fmt.Sprintf("model.layers.%d.", b.layer) }

// apply writes f(norm(h)) to the stream by the named norms.
func (b decoderBlock) apply(c *Build, sublayer, norm string, h *Node, pass int, f func(x *Node) *Node) *Node {
	return c.stream.Apply(c, Sublayer{Path: b.path() + sublayer, Layer: b.layer, Pass: pass}, h, func(x *Node) *Node {
		y := f(c.Norm(b.path()+norm+".weight", x))
		if c.model.Config.SandwichNorm {
			return c.Norm(b.path()+norm+"_2.weight", y)
		}
		return y
	})
}

// attend is the first sublayer.
func (b decoderBlock) attend(c *Build, h *Node, rows Rows, pass int) *Node {
	return b.apply(c, "self_attn", "input_layernorm", b.mixEmbedding(c, h), pass, func(x *Node) *Node {
		rows.X = x
		return b.attention(c, b.path()+"self_attn.", rows, pass)
	})
}

// feedForward is the second.
func (b decoderBlock) feedForward(c *Build, h *Node, pass int) *Node {
	return b.apply(c, "mlp", "post_attention_layernorm", h, pass, func(x *Node) *Node { return mlp(c, b.path()+"mlp.", x) })
}

// mlp is the feed-forward sublayer on x [B, R, C].
func mlp(c *Build, path string, x *Node) *Node {
	up := c.Linear(path+"up_proj.weight", x)
	var hidden *Node
	switch c.model.Config.MLP {
	case SwiGLU:
		hidden = swiGLU(c.Linear(path+"gate_proj.weight", x), up)
	case ReLU2GLU:
		hidden = Mul(Square(MaxScalar(c.Linear(path+"gate_proj.weight", x), 0)), up)
	case ReLU2:
		hidden = Square(MaxScalar(up, 0))
	case SiLU:
		hidden = silu(up)
	default:
		exceptions.Panicf("lm: no MLP %q", c.model.Config.MLP)
	}
	if c.model.Config.SubLN {
		hidden = c.Norm(path+"ffn_sub_norm.weight", hidden)
	}
	return c.Linear(path+"down_proj.weight", hidden)
}

// silu is x·σ(x). With s = σ(x) and y = x·s its derivative is s + y - y·s.
func silu(x *Node) *Node {
	var s, y *Node
	forward := func(in []*Node) *Node {
		s = StopGradient(Sigmoid(in[0]))
		y = Mul(in[0], s)
		return y
	}
	return vjp.Custom([]*Node{x}, forward, func(dy *Node) []*Node {
		return []*Node{Mul(dy, siluSlope(y, s))}
	})
}

// siluSlope is the derivative of x·σ(x), given y = x·s and s = σ(x).
func siluSlope(y, s *Node) *Node { return Add(s, Sub(y, Mul(y, s))) }

// swiGLU is silu(gate)·up.
func swiGLU(gate, up *Node) *Node {
	var s, y *Node
	forward := func(in []*Node) *Node {
		s = StopGradient(Sigmoid(in[0]))
		y = Mul(in[0], s)
		return Mul(y, in[1])
	}
	return vjp.Custom([]*Node{gate, up}, forward, func(dy *Node) []*Node {
		return []*Node{Mul(Mul(dy, up), siluSlope(y, s)), Mul(dy, y)}
	})
}

// rmsNorm is x/√(mean(x²)+eps)·gain over the last axis of size C, gain nil
// standing for ones. With
// n = x/rms and w = ȳ∘n the adjoints are ḡ = Σ w over the rows and
// x̄ = (ȳ∘gain - n·(w·gain)/C)/rms; all three sums are products with a vector.
// With one feature the bracket is ȳ·gain·(1-n²) = ȳ·gain·eps/rms², which is
// taken directly because the difference would be rounding noise.
func rmsNorm(x, gain *Node, eps float64) *Node {
	if gain == nil {
		return rmsNormPlain(x, eps)
	}
	features := x.Shape().Dim(-1)
	var n, inv *Node
	forward := func(in []*Node) *Node {
		rows := Reshape(in[0], -1, features)
		mean := MulScalar(rowwise.Sums(Square(rows)), 1/float64(features))
		inv = Reciprocal(Sqrt(AddScalar(mean, eps)))
		n = rowwise.Scale(rows, inv)
		return Reshape(rowwise.ScaleColumns(n, in[1]), x.Shape().Dimensions...)
	}
	return vjp.Custom([]*Node{x, gain}, forward, func(dy *Node) []*Node {
		dy = Reshape(dy, -1, features)
		u, w := rowwise.ScaleColumns(dy, gain), Mul(dy, n)
		var dx *Node
		if features == 1 {
			dx = rowwise.Scale(u, MulScalar(Mul(Square(inv), inv), eps))
		} else {
			// The difference comes last: XLA computes a result of two operands once for
			// all its readers, one of a single operand in each of them.
			shared := MulScalar(MatMul(w, InsertAxes(gain, -1)), 1/float64(features))
			dx = Sub(rowwise.Scale(u, inv), rowwise.Scale(n, Mul(shared, inv)))
		}
		return []*Node{Reshape(dx, x.Shape().Dimensions...), rowwise.ColumnSums(w)}
	})
}

// rmsNormPlain is rmsNorm without a gain: x̄ = (ȳ - n·Σ(ȳ∘n)/C)/rms, and for one
// feature ȳ·eps/rms³.
func rmsNormPlain(x *Node, eps float64) *Node {
	features := x.Shape().Dim(-1)
	var n, inv *Node
	forward := func(in []*Node) *Node {
		rows := Reshape(in[0], -1, features)
		inv = Reciprocal(Sqrt(AddScalar(MulScalar(rowwise.Sums(Square(rows)), 1/float64(features)), eps)))
		n = rowwise.Scale(rows, inv)
		return Reshape(n, x.Shape().Dimensions...)
	}
	return vjp.Custom([]*Node{x}, forward, func(dy *Node) []*Node {
		dy = Reshape(dy, -1, features)
		var along *Node
		if features == 1 {
			along = rowwise.Scale(dy, MulScalar(Square(inv), eps))
		} else {
			along = Sub(dy, rowwise.Scale(n, MulScalar(rowwise.Sums(Mul(dy, n)), 1/float64(features))))
		}
		return []*Node{Reshape(rowwise.Scale(along, inv), x.Shape().Dimensions...)}
	})
}
