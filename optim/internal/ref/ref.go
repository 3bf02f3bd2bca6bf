package ref

import "math"

// AdamW is Adam (arXiv:1412.6980, Algorithm 1) with decoupled weight decay
// (arXiv:1711.05101, Algorithm 2, schedule multiplier 1).
type AdamW struct {
	LR, Beta1, Beta2, Eps, Decay float64

	t    int
	M, V []float64
}

// Step updates w in place with the gradient g.
func (a *AdamW) Step(w, g []float64) {
	if a.M == nil {
		a.M, a.V = make([]float64, len(w)), make([]float64, len(w))
	}
	a.t++
	for i := range w {
		a.M[i] = a.Beta1*a.M[i] + (1-a.Beta1)*g[i]
		a.V[i] = a.Beta2*a.V[i] + (1-a.Beta2)*g[i]*g[i]
		mhat := a.M[i] / (1 - math.Pow(a.Beta1, float64(a.t)))
		vhat := a.V[i] / (1 - math.Pow(a.Beta2, float64(a.t)))
		w[i] = w[i] - a.LR*a.Decay*w[i] - a.LR*mhat/(math.Sqrt(vhat)+a.Eps)
	}
}

// Lion is arXiv:2302.06675, Program 1 with the decay of Algorithm 2.
type Lion struct {
	LR, Beta1, Beta2, Decay float64

	M []float64
}

// Step updates w in place with the gradient g.
func (l *Lion) Step(w, g []float64) {
	if l.M == nil {
		l.M = make([]float64, len(w))
	}
	for i := range w {
		c := l.Beta1*l.M[i] + (1-l.Beta1)*g[i]
		sign := 0.0
		if c > 0 {
			sign = 1
		} else if c < 0 {
			sign = -1
		}
		w[i] -= l.LR * (sign + l.Decay*w[i])
		l.M[i] = l.Beta2*l.M[i] + (1-l.Beta2)*g[i]
	}
}

// SGD is the heavy ball, or Nesterov's method in the form of arXiv:1212.0901,
// equation 7, with one rate and one momentum for all steps.
type SGD struct {
	LR, Momentum, Decay float64
	Nesterov            bool

	M []float64
}

// Step updates w in place with the gradient g.
func (s *SGD) Step(w, g []float64) {
	if s.M == nil {
		s.M = make([]float64, len(w))
	}
	for i := range w {
		u := s.Momentum*s.Momentum*s.M[i] + (1+s.Momentum)*g[i]
		s.M[i] = s.Momentum*s.M[i] + g[i]
		if !s.Nesterov {
			u = s.M[i]
		}
		w[i] = w[i] - s.LR*s.Decay*w[i] - s.LR*u
	}
}

// Muon is arXiv:2502.16982, section 2.1 and equation 4, with the exponential
// average for the momentum. Orth and Scale are its two choices.
type Muon struct {
	LR, Momentum, Decay float64
	Nesterov, Corrected bool
	Scale               float64
	Orth                func(Matrix) Matrix
	Neuron              float64 // decay rate of NorMuon (arXiv:2510.05491), 0: none

	t int
	M []float64
	V []float64 // of NorMuon, along the longer side
}

// Step updates w in place with the gradient g.
func (u *Muon) Step(w, g Matrix) {
	if u.M == nil {
		u.M = make([]float64, len(w.Data))
	}
	u.t++
	old, fresh := u.Momentum, 1-u.Momentum
	if u.Corrected { // each part divided by what its weights add up to
		old /= 1 - math.Pow(u.Momentum, float64(u.t+1))
		fresh /= 1 - math.Pow(u.Momentum, float64(u.t))
	}
	d := Matrix{Rows: w.Rows, Cols: w.Cols, Data: make([]float64, len(w.Data))}
	for i := range u.M {
		u.M[i] = u.Momentum*u.M[i] + (1-u.Momentum)*g.Data[i]
		switch {
		case u.Nesterov:
			d.Data[i] = old*u.M[i] + fresh*g.Data[i]
		case u.Corrected:
			d.Data[i] = u.M[i] / (1 - math.Pow(u.Momentum, float64(u.t)))
		default:
			d.Data[i] = u.M[i]
		}
	}
	o := u.Orth(d)
	if u.Neuron > 0 {
		o = u.normalised(o)
	}
	for i := range w.Data {
		w.Data[i] = w.Data[i] - u.LR*u.Decay*w.Data[i] - u.LR*u.Scale*o.Data[i]
	}
}

// normalised divides the rows of a tall matrix, or the columns of a wide one, by
// the root of a moving average of their mean squares, and restores the norm.
func (u *Muon) normalised(o Matrix) Matrix {
	if o.Cols > o.Rows {
		return u.normalised(o.T()).T()
	}
	if u.V == nil {
		u.V = make([]float64, o.Rows)
	}
	out := Matrix{o.Rows, o.Cols, make([]float64, len(o.Data))}
	for i := range o.Rows {
		row := o.Data[i*o.Cols : (i+1)*o.Cols]
		mean := math.Pow(Norm(row), 2) / float64(o.Cols)
		u.V[i] = u.Neuron*u.V[i] + (1-u.Neuron)*mean
		for j, x := range row {
			out.Data[i*o.Cols+j] = x / math.Sqrt(u.V[i])
		}
	}
	scale := Norm(o.Data) / Norm(out.Data)
	for i := range out.Data {
		out.Data[i] *= scale
	}
	return out
}

// Norm is the joint L2 norm of several tensors.
func Norm(tensors ...[]float64) float64 {
	sum := 0.0
	for _, t := range tensors {
		for _, x := range t {
			sum += x * x
		}
	}
	return math.Sqrt(sum)
}

// ClipFactor is what arXiv:1211.5063, Algorithm 1, multiplies gradients of norm
// n with when the threshold is limit; 1e-6 is the usual guard.
func ClipFactor(n, limit float64) float64 {
	if n+1e-6 > limit {
		return limit / (n + 1e-6)
	}
	return 1
}

// Cosine is arXiv:1608.03983, equation 5, for one cycle from 1 to floor.
func Cosine(t, total, floor float64) float64 {
	return floor + 0.5*(1-floor)*(1+math.Cos(t/total*math.Pi))
}

// WSD is arXiv:2404.06395, section 4.2: constant until step stable, then a fall
// to floor over decay steps, here along a line or along 1-√x
// (arXiv:2405.18392, equation 2).
func WSD(t, stable, decay, floor float64, root bool) float64 {
	if t <= stable {
		return 1
	}
	x := (t - stable) / decay
	if root {
		x = math.Sqrt(x)
	}
	return floor + (1-floor)*(1-x)
}

// MomentumWarmup grows linearly from first to last over steps, as the training
// scripts of Muon's record runs do it.
func MomentumWarmup(step, steps int, first, last float64) float64 {
	share := math.Min(float64(step)/float64(steps), 1)
	return first + share*(last-first)
}

// RMS is the root mean square.
func RMS(v []float64) float64 { return Norm(v) / math.Sqrt(float64(len(v))) }

// DirectionError is ‖orth(m) - orth(kept)‖/‖orth(m)‖: what keeping m as kept does
// to an orthogonalised step.
func DirectionError(m, kept Matrix, orth func(Matrix) Matrix) float64 {
	a, b := orth(m), orth(kept)
	difference := make([]float64, len(a.Data))
	for i := range difference {
		difference[i] = a.Data[i] - b.Data[i]
	}
	return Norm(difference) / Norm(a.Data)
}
