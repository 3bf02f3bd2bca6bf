package infer

import (
	"fmt"

	"github.com/nanochat-go/nanochat/precision/gemv"
)

// nano is what the model of nanochat has beside its layers; what a model does
// not have is nil or 0.
type nano struct {
	embedNorm []float32
	smearGate *dense[float32]
	smear     float32 // factor of the embedding before
	backout   float32 // factor of the middle stream
	backs     bool
}

// nanoLayer is the same of a layer.
type nanoLayer struct {
	values     []float32       // [V, Hkv·d] embeddings that are added to the values
	gate       *dense[float32] // of that, for each head
	resid, emb float32         // the layer reads resid·h + emb·x⁰
	scaled     bool
}

func (l nanoLayer) size() int {
	n := len(l.values)
	if l.gate != nil {
		n += len(l.gate.w)
	}
	if l.scaled {
		n += 2
	}
	return n
}

// size is the number of weights.
func (m nano) size() int {
	n := len(m.embedNorm)
	if m.smearGate != nil {
		n += len(m.smearGate.w) + 1
	}
	if m.backs {
		n++
	}
	return n
}

func (e *Engine) loadNano(tensors map[string][]float32, linears map[string]linear) nano {
	m := nano{embedNorm: tensors["model.embed_norm.weight"]}
	if e.cfg.Smear {
		m.smearGate, m.smear = linears["model.smear_gate.weight"].(*dense[float32]), tensors["model.smear_lambda"][0]
	}
	if e.cfg.Backout {
		m.backs, m.backout = true, tensors["model.backout_lambda"][0]
	}
	return m
}

func (e *Engine) loadNanoLayer(layer int, tensors map[string][]float32, linears map[string]linear) nanoLayer {
	path := fmt.Sprintf("model.layers.%d.", layer)
	l := nanoLayer{values: tensors[path+"value_embed.weight"]}
	if l.values != nil {
		l.gate = linears[path+"self_attn.value_gate.weight"].(*dense[float32])
	}
	if e.cfg.ResidualScalars {
		l.scaled, l.resid, l.emb = true, tensors[path+"resid_lambda"][0], tensors[path+"x0_lambda"][0]
	}
	return l
}

// embed writes what the first layer reads of the token at a position to x.
func (e *Engine) embed(x []float32, r *row, pos int) {
	e.lookUp(x, r.ids[pos])
	if e.nano.smearGate == nil || pos == 0 {
		return
	}
	before := make([]float32, len(x))
	e.lookUp(before, r.ids[pos-1])
	gemv.AddScaled(x, before, e.nano.smear*e.nano.smearGate.open(x, 0))
}

// lookUp writes the embedding of a token to x.
func (e *Engine) lookUp(x []float32, token int32) {
	copy(x, e.embedding[int(token)*len(x):])
	e.subNorm(e.cfg.EmbedNorm, x, e.nano.embedNorm)
}

// open is the logistic of the product of the first values of x with the weights
// of a gate's output.
func (d *dense[W]) open(x []float32, output int) float32 {
	var z [1]float32
	gemv.Multiply(z[:], 1, gemv.Matrix[W]{W: d.w[output*d.in:], Cols: d.in, Stride: d.in}, x[:d.in], 1, 0, 1)
	return sigmoid(z[0])
}

// mixEmbedding makes the stream resid·h + emb·x⁰.
func (e *Engine) mixEmbedding(sc *scratch, n int, l nanoLayer) {
	if !l.scaled {
		return
	}
	h, first := sc.h[:n*e.width], sc.first
	for i := range h {
		h[i] = l.resid*h[i] + l.emb*first[i]
	}
}

// addValues adds the value embedding of a token to its values v.
func (l nanoLayer) addValues(v, x []float32, token int32) {
	if l.values == nil {
		return
	}
	kv, d := len(v), len(v)/l.gate.out
	from := l.values[int(token)*kv : (int(token)+1)*kv]
	for h := range l.gate.out {
		gemv.AddScaled(v[h*d:(h+1)*d], from[h*d:(h+1)*d], 3*l.gate.open(x, h))
	}
}

// backout keeps the stream of the middle layer, and subtracts it after the last.
func (e *Engine) backout(sc *scratch, n, layer int) {
	if !e.cfg.Backout {
		return
	}
	h := sc.h[:n*e.width]
	if layer == e.cfg.BackoutLayer() {
		copy(sc.middle, h)
	}
	if layer == e.cfg.NumLayers-1 {
		gemv.AddScaled(h, sc.middle[:len(h)], -e.nano.backout)
	}
}
