package ref

import (
	"fmt"
	"math"
)

// Nano has what the model of nanochat adds; the fields mean what those of
// lm.Config mean.
type Nano struct {
	NoGain, EmbedNorm, Smear, ValueEmbed, ResidualScalars, Backout bool

	QKScale       float64
	WindowPattern string
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// gate is σ(x[:n]·W) for each column of a weight [n, out].
func (m *Model) gate(name string, x []float64, out int) []float64 {
	w := m.Weights[name]
	g := make([]float64, out)
	for o := range g {
		for i := range len(w) / out {
			g[o] += x[i] * w[i*out+o]
		}
		g[o] = sigmoid(g[o])
	}
	return g
}

// smear adds to each embedding the one before by a gate, within its document.
func (m *Model) smear(x [][]float64, pos, seg []int) [][]float64 {
	out := clone(x)
	for t := 1; t < len(x); t++ {
		if m.DocumentMask && (seg[t] != seg[t-1] || seg[t] == 0 || pos[t] == 0) {
			continue
		}
		open := m.Weights["model.smear_lambda"][0] * m.gate("model.smear_gate.weight", x[t], 1)[0]
		for c := range out[t] {
			out[t][c] += open * x[t-1][c]
		}
	}
	return out
}

// mixEmbedding replaces h by r·h + z·x⁰.
func (m *Model) mixEmbedding(path string, h [][]float64) {
	if !m.Nano.ResidualScalars {
		return
	}
	r, z := m.Weights[path+"resid_lambda"][0], m.Weights[path+"x0_lambda"][0]
	for t := range h {
		for c := range h[t] {
			h[t][c] = r*h[t][c] + z*m.first[t][c]
		}
	}
}

// valueEmbedding adds to the values v [Hkv][T][d] of every second layer, the last
// among them, what it has for the tokens.
func (m *Model) valueEmbedding(path string, x [][]float64, v [][][]float64) {
	if !m.Nano.ValueEmbed || m.layer%2 != (m.Layers-1)%2 {
		return
	}
	table := m.Weights[fmt.Sprintf("model.layers.%d.value_embed.weight", m.layer)]
	for t := range x {
		open := m.gate(path+"value_gate.weight", x[t], m.KVHeads)
		for h := range v {
			for i := range v[h][t] {
				v[h][t][i] += 3 * open[h] * table[(m.tokens[t]*m.KVHeads+h)*m.HeadDim+i]
			}
		}
	}
}

// backout subtracts the stream after the middle layer.
func (m *Model) backout(h [][]float64) {
	if !m.Nano.Backout {
		return
	}
	for t := range h {
		for c := range h[t] {
			h[t][c] -= m.Weights["model.backout_lambda"][0] * m.middle[t][c]
		}
	}
}

// window is what the layer that is being computed sees.
func (m *Model) window() int {
	pattern := m.Nano.WindowPattern
	if pattern != "" && (m.layer == m.Layers-1 || pattern[m.layer%len(pattern)] == 'L') {
		return 0
	}
	return m.Window
}
