package lm

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// Rows are positions of the residual stream.
type Rows struct {
	X   *Node // [B, R, C]
	Tok *Node // [B, R] int32
	Pos *Node // [B, R] int32, position within the document
	Seg *Node // [B, R] int32, 0 for padding
}

// KV holds the keys and values that queries may attend to.
type KV struct {
	K, V     *Node // [B, S, Hkv, d], keys after RoPE
	Pos, Seg *Node // [B, S] int32
	// InOrder says that key j belongs to row j, so that row i needs only the
	// keys up to i. It lets attention skip what the mask would hide anyway.
	InOrder bool
}

// Keys decides what the queries of a layer see, given the rows' own keys and
// values. layer counts blocks, and is SmearLayer where the embedding before is
// asked for; pass counts the loops of a shared stack.
type Keys interface {
	Extend(layer, pass int, own KV) KV
}

// OwnKeys is the Keys of training: the rows see each other.
type OwnKeys struct{}

// Extend returns own.
func (OwnKeys) Extend(_, _ int, own KV) KV {
	own.InOrder = true
	return own
}

// Sublayer is a place where a block touches the stream.
type Sublayer struct {
	Path  string // prefix of its parameters' names, e.g. "model.layers.3.self_attn"
	Layer int    // index of the block
	Pass  int    // loop of a shared stack
}

// Stream says how a sublayer reads from and writes to the residual stream. Its
// parameters, if it has any, come from Build.Param.
type Stream interface {
	Open(c *Build, x *Node) *Node                                             // embedding [B, R, C] → stream
	Apply(c *Build, at Sublayer, h *Node, sublayer func(x *Node) *Node) *Node // read, transform, write back
	Close(c *Build, h *Node) *Node                                            // stream → [B, R, C]
}

// Residual is the plain stream: h + f(h).
type Residual struct{}

// Open returns x.
func (Residual) Open(_ *Build, x *Node) *Node { return x }

// Apply returns h + sublayer(h).
func (Residual) Apply(_ *Build, _ Sublayer, h *Node, sublayer func(x *Node) *Node) *Node {
	return Add(h, sublayer(h))
}

// Close returns h.
func (Residual) Close(_ *Build, h *Node) *Node { return h }

// Block transforms the stream h; rows carries positions and segments, its X is
// not read.
type Block interface {
	Forward(c *Build, h *Node, rows Rows, pass int) *Node
}

// BlockStack is the order in which blocks run: Before once, Core Loops times with
// shared weights, After once.
type BlockStack struct {
	Before, Core, After []Block
	Loops               int
}

// Visitor watches the stream on its way through a BlockStack. Either function
// may be nil.
type Visitor struct {
	// Last sees the stream before the last block of Core, in every pass.
	Last func(h *Node)
	// Pass sees the stream after each pass of Core and returns what goes on.
	Pass func(h *Node, pass int) *Node
}

// Forward runs the stack on the stream h. Recomputation goes over groups of
// sublayers that end where a visitor or Backout looks at the stream.
func (s BlockStack) Forward(c *Build, h *Node, rows Rows, v Visitor) *Node {
	run := func(blocks []Block, pass int, last func(h *Node)) {
		g := group{c: c, rows: rows, pass: pass}
		for i, b := range blocks {
			if last != nil && i == len(blocks)-1 {
				h = g.flush(h)
				last(h)
			}
			h = g.run(b, h)
			if d, ok := b.(decoderBlock); ok && c.model.Config.Backout && d.layer == c.model.Config.BackoutLayer() {
				h = g.flush(h)
				c.middle = h
			}
		}
		h = g.flush(h)
	}
	run(s.Before, 0, nil)
	for pass := range max(s.Loops, 1) {
		run(s.Core, pass, v.Last)
		if v.Pass != nil {
			h = v.Pass(h, pass)
		}
	}
	run(s.After, 0, nil)
	return h
}

// Divided is a Block that recomputation may cut between its sublayers.
type Divided interface {
	Block
	Sublayers() []Block
}

// group collects sublayers until there are as many as are recomputed together.
type group struct {
	c       *Build
	rows    Rows
	pass    int
	waiting []Block
}

// run adds a block and returns the stream after the groups that it filled; what
// waits has yet to run on it.
func (g *group) run(b Block, h *Node) *Node {
	if g.c.remat == 0 {
		return b.Forward(g.c, h, g.rows, g.pass)
	}
	parts := []Block{b}
	if d, ok := b.(Divided); ok {
		parts = d.Sublayers()
	}
	for _, p := range parts {
		if g.waiting = append(g.waiting, p); len(g.waiting) == g.c.remat {
			h = g.flush(h)
		}
	}
	return h
}

// flush runs what waits.
func (g *group) flush(h *Node) *Node {
	if len(g.waiting) == 0 {
		return h
	}
	parts := g.waiting
	g.waiting = nil
	return g.c.recompute(h, func(h *Node) *Node {
		for _, p := range parts {
			h = p.Forward(g.c, h, g.rows, g.pass)
		}
		return h
	})
}
