package ref

import "math"

// Streams are the hyper-connections of a model: n residual streams for each
// token, mixed as Mixing says.
type Streams struct {
	N          int    // 0 or 1: the plain residual
	Mixing     string // "birkhoff", "sinkhorn", "sinkhorn_v4" or "free"
	Iterations int
}

// SinkhornKnopp is exp(a), a [n][n], after iterations of dividing columns, then
// rows, by their sums (arXiv:2512.24880, Eq. 9). It works on logarithms.
func SinkhornKnopp(a [][]float64, iterations int) [][]float64 {
	n := len(a)
	m := clone(a)
	for range iterations {
		for j := range n {
			column := make([]float64, n)
			for i := range n {
				column[i] = m[i][j]
			}
			lse := logSumExp(column)
			for i := range n {
				m[i][j] -= lse
			}
		}
		for i := range n {
			lse := logSumExp(m[i])
			for j := range n {
				m[i][j] -= lse
			}
		}
	}
	for i := range m {
		for j := range m[i] {
			m[i][j] = math.Exp(m[i][j])
		}
	}
	return m
}

func logSumExp(v []float64) float64 {
	top := math.Inf(-1)
	for _, x := range v {
		top = math.Max(top, x)
	}
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(x - top)
	}
	return top + math.Log(sum)
}

// SinkhornV4 is what DeepSeek-V4's code makes of logits: a softmax of the rows plus
// ε, columns divided by their sums plus ε, and then t-1 times rows and columns.
func SinkhornV4(a [][]float64, iterations int, eps float64) [][]float64 {
	n := len(a)
	m := make([][]float64, n)
	for i := range m {
		lse := logSumExp(a[i])
		m[i] = make([]float64, n)
		for j := range m[i] {
			m[i][j] = math.Exp(a[i][j]-lse) + eps
		}
	}
	divide := func(at func(i, j int) *float64) {
		for j := range n {
			sum := eps
			for i := range n {
				sum += *at(i, j)
			}
			for i := range n {
				*at(i, j) /= sum
			}
		}
	}
	columns := func() { divide(func(i, j int) *float64 { return &m[i][j] }) }
	columns()
	for range iterations - 1 {
		divide(func(i, j int) *float64 { return &m[j][i] })
		columns()
	}
	return m
}

// Birkhoff is Σ_k softmax(θ)_k·P_k over the permutations of n in lexicographic
// order (arXiv:2601.05732), P_k[i][perm_k[i]] = 1.
func Birkhoff(theta []float64, n int) [][]float64 {
	r := make([][]float64, n)
	for i := range r {
		r[i] = make([]float64, n)
	}
	lse := logSumExp(theta)
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	for k := range theta {
		for i, j := range perm {
			r[i][j] += math.Exp(theta[k] - lse)
		}
		if k+1 < len(theta) {
			next(perm)
		}
	}
	return r
}

// next is the permutation that follows in lexicographic order.
func next(p []int) {
	i := len(p) - 2
	for p[i] > p[i+1] {
		i--
	}
	j := len(p) - 1
	for p[j] < p[i] {
		j--
	}
	p[i], p[j] = p[j], p[i]
	for a, b := i+1, len(p)-1; a < b; a, b = a+1, b-1 {
		p[a], p[b] = p[b], p[a]
	}
}

// Maps are the pre, post and residual maps of a token.
type Maps struct {
	Pre, Post []float64
	Res       [][]float64
}

// Compute makes the maps of a token's streams x [n][C] from φ, b and α.
func (s Streams) Compute(x [][]float64, phi, bias, alpha []float64) Maps {
	n := s.N
	m := Maps{Pre: make([]float64, n), Post: make([]float64, n)}
	if s.Mixing == "free" {
		return s.free(x, phi, bias, alpha)
	}
	var v []float64
	for _, stream := range x {
		v = append(v, stream...)
	}
	z := project(v, phi, len(bias))
	for k := range z {
		gate := alpha[2]
		if k < 2*n {
			gate = alpha[k/n]
		}
		z[k] = gate*z[k] + bias[k]
	}
	for j := range n {
		m.Pre[j], m.Post[j] = sigmoid(z[j]), 2*sigmoid(z[n+j])
	}
	res := z[2*n:]
	if s.Mixing == "birkhoff" {
		m.Res = Birkhoff(res, n)
		return m
	}
	a := make([][]float64, n)
	for i := range a {
		a[i] = res[i*n : (i+1)*n]
	}
	if s.Mixing == "sinkhorn" {
		m.Res = SinkhornKnopp(a, s.Iterations)
		return m
	}
	v4 := SinkhornV4(a, s.Iterations, 1e-6)
	m.Res = make([][]float64, n)
	for i := range n {
		for j := range n {
			m.Res[i] = append(m.Res[i], v4[j][i])
		}
	}
	return m
}

// free are the maps of hyper-connections (arXiv:2409.19606, Eqs. 10 to 12).
func (s Streams) free(x [][]float64, phi, bias, alpha []float64) Maps {
	n := s.N
	m := Maps{Res: make([][]float64, n), Pre: make([]float64, n), Post: make([]float64, n)}
	for i := range n {
		m.Res[i] = append([]float64(nil), bias[2*n+i*n:2*n+(i+1)*n]...)
	}
	for j := range n {
		z := project(x[j], phi, n+2)
		m.Pre[j] = bias[j] + alpha[0]*math.Tanh(z[0])
		m.Post[j] = bias[n+j] + alpha[1]*math.Tanh(z[n+1])
		for i := range n {
			m.Res[i][j] += alpha[2] * math.Tanh(z[1+i])
		}
	}
	return m
}

// project is φ·v/√(mean(v²)+1e-6) for φ [width, len(v)].
func project(v, phi []float64, width int) []float64 {
	square := 0.0
	for _, x := range v {
		square += x * x
	}
	r := 1 / math.Sqrt(square/float64(len(v))+1e-6)
	out := make([]float64, width)
	for i, x := range v {
		for k := range out {
			out[k] += r * x * phi[k*len(v)+i]
		}
	}
	return out
}

// Read is Σ_j pre_j·x_j.
func (m Maps) Read(x [][]float64) []float64 {
	u := make([]float64, len(x[0]))
	for j, stream := range x {
		for c, v := range stream {
			u[c] += m.Pre[j] * v
		}
	}
	return u
}

// Write is Σ_j R_ij·x_j + post_i·y.
func (m Maps) Write(x [][]float64, y []float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range out {
		out[i] = make([]float64, len(y))
		for c := range y {
			out[i][c] = m.Post[i] * y[c]
			for j := range x {
				out[i][c] += m.Res[i][j] * x[j][c]
			}
		}
	}
	return out
}

// split cuts a token's stream [n·C] into streams.
func (s Streams) split(h []float64) [][]float64 {
	dim := len(h) / s.N
	x := make([][]float64, s.N)
	for j := range x {
		x[j] = h[j*dim : (j+1)*dim]
	}
	return x
}

// open copies every state n times.
func (s Streams) open(h [][]float64) [][]float64 {
	if s.N < 2 {
		return h
	}
	out := make([][]float64, len(h))
	for t := range h {
		for range s.N {
			out[t] = append(out[t], h[t]...)
		}
	}
	return out
}

// close is the mean of the streams.
func (s Streams) close(h [][]float64) [][]float64 {
	if s.N < 2 {
		return h
	}
	out := make([][]float64, len(h))
	for t := range h {
		x := s.split(h[t])
		out[t] = make([]float64, len(x[0]))
		for _, stream := range x {
			for c, v := range stream {
				out[t][c] += v / float64(s.N)
			}
		}
	}
	return out
}

// apply lets a sublayer read the stream h of every token and write back to it.
// Blocks behind the model's own, those of heads, have a plain residual.
func (m *Model) apply(layer int, sublayer string, h [][]float64, f func(x [][]float64) [][]float64) {
	s := m.Streams
	if s.N < 2 || layer >= m.Layers {
		add(h, f(h))
		return
	}
	phi, bias, alpha := m.Weights[sublayer+"_mhc.phi"], m.Weights[sublayer+"_mhc.bias"], m.Weights[sublayer+"_mhc.alpha"]
	maps := make([]Maps, len(h))
	u := make([][]float64, len(h))
	for t := range h {
		x := s.split(h[t])
		maps[t] = s.Compute(x, phi, bias, alpha)
		u[t] = maps[t].Read(x)
	}
	y := f(u)
	for t := range h {
		var out []float64
		for _, stream := range maps[t].Write(s.split(h[t]), y[t]) {
			out = append(out, stream...)
		}
		h[t] = out
	}
}
