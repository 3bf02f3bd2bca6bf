package ref

import "fmt"

// ParallelHeads returns the normed states [T][C] of the heads k = 1 … n
// (arXiv:2404.19737): one block each, beside the last one of the model.
func (m *Model) ParallelHeads(b Batch, n int) [][][]float64 {
	_, last, _ := m.run(b)
	var heads [][][]float64
	for k := range n {
		h := clone(last)
		m.Block(m.Layers+k, h, m.positions(b), b.Seg)
		heads = append(heads, m.norm("model.norm.weight", h))
	}
	return heads
}

// SequentialHeads returns those of modules k = 1 … n (arXiv:2412.19437, section
// 2.2): module k reads the one before it, the model for the first, and the
// embedding of the token k places on, token 0 where there is none.
func (m *Model) SequentialHeads(b Batch, n int) [][][]float64 {
	_, _, h := m.run(b)
	var heads [][][]float64
	for k := range n {
		path := fmt.Sprintf("model.layers.%d.", m.Layers+k)
		tokens := append(append([]int(nil), b.Tokens[k+1:]...), make([]int, k+1)...)
		e := m.norm(path+"enorm.weight", m.Embed(tokens))
		x := m.norm(path+"hnorm.weight", h)
		for t := range x {
			x[t] = append(x[t], e[t]...)
		}
		h = m.linear(path+"eh_proj.weight", x, m.Dim)
		m.Block(m.Layers+k, h, m.positions(b), b.Seg)
		heads = append(heads, m.norm("model.norm.weight", h))
	}
	return heads
}

// Later are the targets of head k: the token k places after the next one, when
// it belongs to the same document.
func Later(b Batch, k int) []int {
	out := make([]int, len(b.Targets))
	for t := range out {
		out[t] = -1
		if t+k < len(out) && b.Seg[t] == b.Seg[t+k] {
			out[t] = b.Targets[t+k]
		}
	}
	return out
}
