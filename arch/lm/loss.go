package lm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/precision/quant"
	"github.com/nanochat-go/nanochat/precision/rowwise"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// Loss returns the summed negative log-likelihood, in nats, of the targets
// [B, T] that are not negative, and how many those are, both float32 scalars.
func (m *Model) Loss(scope *model.Scope, tokens, targets, pos, seg *Node) (nll, count *Node) {
	return m.LossWith(new(quant.Operands), scope, tokens, targets, pos, seg)
}

// LossWith is Loss with operands of the caller's, who sets the Key that policies with
// random numbers need, another one for each batch, and may observe what is quantised.
func (m *Model) LossWith(operands *quant.Operands, scope *model.Scope, tokens, targets, pos, seg *Node) (nll, count *Node) {
	sequences := tokens.Shape().Dim(0)
	shards := min(m.shards, sequences)
	if shards <= 1 {
		return m.LossOfHidden(scope, m.hidden(operands, OwnKeys{}, scope, tokens, pos, seg), targets)
	}
	for i := range shards {
		part := func(x *Node) *Node { return cut(x, 0, i*sequences/shards, (i+1)*sequences/shards) }
		hidden := m.hidden(operands, OwnKeys{}, scope, part(tokens), part(pos), part(seg))
		n, c := m.LossOfHidden(scope, hidden, part(targets))
		if i == 0 {
			nll, count = n, c
		} else {
			nll, count = Add(nll, n), Add(count, c)
		}
	}
	return nll, count
}

// LossOfHidden is Loss for hidden states [B, T, C] that have been computed.
func (m *Model) LossOfHidden(scope *model.Scope, hidden, targets *Node) (nll, count *Node) {
	h := Reshape(hidden, -1, m.Config.Dim)
	y := Reshape(targets, -1)
	scored := ConvertDType(GreaterOrEqual(y, ZerosLike(y)), dtypes.Float32)
	nll = crossEntropy(h, m.head(scope, h.Graph()), y, scored, m.Config.SoftCap, m.Config.LossChunk)
	return nll, ReduceAllSum(scored)
}

// crossEntropy is Σ_i scored_i·(logsumexp(z_i) - z_i[y_i]) with
// z = softCap(h·w), for h [N, C], w [C, V], y [N] int32 and scored [N].
// With chunk > 0 the gradients are formed chunk by chunk beside the loss.
func crossEntropy(h, w, y, scored *Node, limit float64, chunk int) *Node {
	n := h.Shape().Dim(0)
	if chunk <= 0 || chunk > n {
		chunk = n
	}
	var total, dw *Node
	var dhs []*Node
	sum := func(a, b *Node) *Node {
		if a == nil {
			return b
		}
		return Add(a, b)
	}
	sh, sw := StopGradient(h), StopGradient(w)
	for start := 0; start < n; start += chunk {
		part := func(x *Node) *Node { return cut(x, 0, start, min(start+chunk, n)) }
		nll, dh, dwPart := chunkLoss(part(sh), sw, part(y), part(scored), limit)
		total, dw = sum(total, nll), sum(dw, dwPart)
		dhs = append(dhs, dh)
	}
	forward := func(in []*Node) *Node { return vjp.Touch(total, in...) }
	return vjp.Custom([]*Node{h, w}, forward, func(dy *Node) []*Node {
		return []*Node{Mul(Concatenate(dhs, 0), dy), Mul(dw, dy)}
	})
}

// chunkLoss returns the loss of rows h [n, C] and its gradients by h and w.
//
// With e = exp(z - max z) and s = Σ e the gradient by the logits is
// z̄ = (scored/s)·(e - s·onehot(y)). The factor of each row is applied to the
// narrow sides of the products, h and h̄, and the second term by a scatter, so
// that e is the only tensor of the logits' size that is written after z.
func chunkLoss(h, w, y, scored *Node, limit float64) (nll, dh, dw *Node) {
	z := softCap(MatMul(h, w), limit)
	top := ReduceAndKeep(z, ReduceMax, -1)
	e := Exp(rowwise.Sub(z, top))
	norm := rowwise.Sums(e)
	rows := Iota(y.Graph(), shapes.Make(y.DType(), y.Shape().Dim(0), 1), 0)
	at := Concatenate([]*Node{rows, InsertAxes(MaxScalar(y, 0), -1)}, -1)
	logZ := Squeeze(Add(Log(norm), top), -1)
	nll = ReduceAllSum(Mul(Sub(logZ, Gather(z, at)), scored))

	dz := ScatterSum(e, at, Neg(Squeeze(norm, -1)), true, true)
	if limit > 0 { // d softCap = 1 - tanh²
		dz = Mul(dz, OneMinus(Square(MulScalar(z, 1/limit))))
	}
	factor := Div(InsertAxes(scored, -1), norm)
	dh = rowwise.Scale(Dot(dz, w).General([]int{1}, nil, []int{1}, nil), factor)
	dw = MatMul(Transpose(rowwise.Scale(h, factor), 0, 1), dz)
	return nll, dh, dw
}
