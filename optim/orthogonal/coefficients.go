package orthogonal

import "math"

// Quintic holds the coefficients of a·s + b·s³ + c·s⁵.
type Quintic struct{ A, B, C float64 }

// at evaluates the polynomial.
func (q Quintic) at(s float64) float64 { return s * (q.A + s*s*(q.B+s*s*q.C)) }

// Coefficients generates the Polar Express list of steps tuples for singular
// values in [lower, 1]. cushion keeps the design interval from being longer
// than a factor 1/cushion; safety shrinks every tuple but the last so that
// rounding cannot leave the interval.
func Coefficients(lower float64, steps int, safety, cushion float64) []Quintic {
	l, u := lower, 1.0
	list := make([]Quintic, steps)
	for i := range list {
		p := optimalQuintic(max(l, cushion*u), u)
		if cushion*u > l { // the design interval is not the true one: centre on it
			f := 2 / (p.at(l) + p.at(u))
			p = Quintic{p.A * f, p.B * f, p.C * f}
		}
		if i < steps-1 {
			s := 1 + safety
			p = Quintic{p.A / s, p.B / math.Pow(s, 3), p.C / math.Pow(s, 5)}
		}
		list[i] = p
		l = p.at(l)
		u = 2 - l
	}
	return list
}

// degenerate is the relative length below which the exchange is replaced by
// its limit, where both errors are near 1e-7.
const degenerate = 3e-4

// optimalQuintic returns the odd quintic with the smallest largest deviation
// from 1 on [l, u], by the Remez exchange on its four alternation points.
func optimalQuintic(l, u float64) Quintic {
	// On a short interval of relative length d the four equations lose about d⁻³
	// of float64's digits, while the limit d → 0 is off by d² only.
	if l/u >= 1-degenerate {
		return Quintic{15.0 / 8 / u, -10.0 / 8 / math.Pow(u, 3), 3.0 / 8 / math.Pow(u, 5)}
	}
	q, r := (3*l+u)/4, (l+3*u)/4
	last := math.Inf(1)
	for range 100 {
		p, e := interpolate([4]float64{l, q, r, u})
		root := math.Sqrt(9*p.B*p.B - 20*p.A*p.C)
		q, r = math.Sqrt((-3*p.B-root)/(10*p.C)), math.Sqrt((-3*p.B+root)/(10*p.C))
		if math.Abs(last-e) <= 1e-15 {
			return p
		}
		last = e
	}
	p, _ := interpolate([4]float64{l, q, r, u})
	return p
}

// interpolate solves a·x + b·x³ + c·x⁵ ± e = 1 at the four points, the signs
// alternating.
func interpolate(points [4]float64) (p Quintic, e float64) {
	var m [4][5]float64
	for i, x := range points {
		sign := 1.0
		if i%2 == 1 {
			sign = -1
		}
		m[i] = [5]float64{x, x * x * x, x * x * x * x * x, sign, 1}
	}
	for col := range 4 { // Gauss with partial pivoting
		pivot := col
		for row := col + 1; row < 4; row++ {
			if math.Abs(m[row][col]) > math.Abs(m[pivot][col]) {
				pivot = row
			}
		}
		m[col], m[pivot] = m[pivot], m[col]
		for row := range 4 {
			if row == col {
				continue
			}
			f := m[row][col] / m[col][col]
			for k := col; k < 5; k++ {
				m[row][k] -= f * m[col][k]
			}
		}
	}
	x := func(i int) float64 { return m[i][4] / m[i][i] }
	return Quintic{x(0), x(1), x(2)}, x(3)
}
