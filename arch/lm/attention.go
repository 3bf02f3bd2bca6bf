package lm

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/vjp"
)

// queryBlock is the number of rows whose scores are computed together when the
// keys are in order: a block of queries skips the keys after it. Smaller blocks
// skip more of the masked half and make smaller products; 128 measured best on
// two cores for contexts of 256 to 1024.
const queryBlock = 128

// hiddenScore is the score of a key that a query may not see. It is finite so that
// a row that sees nothing has a finite softmax.
const hiddenScore = -1e9

// attention is the attention sublayer on the normed rows X [B, R, C].
func (b decoderBlock) attention(c *Build, path string, rows Rows, pass int) *Node {
	cfg := c.model.Config
	dims := rows.X.Shape().Dimensions
	project := func(name string, heads int) *Node {
		return Reshape(c.Linear(path+name+"_proj.weight", rows.X), dims[0], dims[1], heads, cfg.HeadDim)
	}
	q, k, v := project("q", cfg.NumHeads), project("k", cfg.NumKVHeads), project("v", cfg.NumKVHeads)
	if cfg.QKNorm {
		q, k = c.Norm(path+"q_norm.weight", q), c.Norm(path+"k_norm.weight", k)
	}
	q, k = c.rope.apply(q), c.rope.apply(k)
	all := c.keys.Extend(b.layer, pass, KV{K: k, V: v, Pos: rows.Pos, Seg: rows.Seg})
	y := attend(cfg, q, rows, all)
	return c.Linear(path+"o_proj.weight", Reshape(y, dims[0], dims[1], cfg.NumHeads*cfg.HeadDim))
}

// attend returns softmax(q·kᵀ/√d)·v over the keys that each row may see, for
// q [B, R, H, d]; the result has q's shape.
func attend(cfg Config, q *Node, rows Rows, all KV) *Node {
	dims := q.Shape().Dimensions
	groups := cfg.NumHeads / cfg.NumKVHeads
	q = MulScalar(q, 1/math.Sqrt(float64(cfg.HeadDim)))
	q = Reshape(q, dims[0], dims[1], cfg.NumKVHeads, groups, cfg.HeadDim)
	if !all.InOrder || dims[1] <= queryBlock {
		return Reshape(attendBlock(cfg, q, rows, all, 0), dims...)
	}
	var parts []*Node
	for start := 0; start < dims[1]; start += queryBlock {
		end := min(start+queryBlock, dims[1])
		first := 0 // the first key that the block's window may reach
		if cfg.Window > 0 {
			first = max(0, start-cfg.Window+1)
		}
		cut := func(x *Node, from, to int) *Node { return SliceAxis(x, 1, AxisRange(from, to)) }
		part := Rows{Pos: cut(rows.Pos, start, end), Seg: cut(rows.Seg, start, end)}
		seen := KV{K: cut(all.K, first, end), V: cut(all.V, first, end),
			Pos: cut(all.Pos, first, end), Seg: cut(all.Seg, first, end), InOrder: true}
		parts = append(parts, attendBlock(cfg, cut(q, start, end), part, seen, start-first))
	}
	return Reshape(Concatenate(parts, 1), dims...)
}

// attendBlock is attend for q [B, R, Hkv, G, d], scaled already. offset is the
// index among the keys of the first row's own key when they are in order.
func attendBlock(cfg Config, q *Node, rows Rows, all KV, offset int) *Node {
	scores := Einsum("bqhgd,bkhd->bhgqk", q, all.K)
	visible, perSequence := visibility(cfg, rows, all, offset)
	y := Einsum("bhgqk,bkhd->bqhgd", maskedSoftmax(scores, visible), all.V)
	if perSequence { // padding rows see nothing: their uniform softmax becomes zero
		real := ConvertDType(NotEqual(rows.Seg, ZerosLike(rows.Seg)), y.DType())
		y = Mul(y, InsertAxes(real, 2, 2, 2))
	}
	return y
}

// maskedSoftmax is the softmax over the last axis of the visible scores, zero
// elsewhere. The adjoint is p·(a - Σ a·p) with a = ȳ - ȳ_top, where top is the
// key with the largest score: subtracting a constant from ȳ changes nothing in
// exact arithmetic, and this one keeps the adjoint of a saturated top score,
// which is the small difference of two equal numbers otherwise.
func maskedSoftmax(scores, visible *Node) *Node {
	floor := Scalar(scores.Graph(), scores.DType(), hiddenScore)
	s := Where(BroadcastToShape(visible, scores.Shape()), StopGradient(scores), floor)
	e := Exp(Sub(s, ReduceAndKeep(s, ReduceMax, -1)))
	p := Div(e, ReduceAndKeep(e, ReduceSum, -1))
	forward := func(in []*Node) *Node { return vjp.Touch(p, in...) }
	return vjp.Custom([]*Node{scores}, forward, func(dy *Node) []*Node {
		top := ReduceAndKeep(Where(Equal(e, OnesLike(e)), dy, floor), ReduceMax, -1)
		a := Sub(dy, top)
		return []*Node{Mul(p, Sub(a, ReduceAndKeep(Mul(a, p), ReduceSum, -1)))}
	})
}

// visibility says which keys each row sees, as a mask that broadcasts to
// [B, Hkv, G, R, S], and whether it depends on the sequence.
func visibility(cfg Config, rows Rows, all KV, offset int) (mask *Node, perSequence bool) {
	if all.InOrder && !cfg.DocumentMask {
		g := rows.Pos.Graph()
		shape := rows.Pos.Shape().Clone()
		shape.Dimensions = []int{rows.Pos.Shape().Dim(1), all.Pos.Shape().Dim(1)}
		distance := Sub(AddScalar(Iota(g, shape, 0), offset), Iota(g, shape, 1))
		return InsertAxes(within(cfg, distance), 0, 0, 0), false
	}
	distance := Sub(InsertAxes(rows.Pos, -1), InsertAxes(all.Pos, 1)) // [B, R, S]
	mask = within(cfg, distance)
	query, key := InsertAxes(rows.Seg, -1), InsertAxes(all.Seg, 1)
	if cfg.DocumentMask {
		mask = LogicalAnd(mask, LogicalAnd(Equal(query, key), NotEqual(query, ZerosLike(query))))
	} else { // a cache: empty slots are segment 0
		mask = LogicalAnd(mask, BroadcastToShape(NotEqual(key, ZerosLike(key)), mask.Shape()))
	}
	return InsertAxes(mask, 1, 1), cfg.DocumentMask
}

// within says whether a key that lies distance rows back is causal and inside
// the window.
func within(cfg Config, distance *Node) *Node {
	mask := GreaterOrEqual(distance, ZerosLike(distance))
	if cfg.Window > 0 {
		mask = LogicalAnd(mask, LessThan(distance, ConstAs(distance, cfg.Window)))
	}
	return mask
}
