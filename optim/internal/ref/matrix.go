package ref

import "math"

// Matrix is a row-major matrix.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// At returns an element.
func (m Matrix) At(i, j int) float64 { return m.Data[i*m.Cols+j] }

// T returns the transpose.
func (m Matrix) T() Matrix {
	out := Matrix{m.Cols, m.Rows, make([]float64, len(m.Data))}
	for i := range m.Rows {
		for j := range m.Cols {
			out.Data[j*m.Rows+i] = m.At(i, j)
		}
	}
	return out
}

// Mul returns the product m·b.
func (m Matrix) Mul(b Matrix) Matrix {
	out := Matrix{m.Rows, b.Cols, make([]float64, m.Rows*b.Cols)}
	for i := range m.Rows {
		for k := range m.Cols {
			for j := range b.Cols {
				out.Data[i*b.Cols+j] += m.At(i, k) * b.At(k, j)
			}
		}
	}
	return out
}

// Quintic is the coefficients of a·x + b·x³ + c·x⁵.
type Quintic [3]float64

// The lists as published: the original quintic of Muon, and the Polar Express
// of arXiv:2505.16932 for five steps, σ ≥ 1e-3, safety 2e-2, to 15 digits.
var (
	Classic      = []Quintic{{3.4445, -4.7750, 2.0315}, {3.4445, -4.7750, 2.0315}, {3.4445, -4.7750, 2.0315}, {3.4445, -4.7750, 2.0315}, {3.4445, -4.7750, 2.0315}}
	PolarExpress = []Quintic{
		{8.156554524902461, -22.48329292557795, 15.878769915207462},
		{4.042929935166739, -2.808917465908714, 0.5000178451051316},
		{3.8916678022926607, -2.772484153217685, 0.5060648178503393},
		{3.285753657755655, -2.3681294933425376, 0.46449024233003106},
		{2.3465413258596377, -1.7097828382687081, 0.42323551169305323},
	}
)

// NewtonSchulz divides x by the norm that the caller computes from its
// Frobenius norm and applies X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ for every
// quintic, on the transpose if x is tall.
func NewtonSchulz(x Matrix, steps []Quintic, norm func(frobenius float64) float64) Matrix {
	if x.Rows > x.Cols {
		return NewtonSchulz(x.T(), steps, norm).T()
	}
	n := norm(Norm(x.Data))
	y := Matrix{x.Rows, x.Cols, make([]float64, len(x.Data))}
	for i := range y.Data {
		y.Data[i] = x.Data[i] / n
	}
	for _, q := range steps {
		a := y.Mul(y.T())
		aa := a.Mul(a)
		for i := range a.Data {
			a.Data[i] = q[1]*a.Data[i] + q[2]*aa.Data[i]
		}
		z := a.Mul(y)
		for i := range y.Data {
			y.Data[i] = q[0]*y.Data[i] + z.Data[i]
		}
	}
	return y
}

// ClampNorm is the normalisation of the original Muon.
func ClampNorm(frobenius float64) float64 { return math.Max(frobenius, 1e-7) }
