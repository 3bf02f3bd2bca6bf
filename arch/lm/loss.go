package lm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/precision/vjp"
)

// Loss returns the summed negative log-likelihood, in nats, of the targets
// [B, T] that are not negative, and how many those are, both float32 scalars.
func (m *Model) Loss(scope *model.Scope, tokens, targets, pos, seg *Node) (nll, count *Node) {
	hidden := m.Hidden(scope, tokens, pos, seg)
	return m.LossOfHidden(scope, hidden, targets)
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
		cut := func(x *Node) *Node {
			if chunk == n {
				return x
			}
			return SliceAxis(x, 0, AxisRange(start, min(start+chunk, n)))
		}
		nll, dz := chunkLoss(MatMul(cut(sh), sw), cut(y), cut(scored), limit)
		total = sum(total, nll)
		dhs = append(dhs, Dot(dz, sw).General([]int{1}, nil, []int{1}, nil))
		dw = sum(dw, MatMul(Transpose(cut(sh), 0, 1), dz))
	}
	forward := func(in []*Node) *Node { return vjp.Touch(total, in...) }
	return vjp.Custom([]*Node{h, w}, forward, func(dy *Node) []*Node {
		return []*Node{Mul(Concatenate(dhs, 0), dy), Mul(dw, dy)}
	})
}

// chunkLoss returns the loss of raw scores z [n, V] and its gradient by them.
func chunkLoss(z, y, scored *Node, limit float64) (nll, dz *Node) {
	capped := softCap(z, limit)
	top := ReduceAndKeep(capped, ReduceMax, -1)
	e := Exp(Sub(capped, top))
	norm := ReduceAndKeep(e, ReduceSum, -1)
	vocab := z.Shape().Dim(-1)
	hit := Equal(Iota(z.Graph(), shapes.Make(y.DType(), z.Shape().Dim(0), vocab), 1), BroadcastToDims(InsertAxes(y, -1), z.Shape().Dim(0), vocab))
	picked := ReduceSum(Where(hit, capped, ZerosLike(capped)), -1)
	logZ := Add(Log(Squeeze(norm, -1)), Squeeze(top, -1))
	nll = ReduceAllSum(Mul(Sub(logZ, picked), scored))
	p := Div(e, norm)
	dz = Mul(Sub(p, ConvertDType(hit, p.DType())), InsertAxes(scored, -1))
	if limit > 0 { // d softCap = 1 - tanh²
		dz = Mul(dz, OneMinus(Square(MulScalar(capped, 1/limit))))
	}
	return nll, dz
}
