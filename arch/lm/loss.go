package lm

import (
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
	l := m.Losses([]Objective{NextToken{}}, operands, scope, tokens, targets, pos, seg)
	return l.NLL, l.Count
}

// LossOfHidden is Loss for hidden states [B, T, C] that have been computed.
func (m *Model) LossOfHidden(scope *model.Scope, hidden, targets *Node) (nll, count *Node) {
	l := &Losses{}
	l.Score(Score{Names: []string{Next}, Hidden: hidden, Targets: targets})
	l.evaluate(m, scope)
	return l.NLL, l.Count
}

// prediction is what rows of hidden states say: h [N, C], K targets y [N, K]
// int32 for each row, of which negative ones do not count, and what each weighs
// [N, K], 0 where it does not count. varies says that the weights have a
// gradient.
type prediction struct {
	h, y, weights *Node
	varies        bool
}

// crossEntropy is Σ weights·nll over all predictions, with
// nll = logsumexp(z) - z[y] and z = softCap(h·w) for w [C, V], and the nll
// [N, K] of each prediction, without gradient. With chunk > 0 the gradients are
// formed chunk by chunk beside the loss; predictions come one after the other,
// so that never more than one has logits.
func crossEntropy(of []prediction, w *Node, limit float64, chunk int) (total *Node, nlls []*Node) {
	var dw *Node
	var inputs, adjoints []*Node
	sum := func(a, b *Node) *Node {
		if a == nil {
			return b
		}
		return Add(a, b)
	}
	sw := StopGradient(w)
	for _, p := range of {
		n := p.h.Shape().Dim(0)
		size := chunk
		if size <= 0 || size > n {
			size = n
		}
		h, weights := StopGradient(p.h), StopGradient(p.weights)
		var nll, dh []*Node
		for start := 0; start < n; start += size {
			part := func(x *Node) *Node { return cut(x, 0, start, min(start+size, n)) }
			rows := part(h)
			if len(dh) > 0 { // one chunk after the other, or their logits are all alive
				rows = SchedulingBarrier(rows, dw, dh[len(dh)-1])
			}
			nllPart, dhPart, dwPart := chunkLoss(rows, sw, part(p.y), part(weights), limit)
			total, dw = sum(total, ReduceAllSum(Mul(nllPart, part(weights)))), sum(dw, dwPart)
			nll, dh = append(nll, nllPart), append(dh, dhPart)
		}
		nlls = append(nlls, Concatenate(nll, 0))
		inputs, adjoints = append(inputs, p.h), append(adjoints, Concatenate(dh, 0))
		if p.varies {
			inputs, adjoints = append(inputs, p.weights), append(adjoints, nlls[len(nlls)-1])
		}
	}
	sums := total
	forward := func(in []*Node) *Node { return vjp.Touch(sums, in...) }
	total = vjp.Custom(append(inputs, w), forward, func(dy *Node) []*Node {
		var out []*Node
		for _, a := range append(adjoints, dw) {
			out = append(out, Mul(a, dy))
		}
		return out
	})
	return total, nlls
}

// chunkLoss returns the nll [n, K] of rows h [n, C] and the gradients of
// Σ weights·nll by h and w.
//
// With e = exp(z - max z), s = Σ e and W = Σ_k weights_k the gradient by the
// logits is z̄ = (W/s)·(e - s·Σ_k (weights_k/W)·onehot(y_k)). The factor of each
// row is applied to the narrow sides of the products, h and h̄, and the second
// term by a scatter, so that e is the only tensor of the logits' size that is
// written after z.
func chunkLoss(h, w, y, weights *Node, limit float64) (nll, dh, dw *Node) {
	n, targets := y.Shape().Dim(0), y.Shape().Dim(1)
	z := softCap(MatMul(h, w), limit)
	top := ReduceAndKeep(z, ReduceMax, -1)
	e := Exp(rowwise.Sub(z, top))
	norm := rowwise.Sums(e)
	rows := Iota(y.Graph(), shapes.Make(y.DType(), n, targets, 1), 0)
	at := Reshape(Concatenate([]*Node{rows, InsertAxes(MaxScalar(y, 0), -1)}, -1), -1, 2)
	nll = Neg(rowwise.Sub(Reshape(Gather(z, at), n, targets), Add(Log(norm), top)))

	sum, share := weights, norm
	if targets > 1 { // the same token may be the target of several offsets
		sum = ReduceAndKeep(weights, ReduceSum, -1)
		share = Mul(norm, Div(weights, MaxScalar(sum, tiny)))
	}
	dz := ScatterSum(e, at, Neg(Reshape(share, -1)), targets == 1, targets == 1)
	if limit > 0 { // d softCap = 1 - tanh²
		dz = Mul(dz, OneMinus(Square(MulScalar(z, 1/limit))))
	}
	factor := Div(sum, norm)
	dh = rowwise.Scale(Dot(dz, w).General([]int{1}, nil, []int{1}, nil), factor)
	dw = MatMul(Transpose(rowwise.Scale(h, factor), 0, 1), dz)
	return nll, dh, dw
}

// tiny keeps a row whose weights are all 0 from dividing by their sum.
const tiny = 1e-30
