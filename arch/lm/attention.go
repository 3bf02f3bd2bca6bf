package lm

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/rowwise"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// queryBlock is the number of rows whose scores are computed together when the
// keys are in order: a block of queries skips the keys after it. Smaller blocks
// skip more of the masked half and make smaller products; 128 measured best on
// two cores for contexts of 256 to 1024.
const queryBlock = 128

// hiddenScore is added to the score of a key that a query may not see. It is
// finite so that a row that sees nothing has a finite softmax.
const hiddenScore = -1e9

// attention is the attention sublayer on the normed rows X [B, R, C].
func (b decoderBlock) attention(c *Build, path string, rows Rows, pass int) *Node {
	cfg := c.model.Config
	cfg.Window = cfg.LayerWindow(b.layer)
	dims := rows.X.Shape().Dimensions
	project := func(name string, heads int) *Node {
		return Reshape(c.Linear(path+name+"_proj.weight", rows.X), dims[0], dims[1], heads, cfg.HeadDim)
	}
	q, k, v := project("q", cfg.NumHeads), project("k", cfg.NumKVHeads), project("v", cfg.NumKVHeads)
	if cfg.HasValueEmbed(b.layer) {
		v = b.valueEmbedding(c, rows, v)
	}
	if cfg.QKNorm {
		q, k = c.Norm(path+"q_norm.weight", q), c.Norm(path+"k_norm.weight", k)
	}
	q, k = c.rope.scaled(cfg.ScoreScale()).apply(q), c.rope.apply(k)
	all := c.keys.Extend(b.layer, pass, KV{K: k, V: v, Pos: rows.Pos, Seg: rows.Seg})
	y := Reshape(attend(cfg, q, rows, all), dims[0], dims[1], cfg.NumHeads*cfg.HeadDim)
	if cfg.SubLN {
		y = c.Norm(path+"attn_sub_norm.weight", y)
	}
	return c.Linear(path+"o_proj.weight", y)
}

// ScoreScale is what a query is multiplied with before its products with keys.
// A factor on queries and keys counts twice there.
func (c Config) ScoreScale() float64 {
	scale := 1 / math.Sqrt(float64(c.HeadDim))
	if c.QKScale > 0 {
		scale *= c.QKScale * c.QKScale
	}
	return scale
}

// attend returns softmax(q·kᵀ)·v over the keys that each row may see, for
// scaled queries q [B, R, H, d]; the result has q's shape.
//
// It goes over the rows in blocks. The exponentials e = exp(s - max s) of a
// block are never divided by their sum n, nor is anything else of their size:
// y = (e·v)/n, and with ŷ = ȳ/n the adjoints are v̄ = eᵀ·ŷ and
// s̄ = e∘(a - Σ e∘a/n) with a = ŷ·vᵀ - Σ ŷ∘y. In exact arithmetic Σ e∘a is
// zero; subtracting it once more keeps the adjoint of a saturated score, which
// is the small difference of two equal numbers. Products over rows are built as
// their transposes, k̄ᵀ = qᵀ·s̄ and v̄ᵀ = ŷᵀ·e, which turns over the narrow operand
// and reads the wide one as it lies.
func attend(cfg Config, q *Node, rows Rows, all KV) *Node {
	var blocks []*attentionBlock
	forward := func(in []*Node) *Node {
		qh, kh, vh := headsFirst(cfg, in[0]), headsFirst(cfg, in[1]), headsFirst(cfg, in[2])
		var parts []*Node
		for _, b := range attentionBlocks(cfg, q.Shape().Dim(1), all) {
			blocks = append(blocks, b)
			parts = append(parts, b.forward(cut(qh, 2, b.start, b.end), cut(kh, 2, b.first, b.last), cut(vh, 2, b.first, b.last),
				b.bias(cfg, rows, all), b.real(cfg, rows)))
		}
		return rowsFirst(cfg, Concatenate(parts, 2))
	}
	backward := func(dy *Node) []*Node {
		dyh := headsFirst(cfg, dy)
		var dqs []*Node
		var dk, dv *Node // [B·Hkv, d, S]
		keys := all.K.Shape().Dim(1)
		for _, b := range blocks {
			dqi, dki, dvi := b.backward(cut(dyh, 2, b.start, b.end))
			dqs = append(dqs, dqi)
			dk, dv = addColumns(dk, dki, b.first, keys), addColumns(dv, dvi, b.first, keys)
		}
		columns := func(x *Node) *Node { // [B·Hkv, d, S] → [B, S, Hkv, d]
			return TransposeAllAxes(Reshape(x, -1, cfg.NumKVHeads, cfg.HeadDim, keys), 0, 3, 1, 2)
		}
		return []*Node{rowsFirst(cfg, Concatenate(dqs, 2)), columns(dk), columns(dv)}
	}
	return vjp.Custom([]*Node{q, all.K, all.V}, forward, backward)
}

// headsFirst turns x [B, R, H, d] into [B·Hkv, G, R, d], where G is 1 for keys
// and values and the size of a group for queries.
func headsFirst(cfg Config, x *Node) *Node {
	dims := x.Shape().Dimensions
	groups := dims[2] / cfg.NumKVHeads
	x = Reshape(x, dims[0], dims[1], cfg.NumKVHeads, groups, dims[3])
	return Reshape(TransposeAllAxes(x, 0, 2, 3, 1, 4), -1, groups, dims[1], dims[3])
}

// rowsFirst undoes headsFirst for queries.
func rowsFirst(cfg Config, x *Node) *Node {
	dims := x.Shape().Dimensions
	x = Reshape(x, -1, cfg.NumHeads, dims[2], dims[3])
	return TransposeAllAxes(x, 0, 2, 1, 3)
}

// cut returns rows from to to of an axis.
func cut(x *Node, axis, from, to int) *Node {
	if from == 0 && to == x.Shape().Dim(axis) {
		return x
	}
	return SliceAxis(x, axis, AxisRange(from, to))
}

// addColumns adds x [N, d, s] to the columns of sum [N, d, n] that begin at
// first; a nil sum is zero.
func addColumns(sum, x *Node, first, n int) *Node {
	after := n - first - x.Shape().Dim(2)
	if first > 0 || after > 0 {
		x = Pad(x, ScalarZero(x.Graph(), x.DType()), PadAxis{}, PadAxis{}, PadAxis{Start: first, End: after})
	}
	if sum == nil {
		return x
	}
	return Add(sum, x)
}

// attentionBlock computes rows start to end, which see keys from first to last
// at most, and remembers what their gradient needs. M is G·(end-start) and S
// last-first.
type attentionBlock struct {
	start, end, first, last int

	q, k, v *Node // [B·Hkv, M, d], [B·Hkv, S, d]
	e       *Node // [B·Hkv, M, S]
	inv     *Node // 1/n [B·Hkv, M, 1]
	y       *Node // [B·Hkv, M, d]
}

// attentionBlocks divides the rows.
func attentionBlocks(cfg Config, rows int, all KV) []*attentionBlock {
	if !all.InOrder || rows <= queryBlock {
		return []*attentionBlock{{end: rows, last: all.K.Shape().Dim(1)}}
	}
	var blocks []*attentionBlock
	for start := 0; start < rows; start += queryBlock {
		b := &attentionBlock{start: start, end: min(start+queryBlock, rows)}
		b.last = b.end
		if cfg.Window > 0 {
			b.first = max(0, start-cfg.Window+1)
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// forward computes the block's rows [B·Hkv, G, R, d] from its queries of that
// shape and its keys and values [B·Hkv, 1, S, d].
func (b *attentionBlock) forward(q, k, v, bias, real *Node) *Node {
	dims, keys := q.Shape().Dimensions, k.Shape().Dim(2)
	n, d := dims[0], dims[3]
	b.q, b.k, b.v = Reshape(q, n, -1, d), Reshape(k, n, keys, d), Reshape(v, n, keys, d)
	scores := Dot(b.q, b.k).General([]int{2}, []int{0}, []int{2}, []int{0})
	sequences := bias.Shape().Dim(0)
	if sequences == 1 {
		sequences = n
	}
	z := Reshape(scores, sequences, -1, dims[2], keys)
	z = Add(z, rowwise.Repeat(bias, 1, z.Shape().Dim(1)))
	e := Exp(rowwise.Sub(z, StopGradient(ReduceAndKeep(z, ReduceMax, -1))))
	b.e = Reshape(e, n, -1, keys)
	b.inv = Reciprocal(rowwise.Sums(b.e))
	if real != nil {
		b.inv = Reshape(Mul(Reshape(b.inv, sequences, -1, dims[2], 1), real), n, -1, 1)
	}
	b.y = rowwise.Scale(Dot(b.e, b.v).General([]int{2}, []int{0}, []int{1}, []int{0}), b.inv)
	return Reshape(b.y, dims...)
}

// backward returns the adjoints of the block's queries [B·Hkv, G, R, d] and of
// its keys and values, transposed to [B·Hkv, d, S].
func (b *attentionBlock) backward(dy *Node) (dq, dkT, dvT *Node) {
	dims := dy.Shape().Dimensions
	u := rowwise.Scale(Reshape(dy, dims[0], -1, dims[3]), b.inv)
	dp := Dot(u, b.v).General([]int{2}, []int{0}, []int{2}, []int{0})
	a := rowwise.Sub(dp, rowwise.Sums(Mul(u, b.y)))
	ds := Mul(b.e, rowwise.Sub(a, Mul(rowwise.Sums(Mul(b.e, a)), b.inv)))
	dq = Dot(ds, b.k).General([]int{2}, []int{0}, []int{1}, []int{0})
	dkT = Dot(Transpose(b.q, 1, 2), ds).General([]int{2}, []int{0}, []int{1}, []int{0})
	dvT = Dot(Transpose(u, 1, 2), b.e).General([]int{2}, []int{0}, []int{1}, []int{0})
	return Reshape(dq, dims...), dkT, dvT
}

// bias is what the block adds to its scores: 0 where a row sees a key,
// hiddenScore elsewhere; [B, 1, R, S] or, if it is the same for all sequences,
// [1, 1, R, S].
func (b *attentionBlock) bias(cfg Config, rows Rows, all KV) *Node {
	pos, keys := cut(rows.Pos, 1, b.start, b.end), cut(all.Pos, 1, b.first, b.last)
	g, r, s := pos.Graph(), b.end-b.start, b.last-b.first
	var visible *Node
	if all.InOrder && !cfg.DocumentMask {
		shape := shapes.Make(dtypes.Int32, 1, r, s)
		visible = within(cfg, Sub(AddScalar(Iota(g, shape, 1), b.start-b.first), Iota(g, shape, 2)))
	} else {
		visible = within(cfg, Sub(InsertAxes(pos, -1), InsertAxes(keys, 1)))
		query := InsertAxes(cut(rows.Seg, 1, b.start, b.end), -1)
		key := InsertAxes(cut(all.Seg, 1, b.first, b.last), 1)
		if cfg.DocumentMask {
			visible = LogicalAnd(visible, LogicalAnd(Equal(query, key), NotEqual(query, ZerosLike(query))))
		} else { // a cache: empty slots are segment 0
			visible = LogicalAnd(visible, BroadcastToShape(NotEqual(key, ZerosLike(key)), visible.Shape()))
		}
	}
	shape := visible.Shape().Clone()
	shape.DType = all.K.DType()
	return InsertAxes(Where(visible, Zeros(g, shape), BroadcastToShape(Scalar(g, shape.DType, hiddenScore), shape)), 1)
}

// real is 1 for rows of a document and 0 for padding, [B, 1, R, 1], or nil when
// every row sees something. Padding sees nothing, so that its softmax, which is
// uniform then, has to be taken away.
func (b *attentionBlock) real(cfg Config, rows Rows) *Node {
	if !cfg.DocumentMask {
		return nil
	}
	seg := cut(rows.Seg, 1, b.start, b.end)
	return InsertAxes(ConvertDType(NotEqual(seg, ZerosLike(seg)), dtypes.Float32), 1, -1)
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
