package looplm

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// The names of what is reported, see the package comment; a pass, counted from 1,
// follows the first two.
const (
	PassLoss = "loop/loss/"
	PassExit = "loop/exit/"
	Entropy  = "loop/entropy"
	Depth    = "loop/depth"
)

// Objective is that of Stage I. The model needs a gate.
type Objective struct {
	Beta *Node // β, a float32 scalar: weight of the entropy of the exits
}

// Terms implements lm.Objective.
func (o Objective) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	p, entropy := Exits(gates(f, false), len(f.Hidden))
	scored := ConvertDType(GreaterOrEqual(targets, ZerosLike(targets)), dtypes.Float32)
	count := ReduceAllSum(scored)
	mean := func(name string, x *Node) { l.Report(name, ReduceAllSum(Mul(x, scored)), count) }
	var depth *Node
	for t := range p {
		scorePass(f, targets, l, t, p[t], nil)
		mean(fmt.Sprint(PassExit, t+1), p[t])
		if at := MulScalar(p[t], float64(t+1)); depth == nil {
			depth = at
		} else {
			depth = Add(depth, at)
		}
	}
	mean(Entropy, entropy)
	mean(Depth, depth)
	l.Penalty(Neg(Mul(o.Beta, ReduceAllSum(Mul(entropy, scored)))))
}

// scorePass scores the state after pass t, from 0, with weights [B, T]. Seen, if
// not nil, is given the loss of every target.
func scorePass(f *lm.Forward, targets *Node, l *lm.Losses, t int, weights *Node, seen func(nll *Node)) {
	name := fmt.Sprint(PassLoss, t+1)
	s := lm.Score{Names: []string{name}, Hidden: f.Hidden[t], Targets: targets, Weights: weights, Seen: seen}
	if t == len(f.Hidden)-1 {
		scored := ConvertDType(GreaterOrEqual(targets, ZerosLike(targets)), dtypes.Float32)
		s.Names = []string{lm.Next}
		s.Seen = func(nll *Node) {
			l.Report(name, ReduceAllSum(Mul(nll, scored)), ReduceAllSum(scored))
			if seen != nil {
				seen(nll)
			}
		}
	}
	l.Score(s)
}

// Uniform scores every pass with weight 1/R.
type Uniform struct{}

// Terms implements lm.Objective.
func (Uniform) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	shape := targets.Shape().Clone()
	shape.DType = dtypes.Float32
	weights := BroadcastToShape(Scalar(targets.Graph(), dtypes.Float32, 1/float64(len(f.Hidden))), shape)
	for t := range f.Hidden {
		scorePass(f, targets, l, t, weights, nil)
	}
}

// GateObjective is that of Stage II. It has a gradient for the gate and no other
// parameter.
type GateObjective struct {
	K, Gamma float64 // k and γ
	Offset   int     // o: 0 as published, or 1
}

// Terms implements lm.Objective.
func (o GateObjective) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	if o.Offset != 0 && o.Offset != 1 {
		exceptions.Panicf("looplm: offset %d of the gate, want 0 or 1", o.Offset)
	}
	g := gates(f, true)
	scored := ConvertDType(GreaterOrEqual(targets, ZerosLike(targets)), dtypes.Float32)
	var before *Node
	for t := range f.Hidden {
		scorePass(f, targets, l, t, ZerosLike(scored), func(nll *Node) {
			if t > 0 {
				w := Sigmoid(MulScalar(AddScalar(MaxScalar(Sub(before, nll), 0), -o.Gamma), o.K))
				// -ln(1-λ) = softplus(g), -ln λ = softplus(-g)
				x := g[t-o.Offset]
				bce := Add(Mul(w, softplus(x)), Mul(OneMinus(w), softplus(Neg(x))))
				l.Penalty(DivScalar(ReduceAllSum(Mul(bce, scored)), float64(len(f.Hidden))))
			}
			before = nll
		})
	}
}

// gates are w·hᵗ + b [B, T] of every pass, from states without gradient if they
// are detached.
func gates(f *lm.Forward, detached bool) []*Node {
	w, b := f.Param("model.early_exit_gate.weight"), f.Param("model.early_exit_gate.bias")
	var out []*Node
	for _, h := range f.Hidden {
		if detached {
			h = StopGradient(h)
		}
		dims := h.Shape().Dimensions
		z := MatMul(Reshape(h, -1, dims[2]), w)
		out = append(out, Reshape(Add(z, BroadcastToShape(Reshape(b, 1, 1), z.Shape())), dims[0], dims[1]))
	}
	return out
}

// Exits returns the probabilities p_t of ending after each of the passes, and
// their entropy, all in the shape of the gates g_t = logit(λ_t); the gate of the
// last pass is not read.
func Exits(g []*Node, passes int) (p []*Node, entropy *Node) {
	if len(g) < passes-1 || passes < 1 {
		exceptions.Panicf("looplm: %d gates for %d passes", len(g), passes)
	}
	if passes == 1 {
		return []*Node{OnesLike(g[0])}, ZerosLike(g[0])
	}
	going := ZerosLike(g[0]) // ln Π(1-λ)
	for t := range passes {
		logP := going
		if t < passes-1 {
			logP = Sub(going, softplus(Neg(g[t])))
			going = Sub(going, softplus(g[t]))
		}
		pt := Exp(logP)
		p = append(p, pt)
		if h := Neg(Mul(pt, logP)); entropy == nil {
			entropy = h
		} else {
			entropy = Add(entropy, h)
		}
	}
	return p, entropy
}

// softplus is ln(1 + eˣ), whose derivative is σ(x) also where the two branches
// of its stable form meet.
func softplus(x *Node) *Node {
	return vjp.Custom([]*Node{x},
		func(in []*Node) *Node {
			return Add(MaxScalar(in[0], 0), Log1P(Exp(Neg(Abs(in[0])))))
		},
		func(dy *Node) []*Node { return []*Node{Mul(dy, Sigmoid(x))} })
}
