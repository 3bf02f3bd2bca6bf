package ref

import "math"

// ExitDistribution is p_t = λ_t·Π_{j<t}(1-λ_j) for t < R and p_R = Π_{j<R}(1-λ_j),
// for the gates λ_1 … λ_R of which the last is not used (arXiv:2510.25741).
func ExitDistribution(lambda []float64) []float64 {
	p := make([]float64, len(lambda))
	going := 1.0
	for t := range p {
		if t == len(p)-1 {
			p[t] = going
			break
		}
		p[t] = lambda[t] * going
		going *= 1 - lambda[t]
	}
	return p
}

// Entropy is -Σ p·ln p.
func Entropy(p []float64) float64 {
	h := 0.0
	for _, x := range p {
		if x > 0 {
			h -= x * math.Log(x)
		}
	}
	return h
}

// QExit is the first pass m, from 1, with 1 - Π_{j≤m}(1-λ_j) ≥ q, and the last one
// at the latest.
func QExit(lambda []float64, q float64) int {
	going := 1.0
	for m, l := range lambda[:len(lambda)-1] {
		if going *= 1 - l; 1-going >= q {
			return m + 1
		}
	}
	return len(lambda)
}

// ExpectedLoss is Σ_t p_t·CE_t - β·H(p) of one token.
func ExpectedLoss(lambda, ce []float64, beta float64) float64 {
	p := ExitDistribution(lambda)
	sum := -beta * Entropy(p)
	for t := range p {
		sum += p[t] * ce[t]
	}
	return sum
}

// GateLoss is (1/R)·Σ_{t=2}^R BCE(1-λ_{t-offset}, w_t) of one token, with
// w_t = σ(k·(I_t-γ)) and I_t = max(0, CE_{t-1}-CE_t).
func GateLoss(lambda, ce []float64, k, gamma float64, offset int) float64 {
	sum := 0.0
	for t := 1; t < len(ce); t++ {
		w := Continue(ce[t-1], ce[t], k, gamma)
		l := lambda[t-offset]
		sum -= w*math.Log(1-l) + (1-w)*math.Log(l)
	}
	return sum / float64(len(ce))
}

// Continue is w = σ(k·(max(0, before-after)-γ)).
func Continue(before, after, k, gamma float64) float64 {
	return 1 / (1 + math.Exp(-k*(math.Max(0, before-after)-gamma)))
}

// Gates are the λ [T][R] of the states of each pass.
func (m *Model) Gates(passes [][][]float64) [][]float64 {
	w, b := m.Weights["model.early_exit_gate.weight"], m.Weights["model.early_exit_gate.bias"]
	out := make([][]float64, len(passes[0]))
	for t := range out {
		for _, h := range passes {
			z := b[0]
			for c, x := range h[t] {
				z += w[c] * x
			}
			out[t] = append(out[t], 1/(1+math.Exp(-z)))
		}
	}
	return out
}
