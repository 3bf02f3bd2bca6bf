package fire

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/nanochat-go/nanochat/optim"
)

// Measure describes the values of a matrix parameter, in row-major order.
func Measure(values []float32, p optim.Param) (Measures, error) {
	if len(p.Shape) != 2 || len(values) != p.Size() {
		return Measures{}, fmt.Errorf("fire: %d values for %s of shape %v, want a matrix of as many", len(values), p.Name, p.Shape)
	}
	wide := make([]float64, len(values))
	for i, x := range values {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return Measures{}, fmt.Errorf("fire: %s has the value %g", p.Name, x)
		}
		wide[i] = float64(x)
	}
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(p.Shape[0], p.Shape[1], wide), mat.SVDNone) {
		return Measures{}, fmt.Errorf("fire: the singular values of %s do not converge", p.Name)
	}
	return measuresOf(svd.Values(nil), Scale(p)), nil
}

// measuresOf describes a matrix by its singular values, the largest first. The
// entries of VᵀV - I sum to Σ(σ²-1)² when squared.
func measuresOf(sigma []float64, scale float64) Measures {
	var m Measures
	sum, squares := 0.0, 0.0
	for _, s := range sigma {
		sum += s
		squares += s * s
		m.DfI += math.Pow(s*s/scale/scale-1, 2) / float64(len(sigma))
	}
	if sum == 0 {
		return m
	}
	entropy := 0.0
	for _, s := range sigma {
		if q := s / sum; q > 0 {
			entropy -= q * math.Log(q)
		}
	}
	m.StableRank, m.EffectiveRank = squares/sigma[0]/sigma[0], math.Exp(entropy)
	return m
}

// SFE is the squared Frobenius error ‖after - before‖²/‖before‖², of one matrix
// or of the values of several. It is not a number if before is all zeros, and
// panics if the lengths differ.
func SFE(before, after []float32) float64 {
	if len(before) != len(after) {
		panic(fmt.Sprintf("fire: %d values before and %d after", len(before), len(after)))
	}
	moved, norm := 0.0, 0.0
	for i, x := range before {
		moved += math.Pow(float64(after[i])-float64(x), 2)
		norm += math.Pow(float64(x), 2)
	}
	return moved / norm
}

// Dormant says which units' mean absolute activation over a batch is at most
// tau times the mean of the layer's units (arXiv:2302.12902). activations is
// [rows, units] in row-major order. A layer that is silent altogether is all
// dormant.
func Dormant(activations []float32, units int, tau float64) ([]bool, error) {
	if units < 1 || len(activations) == 0 || len(activations)%units != 0 {
		return nil, fmt.Errorf("fire: %d activations of %d units, want whole rows", len(activations), units)
	}
	mean, total := make([]float64, units), 0.0
	for i, a := range activations {
		mean[i%units] += math.Abs(float64(a))
		total += math.Abs(float64(a)) / float64(units)
	}
	dormant := make([]bool, units)
	for i, m := range mean {
		dormant[i] = m <= tau*total
	}
	return dormant, nil
}

// Share is the share of units that are dormant.
func Share(dormant []bool) float64 {
	n := 0
	for _, d := range dormant {
		if d {
			n++
		}
	}
	return float64(n) / float64(max(len(dormant), 1))
}
