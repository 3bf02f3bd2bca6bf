package lm

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/quant"
)

// Objective adds its terms to the losses of a forward pass. One of a run's
// objectives scores the next token, as NextToken does; others add to it.
type Objective interface {
	// Terms is given the targets [B, T] of the next token, negative where it is
	// not scored.
	Terms(f *Forward, targets *Node, l *Losses)
}

// NextToken is the objective of a plain language model: -log p(next token) by
// the final hidden state.
type NextToken struct{}

// Terms implements Objective.
func (NextToken) Terms(f *Forward, targets *Node, l *Losses) {
	l.Score(Score{Names: []string{Next}, Hidden: f.Final(), Targets: targets})
}

// Next is the name of the next token's loss among those that a Score has.
const Next = ""

// Score is a prediction of tokens from hidden states through the model's head.
type Score struct {
	// Names are those under which the mean losses of the K targets are reported,
	// Next for the one of the next token.
	Names   []string
	Hidden  *Node // [B, T, C], after a norm
	Targets *Node // [B, T], or [B, T, K]; negative: not scored
	Weights *Node // like Targets, float32: what a target weighs; nil: 1
	// Seen, if set, receives the -log p of the targets, float32 like Targets and
	// without gradient, and may penalise and report what follows from them.
	Seen func(nll *Node)
}

// Losses are what objectives make of a batch: float32 scalars that are sums
// over its positions.
type Losses struct {
	Objective  *Node // what training minimises, in nats
	NLL, Count *Node // -log p of the next tokens that are scored, and their number
	Parts      []Part

	scores  []Score
	penalty *Node
}

// Part is a sum over Count positions that is reported as its mean.
type Part struct {
	Name       string
	Sum, Count *Node
}

// Score adds Σ weights·(-log p(target)) to the objective.
func (l *Losses) Score(s Score) { l.scores = append(l.scores, s) }

// Penalty adds a scalar to the objective.
func (l *Losses) Penalty(x *Node) {
	if l.penalty != nil {
		x = Add(l.penalty, x)
	}
	l.penalty = x
}

// Report adds a part.
func (l *Losses) Report(name string, sum, count *Node) {
	l.Parts = append(l.Parts, Part{name, StopGradient(sum), StopGradient(count)})
}

// Losses evaluates objectives on a batch, as LossWith does the next token's loss.
func (m *Model) Losses(of []Objective, operands *quant.Operands, scope *model.Scope, tokens, targets, pos, seg *Node) *Losses {
	sequences := tokens.Shape().Dim(0)
	shards := max(1, min(m.shards, sequences))
	var all *Losses
	for i := range shards {
		part := func(x *Node) *Node { return cut(x, 0, i*sequences/shards, (i+1)*sequences/shards) }
		f := m.forward(operands, OwnKeys{}, scope, part(tokens), part(pos), part(seg))
		l := &Losses{}
		for _, o := range of {
			o.Terms(f, part(targets), l)
		}
		l.evaluate(m, scope)
		all = all.plus(l)
	}
	return all
}

// evaluate computes what was scored, all through one head.
func (l *Losses) evaluate(m *Model, scope *model.Scope) {
	var of []prediction
	var masks []*Node
	for _, s := range l.scores {
		y := Reshape(s.Targets, -1, len(s.Names))
		mask := ConvertDType(GreaterOrEqual(y, ZerosLike(y)), dtypes.Float32)
		p := prediction{h: Reshape(s.Hidden, -1, m.Config.Dim), y: y, weights: mask}
		if s.Weights != nil {
			p.weights, p.varies = Mul(Reshape(s.Weights, y.Shape().Dimensions...), mask), true
		}
		of, masks = append(of, p), append(masks, mask)
	}
	total, nlls := crossEntropy(of, m.head(scope, of[0].h.Graph()), m.Config.SoftCap, m.Config.LossChunk)
	for i, s := range l.scores {
		if s.Seen != nil {
			s.Seen(Reshape(nlls[i], s.Targets.Shape().Dimensions...))
		}
		for k, name := range s.Names {
			column := func(x *Node) *Node { return cut(x, 1, k, k+1) }
			count := ReduceAllSum(column(masks[i]))
			if name != Next {
				l.Report(name, ReduceAllSum(Mul(column(nlls[i]), column(masks[i]))), count)
				continue
			}
			if l.Count != nil {
				exceptions.Panicf("lm: two objectives score the next token")
			}
			l.NLL, l.Count = total, count
			if of[i].varies || len(of) > 1 {
				l.NLL = ReduceAllSum(Mul(column(nlls[i]), column(masks[i])))
			}
		}
	}
	if l.Count == nil {
		exceptions.Panicf("lm: no objective scores the next token")
	}
	if l.Objective = total; l.penalty != nil {
		l.Objective = Add(total, l.penalty)
	}
}

// plus adds the losses of another part of the batch.
func (l *Losses) plus(o *Losses) *Losses {
	if l == nil {
		return o
	}
	l.Objective, l.NLL, l.Count = Add(l.Objective, o.Objective), Add(l.NLL, o.NLL), Add(l.Count, o.Count)
	for i := range l.Parts {
		l.Parts[i].Sum, l.Parts[i].Count = Add(l.Parts[i].Sum, o.Parts[i].Sum), Add(l.Parts[i].Count, o.Parts[i].Count)
	}
	return l
}
