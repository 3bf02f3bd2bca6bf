package mhc

import (
	"math"

	"github.com/nanochat-go/nanochat/precision/gemv"
)

// HostMaps are the maps of one token in plain Go, for engines that run without a
// graph. They are made once and filled for each token.
type HostMaps struct {
	Pre, Post []float32 // [n]
	Res       []float32 // R [n·n], row-major

	c             Config
	z             []float64
	perms         [][]int
	rows, columns []float64
	old           []float32
}

// NewHostMaps returns maps for a configuration.
func (c Config) NewHostMaps() *HostMaps {
	c = c.WithDefaults()
	n := c.Streams
	h := &HostMaps{c: c, Pre: make([]float32, n), Post: make([]float32, n), Res: make([]float32, n*n), z: make([]float64, c.resWidth()),
		rows: make([]float64, n), columns: make([]float64, n)}
	if c.Mixing == Birkhoff {
		h.perms = Permutations(n)
	}
	return h
}

// Products is the number of values that Compute wants: Config.Width, or for Free
// n+2 of each stream.
func (c Config) Products() int {
	if c.Mixing == Free {
		return c.Streams * (c.Streams + 2)
	}
	return c.Width()
}

// Vectors is how many vectors of the streams φ is applied to: all streams as one,
// or for Free each alone.
func (c Config) Vectors() int {
	if c.Mixing == Free {
		return c.Streams
	}
	return 1
}

// InverseNorm is 1/√(mean(v²)+ε), the factor on φ·v.
func InverseNorm(v []float32) float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return float32(1 / math.Sqrt(sum/float64(len(v))+normEps))
}

// Compute fills the maps from the products m = φ·v/√(mean(v²)+ε).
func (h *HostMaps) Compute(m, bias, alpha []float32) {
	n := h.c.Streams
	if h.c.Mixing == Free {
		h.free(m, bias, alpha)
		return
	}
	logit := func(k, gate int) float64 { return float64(alpha[gate])*float64(m[k]) + float64(bias[k]) }
	for j := range n {
		h.Pre[j] = float32(1 / (1 + math.Exp(-logit(j, 0))))
		h.Post[j] = float32(2 / (1 + math.Exp(-logit(n+j, 1))))
	}
	for k := range h.z {
		h.z[k] = logit(2*n+k, 2)
	}
	switch h.c.Mixing {
	case Birkhoff:
		h.birkhoff()
	case Sinkhorn:
		h.sinkhorn()
	default:
		h.sinkhornV4()
	}
}

func (h *HostMaps) free(m, bias, alpha []float32) {
	n := h.c.Streams
	for j := range n {
		at := m[j*(n+2) : (j+1)*(n+2)]
		gated := func(gate, k int) float32 { return alpha[gate] * float32(math.Tanh(float64(at[k]))) }
		h.Pre[j] = bias[j] + gated(0, 0)
		h.Post[j] = bias[n+j] + gated(1, n+1)
		for i := range n {
			h.Res[i*n+j] = bias[2*n+i*n+j] + gated(2, 1+i)
		}
	}
}

func (h *HostMaps) birkhoff() {
	top, sum := math.Inf(-1), 0.0
	for _, z := range h.z {
		top = math.Max(top, z)
	}
	for k, z := range h.z {
		h.z[k] = math.Exp(z - top)
		sum += h.z[k]
	}
	clear(h.Res)
	n := h.c.Streams
	for k, p := range h.perms {
		for i, j := range p {
			h.Res[i*n+j] += float32(h.z[k] / sum)
		}
	}
}

// sinkhorn keeps the logarithms of what rows and columns were divided by, as
// ProjectSinkhorn does.
func (h *HostMaps) sinkhorn() {
	n := h.c.Streams
	clear(h.rows)
	logSum := func(at func(k int) float64) float64 {
		top, sum := math.Inf(-1), 0.0
		for k := range n {
			top = math.Max(top, at(k))
		}
		for k := range n {
			sum += math.Exp(at(k) - top)
		}
		return math.Log(sum) + top
	}
	for range h.c.Iterations {
		for j := range n {
			h.columns[j] = logSum(func(i int) float64 { return h.z[i*n+j] - h.rows[i] })
		}
		for i := range n {
			h.rows[i] = logSum(func(j int) float64 { return h.z[i*n+j] - h.columns[j] })
		}
	}
	for k, z := range h.z {
		h.Res[k] = float32(math.Exp(z - h.rows[k/n] - h.columns[k%n]))
	}
}

func (h *HostMaps) sinkhornV4() {
	n := h.c.Streams
	divide := func(plus, eps float64, at func(k int) *float64) {
		sum := eps
		for k := range n {
			sum += *at(k)
		}
		for k := range n {
			*at(k) = *at(k)/sum + plus
		}
	}
	row := func(i int) func(j int) *float64 { return func(j int) *float64 { return &h.z[i*n+j] } }
	column := func(j int) func(i int) *float64 { return func(i int) *float64 { return &h.z[i*n+j] } }
	for i := range n {
		top := math.Inf(-1)
		for j := range n {
			top = math.Max(top, h.z[i*n+j])
		}
		for j := range n {
			h.z[i*n+j] = math.Exp(h.z[i*n+j] - top)
		}
		divide(v4Eps, 0, row(i))
	}
	for t := range h.c.Iterations {
		for i := range n {
			if t > 0 {
				divide(0, v4Eps, row(i))
			}
		}
		for j := range n {
			divide(0, v4Eps, column(j))
		}
	}
	for k := range h.Res { // the transpose
		h.Res[k] = float32(h.z[k%n*n+k/n])
	}
}

// Read writes Σ_j pre_j·x_j to u [C] for the streams x [n·C] of the token.
func (h *HostMaps) Read(u, x []float32) {
	clear(u)
	for j, w := range h.Pre {
		gemv.AddScaled(u, x[j*len(u):(j+1)*len(u)], w)
	}
}

// Write replaces x by R·x + post⊗y, for y [C].
func (h *HostMaps) Write(x, y []float32) {
	n, dim := len(h.Pre), len(y)
	h.old = append(h.old[:0], x...)
	clear(x)
	for i := range n {
		to := x[i*dim : (i+1)*dim]
		for j, r := range h.Res[i*n : (i+1)*n] {
			gemv.AddScaled(to, h.old[j*dim:(j+1)*dim], r)
		}
		gemv.AddScaled(to, y, h.Post[i])
	}
}
