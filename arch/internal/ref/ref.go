package ref

import (
	"fmt"
	"math"
)

// Config is the shape of a model; the fields mean what those of lm.Config mean,
// with every default filled in.
type Config struct {
	Vocab, Layers, Dim, Heads, KVHeads, HeadDim, Hidden int

	MLP                                 string
	Tied, Ternary, QKNorm, DocumentMask bool
	SandwichNorm                        bool
	Loops                               int // 0: not a looped model
	SubLN                               bool
	Nano                                Nano
	Streams                             Streams
	Window                              int
	SoftCap, RopeTheta, NormEps         float64

	Stretch func(frequency float64) float64 // of RoPE scaling, nil for none
}

// Model is a configuration with its weights by name, [in, out] in row-major
// order, and [V, C] for the embedding.
type Model struct {
	Config
	Weights map[string][]float64

	recording bool
	offsets   map[string][]float64
	pass      int // of a looped model

	tokens        []int // of the row being computed
	first, middle [][]float64
	layer         int // being computed
}

// Batch is one row of tokens. Targets that are negative are not scored.
type Batch struct{ Tokens, Targets, Pos, Seg []int }

// Freeze records the offsets of the straight-through estimator at b.
func (m *Model) Freeze(b Batch) { m.Record(func() { m.Loss(b) }) }

// Record is Freeze for what f evaluates.
func (m *Model) Record(f func()) {
	m.offsets, m.recording = map[string][]float64{}, true
	f()
	m.recording = false
}

// Gradient returns ∂Loss/∂w for the values of the named weight at some places.
func (m *Model) Gradient(name string, b Batch, at []int) []float64 {
	return m.Differentiate(name, at, func() float64 {
		nats, _ := m.Loss(b)
		return nats
	})
}

// Differentiate returns ∂f/∂w for the values of the named weight at some places.
func (m *Model) Differentiate(name string, at []int, f func() float64) []float64 {
	const h = 1e-5
	w := m.Weights[name]
	g := make([]float64, len(at))
	for n, i := range at {
		v := w[i]
		w[i] = v + h
		up := f()
		w[i] = v - h
		down := f()
		w[i] = v
		g[n] = (up - down) / (2 * h)
	}
	return g
}

// Loss returns the summed nats of the scored targets and their number.
func (m *Model) Loss(b Batch) (nats float64, count int) {
	for t, nll := range NLL(m.Logits(b), b.Targets) {
		if b.Targets[t] >= 0 {
			nats += nll
			count++
		}
	}
	return nats, count
}

// NLL is -log softmax(z_t)[target_t] of each row, 0 for a negative target.
func NLL(logits [][]float64, targets []int) []float64 {
	out := make([]float64, len(logits))
	for t, z := range logits {
		if targets[t] < 0 {
			continue
		}
		top := math.Inf(-1)
		for _, v := range z {
			top = math.Max(top, v)
		}
		sum := 0.0
		for _, v := range z {
			sum += math.Exp(v - top)
		}
		out[t] = top + math.Log(sum) - z[targets[t]]
	}
	return out
}

// Logits returns the logits [T][V] of a row.
func (m *Model) Logits(b Batch) [][]float64 {
	passes := m.Passes(b)
	return m.Unembed(passes[len(passes)-1])
}

// Passes returns the states [T][C] after the final norm of each pass: one, or
// Loops of a looped model, in which the norm is part of the loop.
func (m *Model) Passes(b Batch) [][][]float64 {
	passes, _, _ := m.run(b)
	return passes
}

// run also returns the stream before and after the last block of the last pass.
func (m *Model) run(b Batch) (passes [][][]float64, last, trunk [][]float64) {
	h := m.Embed(b.Tokens)
	pos := m.positions(b)
	if m.Nano.Smear {
		h = m.smear(h, pos, b.Seg)
	}
	h = m.Streams.open(h)
	m.tokens, m.first = b.Tokens, clone(h)
	for m.pass = range max(m.Loops, 1) {
		for layer := range m.Layers {
			if layer == m.Layers-1 {
				last = m.Streams.close(clone(h))
			}
			m.Block(layer, h, pos, b.Seg)
			if layer == m.Layers/2 {
				m.middle = clone(h)
			}
		}
		m.backout(h)
		trunk = m.Streams.close(clone(h))
		passes = append(passes, m.norm("model.norm.weight", trunk))
		for t := range h { // each stream alone
			var parts []float64
			for at := 0; at < len(h[t]); at += m.Dim {
				parts = append(parts, m.norm("model.norm.weight", [][]float64{h[t][at : at+m.Dim]})[0]...)
			}
			h[t] = parts
		}
	}
	return passes, last, trunk
}

// Embed looks tokens up.
func (m *Model) Embed(tokens []int) [][]float64 {
	embed := m.Weights["model.embed_tokens.weight"]
	h := make([][]float64, len(tokens))
	for t, id := range tokens {
		h[t] = append([]float64(nil), embed[id*m.Dim:(id+1)*m.Dim]...)
	}
	if m.Nano.EmbedNorm {
		h = m.norm("model.embed_norm.weight", h)
	}
	return h
}

// positions are those that RoPE turns by.
func (m *Model) positions(b Batch) []int {
	if m.DocumentMask {
		return b.Pos
	}
	pos := make([]int, len(b.Tokens))
	for t := range pos {
		pos[t] = t
	}
	return pos
}

// Block adds the sublayers of a block to h.
func (m *Model) Block(layer int, h [][]float64, pos, seg []int) {
	path := fmt.Sprintf("model.layers.%d.", layer)
	m.layer = layer
	m.mixEmbedding(path, h)
	sandwich := func(norm string, y [][]float64) [][]float64 {
		if m.SandwichNorm {
			y = m.norm(path+norm+"_2.weight", y)
		}
		return y
	}
	m.apply(layer, path+"self_attn", h, func(x [][]float64) [][]float64 {
		return sandwich("input_layernorm", m.attention(path+"self_attn.", m.norm(path+"input_layernorm.weight", x), pos, seg))
	})
	m.apply(layer, path+"mlp", h, func(x [][]float64) [][]float64 {
		return sandwich("post_attention_layernorm", m.mlp(path+"mlp.", m.norm(path+"post_attention_layernorm.weight", x)))
	})
}

// Unembed returns the logits [T][V] of normed states.
func (m *Model) Unembed(h [][]float64) [][]float64 {
	embed, head := m.Weights["model.embed_tokens.weight"], m.Weights["lm_head.weight"]
	out := make([][]float64, len(h))
	for t, x := range h {
		out[t] = make([]float64, m.Vocab)
		for v := range out[t] {
			z := 0.0
			for c := range x {
				if m.Tied {
					z += x[c] * embed[v*m.Dim+c]
				} else {
					z += x[c] * head[c*m.Vocab+v]
				}
			}
			if m.SoftCap > 0 {
				z = m.SoftCap * math.Tanh(z/m.SoftCap)
			}
			out[t][v] = z
		}
	}
	return out
}

func clone(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for t := range x {
		out[t] = append([]float64(nil), x[t]...)
	}
	return out
}

func add(h, x [][]float64) {
	for t := range h {
		for c := range h[t] {
			h[t][c] += x[t][c]
		}
	}
}

// norm is RMSNorm over each row.
func (m *Model) norm(name string, x [][]float64) [][]float64 {
	gain := m.Weights[name]
	out := make([][]float64, len(x))
	for t, row := range x {
		out[t] = make([]float64, len(row))
		square := 0.0
		for _, v := range row {
			square += v * v
		}
		rms := math.Sqrt(square/float64(len(row)) + m.NormEps)
		for c, v := range row {
			out[t][c] = v / rms
			if !m.Nano.NoGain {
				out[t][c] *= gain[c]
			}
		}
	}
	return out
}

// attention is the sublayer on normed rows x [T][C].
func (m *Model) attention(path string, x [][]float64, pos, seg []int) [][]float64 {
	q := m.split(m.linear(path+"q_proj.weight", x, m.Heads*m.HeadDim), m.Heads)
	k := m.split(m.linear(path+"k_proj.weight", x, m.KVHeads*m.HeadDim), m.KVHeads)
	v := m.split(m.linear(path+"v_proj.weight", x, m.KVHeads*m.HeadDim), m.KVHeads)
	m.valueEmbedding(path, x, v)
	for h := range q {
		if m.QKNorm {
			q[h] = m.norm(path+"q_norm.weight", q[h])
		}
		m.rope(q[h], pos)
	}
	for h := range k {
		if m.QKNorm {
			k[h] = m.norm(path+"k_norm.weight", k[h])
		}
		m.rope(k[h], pos)
	}
	y := make([][]float64, len(x))
	for i := range y {
		y[i] = make([]float64, m.Heads*m.HeadDim)
		for h := range q {
			kv := h / (m.Heads / m.KVHeads)
			m.mix(y[i][h*m.HeadDim:(h+1)*m.HeadDim], i, q[h][i], k[kv], v[kv], pos, seg)
		}
	}
	if m.SubLN {
		y = m.norm(path+"attn_sub_norm.weight", y)
	}
	return m.linear(path+"o_proj.weight", y, m.Dim)
}

// split turns rows [T][H·d] into heads [H][T][d].
func (m *Model) split(x [][]float64, heads int) [][][]float64 {
	out := make([][][]float64, heads)
	for h := range out {
		for _, row := range x {
			out[h] = append(out[h], append([]float64(nil), row[h*m.HeadDim:(h+1)*m.HeadDim]...))
		}
	}
	return out
}

// rope rotates the pairs (x_t, x_{t+d/2}) of each row in place.
func (m *Model) rope(x [][]float64, pos []int) {
	half := m.HeadDim / 2
	for i, row := range x {
		for t := range half {
			f := math.Pow(m.RopeTheta, -2*float64(t)/float64(m.HeadDim))
			if m.Stretch != nil {
				f = m.Stretch(f)
			}
			s, c := math.Sincos(float64(pos[i]) * f)
			a, b := row[t], row[t+half]
			row[t], row[t+half] = a*c-b*s, b*c+a*s
		}
	}
}

// mix writes Σ softmax(q·k/√d) v over the rows that row i sees to y.
func (m *Model) mix(y []float64, i int, q []float64, k, v [][]float64, pos, seg []int) {
	var rows []int
	var scores []float64
	top := math.Inf(-1)
	for j := range k {
		if !m.sees(i, j, pos, seg) {
			continue
		}
		s := 0.0
		for c := range q {
			s += q[c] * k[j][c]
		}
		s /= math.Sqrt(float64(m.HeadDim))
		if m.Nano.QKScale > 0 {
			s *= m.Nano.QKScale * m.Nano.QKScale
		}
		rows, scores, top = append(rows, j), append(scores, s), math.Max(top, s)
	}
	sum := 0.0
	for n := range scores {
		scores[n] = math.Exp(scores[n] - top)
		sum += scores[n]
	}
	for n, j := range rows {
		for c := range y {
			y[c] += scores[n] / sum * v[j][c]
		}
	}
}

func (m *Model) sees(i, j int, pos, seg []int) bool {
	if j > i || m.window() > 0 && i-j >= m.window() {
		return false
	}
	return !m.DocumentMask || seg[i] == seg[j] && seg[i] != 0
}

func (m *Model) mlp(path string, x [][]float64) [][]float64 {
	hidden := m.linear(path+"up_proj.weight", x, m.Hidden)
	var gate [][]float64
	if m.MLP == "swiglu" || m.MLP == "relu2glu" {
		gate = m.linear(path+"gate_proj.weight", x, m.Hidden)
	}
	silu := func(v float64) float64 { return v / (1 + math.Exp(-v)) }
	for t := range hidden {
		for c, v := range hidden[t] {
			switch m.MLP {
			case "swiglu":
				hidden[t][c] = silu(gate[t][c]) * v
			case "relu2glu":
				hidden[t][c] = math.Pow(math.Max(gate[t][c], 0), 2) * v
			case "relu2":
				hidden[t][c] = math.Pow(math.Max(v, 0), 2)
			case "silu":
				hidden[t][c] = silu(v)
			default:
				panic("ref: MLP " + m.MLP)
			}
		}
	}
	if m.SubLN {
		hidden = m.norm(path+"ffn_sub_norm.weight", hidden)
	}
	return m.linear(path+"down_proj.weight", hidden, m.Dim)
}

// linear is x·W for a weight [len(x[t]), out].
func (m *Model) linear(name string, x [][]float64, out int) [][]float64 {
	w := m.Weights[name]
	if m.Ternary {
		rows := make([][]float64, len(x))
		for t := range x {
			rows[t] = m.offset(fmt.Sprintf("%s/%d/x%d", name, m.pass, t), x[t], tokenInt8)
		}
		x, w = rows, m.offset(name, w, absmean)
	}
	y := make([][]float64, len(x))
	for t, row := range x {
		y[t] = make([]float64, out)
		for i, v := range row {
			for o := range out {
				y[t][o] += v * w[i*out+o]
			}
		}
	}
	return y
}

// offset returns v + (quantise(v₀) - v₀), where v₀ is v when offsets are
// recorded and what was v then otherwise.
func (m *Model) offset(key string, v []float64, quantise func([]float64) []float64) []float64 {
	if m.offsets == nil {
		return quantise(v)
	}
	if m.recording {
		q := quantise(v)
		d := make([]float64, len(v))
		for i := range v {
			d[i] = q[i] - v[i]
		}
		m.offsets[key] = d
	}
	out := make([]float64, len(v))
	for i, d := range m.offsets[key] {
		out[i] = v[i] + d
	}
	return out
}

// absmean is the weight quantiser of BitNet b1.58 (arXiv:2402.17764):
// scale·clip(round(w/scale), -1, 1) with the mean of |w| as scale.
func absmean(w []float64) []float64 {
	scale := 0.0
	for _, v := range w {
		scale += math.Abs(v)
	}
	scale = math.Max(scale/float64(len(w)), 1e-5)
	out := make([]float64, len(w))
	for i, v := range w {
		out[i] = scale * math.Max(-1, math.Min(1, math.RoundToEven(v/scale)))
	}
	return out
}

// tokenInt8 is its activation quantiser: 127 steps to the largest |x|.
func tokenInt8(x []float64) []float64 {
	top := 1e-5
	for _, v := range x {
		top = math.Max(top, math.Abs(v))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = top / 127 * math.Max(-128, math.Min(127, math.RoundToEven(127*v/top)))
	}
	return out
}
