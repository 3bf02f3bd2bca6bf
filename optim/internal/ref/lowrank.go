package ref

import "math"

// LowRank is Adam on R = Pᵀ·G for a fixed P [m, r] and G [m, n], and how its
// step N leaves the subspace: "galore" (arXiv:2403.03507, Algorithm 2), "fira"
// (arXiv:2410.01623, equations 6 and 7), "apollo" and "apollo-mini"
// (arXiv:2412.05270, Algorithm 1). Growth bounds the norm of the whole step's
// direction to so many times the one before; 0: none.
type LowRank struct {
	LR, Beta1, Beta2, Eps, Alpha, Growth float64
	P                                    Matrix
	Method                               string

	t    int
	m, v []float64
	norm float64
}

// Step updates w in place with the gradient g.
func (l *LowRank) Step(w, g Matrix) {
	r := l.P.T().Mul(g)
	if l.m == nil {
		l.m, l.v = make([]float64, len(r.Data)), make([]float64, len(r.Data))
	}
	l.t++
	n := Matrix{r.Rows, r.Cols, make([]float64, len(r.Data))}
	c1, c2 := 1-math.Pow(l.Beta1, float64(l.t)), 1-math.Pow(l.Beta2, float64(l.t))
	for i, x := range r.Data {
		l.m[i] = l.Beta1*l.m[i] + (1-l.Beta1)*x
		l.v[i] = l.Beta2*l.v[i] + (1-l.Beta2)*x*x
		n.Data[i] = l.m[i] / (math.Sqrt(l.v[i]) + l.Eps*math.Sqrt(c2))
	}
	d := l.lifted(n, r, g)
	factor := 1.0
	if norm := Norm(d.Data); l.Growth > 0 {
		if l.norm > 0 && norm > l.Growth*l.norm {
			factor = l.Growth * l.norm / norm
		}
		l.norm = norm * factor
	}
	for i := range w.Data {
		w.Data[i] -= l.LR * l.Alpha * math.Sqrt(c2) / c1 * factor * d.Data[i]
	}
}

func (l *LowRank) lifted(n, r, g Matrix) Matrix {
	if l.Method == "galore" {
		return l.P.Mul(n)
	}
	d := Matrix{g.Rows, g.Cols, make([]float64, len(g.Data))}
	inside := Matrix{g.Rows, g.Cols, make([]float64, len(g.Data))}
	step := inside
	if l.Method == "fira" {
		inside, step = l.P.Mul(r), l.P.Mul(n)
	}
	for j := range g.Cols {
		phi := Norm(n.column(j)) / (Norm(r.column(j)) + 1e-8)
		if l.Method == "apollo-mini" {
			phi = Norm(n.Data) / (Norm(r.Data) + 1e-8)
		}
		for i := range g.Rows {
			d.Data[i*g.Cols+j] = step.At(i, j) + phi*(g.At(i, j)-inside.At(i, j))
		}
	}
	return d
}

func (m Matrix) column(j int) []float64 {
	var c []float64
	for i := range m.Rows {
		c = append(c, m.At(i, j))
	}
	return c
}
