package orthogonal_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
)

// Mutation: leaving out the conversion in multiply, or taking the norm in
// bfloat16, fails here on XLA; returning nil from Supports fails on Go.

// TestGoBackendRefuses: a preset in 16 bits is an error while the graph is
// built, and one that names its reason.
func TestGoBackendRefuses(t *testing.T) {
	bf16 := orthogonal.Classic(5).WithDType(dtypes.BFloat16)
	require.NoError(t, orthogonal.Classic(5).Supports(optimtest.Backend))
	require.NoError(t, orthogonal.Classic(5).WithDType(dtypes.Float32).Supports(optimtest.Backend))
	var refused *orthogonal.DTypeError
	require.ErrorAs(t, orthogonal.Classic(5).WithDType(dtypes.Float64).Supports(optimtest.Backend), &refused)
	require.ErrorContains(t, refused, "products in Float64: want float32 or bfloat16")
	if optimtest.OnXLA() {
		require.NoError(t, bf16.Supports(optimtest.Backend))
		t.Skip("XLA computes in bfloat16")
	}
	exec, err := NewExec(optimtest.Backend, func(x *Node) *Node { return bf16.Orthogonalize(x) })
	require.NoError(t, err)
	_, err = exec.Call(tensors.FromValue([][]float32{{1, 2}, {3, 4}}))
	require.True(t, errors.As(err, &refused), "%v", err)
	require.Equal(t, dtypes.BFloat16, refused.DType)
	require.ErrorContains(t, err, `products in BFloat16 on backend "Go Backend": it converts the elements of 16-bit products one by one`)
}

// spread is a matrix with the given singular values and random singular vectors.
func spread(seed uint64, rows, cols int, s []float64) ref.Matrix {
	basis := func(n int, seed uint64) ref.Matrix { // orthonormal columns, by Gram and Schmidt, twice
		q := gaussian(seed, len(s), n, 1)
		for i := range len(s) {
			row := q.Data[i*n : (i+1)*n]
			for range 2 {
				for k := range i {
					other, dot := q.Data[k*n:(k+1)*n], 0.0
					for j := range row {
						dot += row[j] * other[j]
					}
					for j := range row {
						row[j] -= dot * other[j]
					}
				}
			}
			norm := ref.Norm(row)
			for j := range row {
				row[j] /= norm
			}
		}
		return q.T()
	}
	u, v := basis(rows, seed), basis(cols, seed+1)
	for i := range rows {
		for j, x := range s {
			u.Data[i*len(s)+j] *= x
		}
	}
	return u.Mul(v.T())
}

// norm2 and normF are the norms of a matrix with the singular values f(s).
func norm2(s []float64, f func(float64) float64) (most float64) {
	for _, x := range s {
		most = max(most, math.Abs(f(x)))
	}
	return most
}

func normF(s []float64, f func(float64) float64) float64 {
	sum := 0.0
	for _, x := range s {
		sum += f(x) * f(x)
	}
	return math.Sqrt(sum)
}

// bfloat16Bound bounds ‖got - want‖ for a matrix whose singular values, after
// the normalisation, are s, to first order in u = 2⁻⁸, the largest relative
// error of a rounding to bfloat16. A step rounds X, A = X·Xᵀ, A², M = a·I + b·A +
// c·A² and, the last one, M·X, each by at most u times its norm. What a step adds
// is magnified by the rest: by the largest slope of the composed polynomials or
// their largest ratio f(x)/x, over the interval in which the values lie.
func bfloat16Bound(steps []ref.Quintic, s []float64) float64 {
	const u = 1.0 / (1 << 8)
	total := 0.0
	s = append([]float64{}, s...)
	for k, q := range steps {
		id := func(x float64) float64 { return x }
		square := func(x float64) float64 { return x * x }
		even := func(x float64) float64 { return q[0] + q[1]*x*x + q[2]*x*x*x*x }
		x := u * normF(s, id)
		a := 2*norm2(s, id)*x + u*normF(s, square)
		aa := 2*norm2(s, square)*a + u*normF(s, func(x float64) float64 { return x * x * x * x })
		m := math.Abs(q[1])*a + math.Abs(q[2])*aa + u*normF(s, even)
		added := m*norm2(s, id) + norm2(s, even)*x
		for i, x := range s {
			s[i] = x * even(x)
		}
		total += added * steepest(steps[k+1:], s)
	}
	return total + u*normF(s, func(x float64) float64 { return x })
}

// steepest is the largest slope or ratio of the composed polynomials over the
// interval of s.
func steepest(steps []ref.Quintic, s []float64) float64 {
	low, high := math.Inf(1), 0.0
	for _, x := range s {
		low, high = min(low, x), max(high, x)
	}
	most := 0.0
	for i := range 2001 {
		x := low + (high-low)*float64(i)/2000
		y, slope := x, 1.0
		for _, q := range steps {
			slope *= q[0] + 3*q[1]*y*y + 5*q[2]*y*y*y*y
			y *= q[0] + q[1]*y*y + q[2]*y*y*y*y
		}
		most = max(most, math.Abs(slope), math.Abs(y/x))
	}
	return most
}

// TestBFloat16: within the bound, and not in float32. The bound adds up over
// steps; where the singular values are apart it says nothing after five of them.
func TestBFloat16(t *testing.T) {
	if !optimtest.OnXLA() {
		t.Skip("the Go backend refuses bfloat16 products, see TestGoBackendRefuses")
	}
	polar := orthogonal.PolarExpress5()
	polar.Steps = polar.Steps[:1]
	for name, c := range map[string]struct {
		preset orthogonal.Preset
		steps  []ref.Quintic
		norm   func(float64) float64
		apart  float64 // singular values lie in [1, 1+apart], before the normalisation
	}{
		"one step":      {orthogonal.Classic(1), ref.Classic[:1], ref.ClampNorm, 1},
		"two steps":     {orthogonal.Classic(2), ref.Classic[:2], ref.ClampNorm, 1},
		"classic":       {orthogonal.Classic(5), ref.Classic, ref.ClampNorm, 0},
		"polar express": {polar, ref.PolarExpress[:1], func(n float64) float64 { return 1.02*n + 1e-6 }, 1},
	} {
		for _, shape := range [][2]int{{12, 40}, {40, 12}, {16, 16}} {
			rng := rand.New(rand.NewPCG(2, 2))
			s := make([]float64, min(shape[0], shape[1]))
			for i := range s {
				s[i] = 1 + c.apart*rng.Float64()
			}
			m := spread(3, shape[0], shape[1], s)
			norm := c.norm(ref.Norm(m.Data))
			for i := range s {
				s[i] /= norm
			}
			want := ref.NewtonSchulz(m, c.steps, c.norm)
			bound, size := bfloat16Bound(c.steps, s), ref.Norm(want.Data)
			require.Less(t, bound, size, "%s, %v: a bound that says something", name, shape)
			err := distance(run(t, c.preset.WithDType(dtypes.BFloat16), m), want) * math.Sqrt(float64(len(s)))
			require.Less(t, err, bound, "%s, %v", name, shape)
			require.Greater(t, err, size/(1<<12), "%s, %v: computed in float32", name, shape)
			require.Less(t, distance(run(t, c.preset.WithDType(dtypes.Float32), m), want), tolerance(990))
		}
	}
	// The norm is not rounded: a matrix of one value gives p(1) for any value, and
	// in bfloat16 the value and its norm would round to different numbers.
	batch := optimtest.Eval(t, func(in []*Node) *Node { return orthogonal.Classic(1).WithDType(dtypes.BFloat16).Orthogonalize(in[0]) },
		tensors.FromValue([][][]float32{{{1.003, 0}, {0, 0}}, {{0, 0}, {1.003, 0}}}))
	for i, want := range []float32{3.4445 - 4.7750 + 2.0315, 0, 0, 0, 0, 0, 3.4445 - 4.7750 + 2.0315, 0} {
		require.InDelta(t, want, batch[i], 1.0/(1<<8), "element %d", i)
	}
}
