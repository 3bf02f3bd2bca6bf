package mtp

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/arch/lm"
)

// Loss is what the names of reported losses begin with; the distance of the
// token follows.
const Loss = "mtp/loss/"

// Objective scores the heads of a model. The next token is another's, such as
// lm.NextToken.
type Objective struct {
	Weights *Node // w_1 … w_K, float32
}

// Terms implements lm.Objective.
func (o Objective) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	heads := Heads(f)
	if dims := o.Weights.Shape().Dimensions; len(dims) != 1 || dims[0] != len(heads) {
		exceptions.Panicf("mtp: weights %s for %d heads", o.Weights.Shape(), len(heads))
	}
	for k, h := range heads {
		y := Later(f, targets, k+1)
		l.Score(lm.Score{Names: []string{fmt.Sprint(Loss, k+2)}, Hidden: h, Targets: y, Weights: weight(o.Weights, k, y)})
	}
}

// weight is the weight with a number at every target.
func weight(w *Node, k int, targets *Node) *Node {
	shape := targets.Shape().Clone()
	shape.DType = w.DType()
	return BroadcastToShape(Reshape(SliceAxis(w, 0, AxisElem(k))), shape)
}

// Heads returns the states [B, T, C] of the model's heads, after the final norm.
func Heads(f *lm.Forward) []*Node {
	c := f.Config()
	var out []*Node
	h := f.Trunk
	for k := range c.MTP.Heads {
		layer := c.NumLayers + k
		if c.MTP.Kind == lm.Parallel {
			h = f.Block(layer, f.Last)
		} else {
			h = f.Block(layer, project(f, layer, h, f.Embed(earlier(f.Tokens, k+1, 0))))
		}
		out = append(out, f.Norm("model.norm.weight", h))
	}
	return out
}

// project is M·[norm(h) ; norm(e)] of the module that has the number of a block.
func project(f *lm.Forward, layer int, h, e *Node) *Node {
	path := fmt.Sprintf("model.layers.%d.", layer)
	both := Concatenate([]*Node{f.Norm(path+"hnorm.weight", h), f.Norm(path+"enorm.weight", e)}, -1)
	return f.Linear(path+"eh_proj.weight", both)
}

// earlier moves x [B, T] to the left by k places and fills up with a value.
func earlier(x *Node, k, fill int) *Node {
	dims := x.Shape().Dimensions
	if k >= dims[1] {
		return AddScalar(ZerosLike(x), float64(fill))
	}
	rest := SliceAxis(x, 1, AxisRange(k))
	return Concatenate([]*Node{rest, AddScalar(ZerosLike(SliceAxis(x, 1, AxisRange(0, k))), float64(fill))}, 1)
}

// Later returns the targets [B, T] of head k for those of the next token: the
// token k places on, when it belongs to the same document, and -1 elsewhere.
func Later(f *lm.Forward, targets *Node, k int) *Node {
	same := Equal(earlier(f.Rows.Seg, k, -1), f.Rows.Seg)
	return Where(same, earlier(targets, k, -1), AddScalar(ZerosLike(targets), -1))
}

// Shared scores the next token's logits against several tokens. It takes the
// place of lm.NextToken.
type Shared struct {
	Weights *Node // w_1 … w_K of the tokens after the next, float32
}

// Terms implements lm.Objective.
func (s Shared) Terms(f *lm.Forward, targets *Node, l *lm.Losses) {
	n := s.Weights.Shape().Dim(0)
	names, ys := []string{lm.Next}, []*Node{targets}
	one := OnesLike(weight(s.Weights, 0, targets))
	ws, sum := []*Node{one}, one
	for k := range n {
		w := weight(s.Weights, k, targets)
		names, ys = append(names, fmt.Sprint(Loss, k+2)), append(ys, Later(f, targets, k+1))
		ws, sum = append(ws, w), Add(sum, w)
	}
	for i := range ws {
		ws[i] = Div(ws[i], sum)
	}
	l.Score(lm.Score{Names: names, Hidden: f.Final(), Targets: Stack(ys, -1), Weights: Stack(ws, -1)})
}
