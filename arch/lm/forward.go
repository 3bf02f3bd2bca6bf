package lm

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/quant"
)

// Forward is a forward pass over a batch: what objectives read, and extend with
// heads of their own.
type Forward struct {
	*Build
	Tokens *Node // [B, T]
	Rows   Rows  // positions and segments; X is not set

	// Hidden are the states [B, T, C] after the final norm, one for each pass of
	// a looped model; the head reads the last.
	Hidden []*Node
	// Last and Trunk are the stream [B, T, C] before and after the last block, in
	// the last pass, without the final norm.
	Last, Trunk *Node
}

// Config is that of the model.
func (f *Forward) Config() Config { return f.model.Config }

// Final is the hidden state that the head reads.
func (f *Forward) Final() *Node { return f.Hidden[len(f.Hidden)-1] }

// forward runs the model; parts of one batch share operands, which has their
// quantised weights.
func (m *Model) forward(operands *quant.Operands, keys Keys, scope *model.Scope, tokens, pos, seg *Node) *Forward {
	_, own := keys.(OwnKeys)
	if own && tokens.Shape().Dim(1) > m.Config.Context {
		exceptions.Panicf("lm: tokens %s are longer than the context of %d", tokens.Shape(), m.Config.Context)
	}
	c := &Build{model: m, scope: scope, g: tokens.Graph(), keys: keys, stream: m.stream, remat: m.Config.Remat, operands: operands}
	if !m.Config.DocumentMask && own {
		pos = Iota(c.g, pos.Shape(), 1)
	}
	if !own {
		c.remat = 0
	}
	c.rope = newRopeTables(c, pos)
	f := &Forward{Build: c, Tokens: tokens, Rows: Rows{Tok: tokens, Pos: pos, Seg: seg}}
	looped := m.Config.Loop.Loops > 0
	x := f.Embed(tokens)
	if m.Config.Smear {
		x = c.smear(x, f.Rows)
	}
	c.first = c.stream.Open(c, x)
	h := m.stack.Forward(c, c.first, f.Rows, Visitor{
		Last: func(h *Node) { f.Last = c.stream.Close(c, h) },
		Pass: func(h *Node, pass int) *Node {
			if looped && pass+1 < m.stack.Loops {
				h = f.between(h)
			}
			return h
		}})
	h = c.backout(h)
	f.Trunk = c.stream.Close(c, h)
	f.Hidden = append(f.Hidden, c.Norm("model.norm.weight", f.Trunk))
	return f
}

// between ends a pass that others follow: it keeps the hidden state and returns
// the normed stream. Where the stream is wider than one state, each of its
// parts is normed.
func (f *Forward) between(h *Node) *Node {
	closed := f.stream.Close(f.Build, h)
	hidden := f.Norm("model.norm.weight", closed)
	f.Hidden = append(f.Hidden, hidden)
	if closed == h {
		return hidden
	}
	return f.Norm("model.norm.weight", h)
}

// Embed returns the embeddings [B, T, C] of tokens [B, T], normed with
// Config.EmbedNorm.
func (f *Forward) Embed(tokens *Node) *Node {
	x := Gather(f.Param("model.embed_tokens.weight"), InsertAxes(tokens, -1))
	if f.model.Config.EmbedNorm {
		return f.Norm("model.embed_norm.weight", x)
	}
	return x
}

// Block runs the block with the given number on x [B, T, C], on a plain residual
// stream whatever the model's own is. Heads for later tokens are such blocks,
// numbered from Config.NumLayers.
func (f *Forward) Block(layer int, x *Node) *Node {
	c := *f.Build
	c.stream = Residual{}
	g := group{c: &c, rows: f.Rows}
	return g.flush(g.run(decoderBlock{layer: layer}, x))
}
