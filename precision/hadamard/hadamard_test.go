package hadamard_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/hadamard"
	"github.com/nanochat-go/nanochat/precision/internal/backendtest"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

// Mutation: applying the signs behind the matrix in Transform, or leaving out 1/√n,
// fails TestValues.

var backend compute.Backend

func TestMain(m *testing.M) { backendtest.Main(m, &backend) }

// published are the signs of Transformer Engine's transform of 16.
var published = []float32{1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1}

// TestValues: Sylvester's order, worked out for the published signs.
func TestValues(t *testing.T) {
	unit := func(i int) []float32 { e := make([]float32, 16); e[i] = 1; return e }
	constant := func(v float32) []float32 {
		e := make([]float32, 16)
		for i := range e {
			e[i] = v
		}
		return e
	}
	for _, c := range []struct{ x, want []float32 }{
		{unit(0), constant(.25)},
		{unit(3), []float32{-.25, .25, .25, -.25, -.25, .25, .25, -.25, -.25, .25, .25, -.25, -.25, .25, .25, -.25}},
		{published, append([]float32{4}, make([]float32, 15)...)},
		{constant(1), []float32{-1, 0, 1, 0, 1, 0, -1, 0, 1, 2, 1, 0, 1, 0, 1, -2}},
		{[]float32{-5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2, -2, 5, 1},
			[]float32{-5.75, -.25, 4.75, -.75, -.75, 4.75, -.25, -3.75, .75, -4.75, 1.25, -3.25, -4.25, -3.75, -1.75, -2.25}},
	} {
		got := MustExecOnce(backend, func(x, s *Node) *Node { return hadamard.Transform(x, s, 16) }, c.x, published)
		require.Equal(t, c.want, got.Value())
	}
}

// TestOrthogonal: Restore undoes Transform, with signs and without, and a product of
// transformed operands is the product.
func TestOrthogonal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 8, 32, 64} {
		m := func(rows int) *tensors.Tensor {
			v := make([]float32, rows*2*n)
			for i := range v {
				v[i] = float32(rng.NormFloat64())
			}
			return tensors.FromFlatDataAndDimensions(v, rows, 2*n)
		}
		a, b := m(3), m(5)
		for _, signs := range [][]float32{nil, hadamard.Signs(7, n)} {
			out := MustExecOnceN(backend, func(a, b *Node) []*Node {
				var s *Node
				if signs != nil {
					s = Const(a.Graph(), signs)
				}
				ta, tb := hadamard.Transform(a, s, n), hadamard.Transform(b, s, n)
				product := func(a, b *Node) *Node { return Dot(a, b).General([]int{1}, nil, []int{1}, nil) }
				return []*Node{ReduceAllMax(Abs(Sub(product(ta, tb), product(a, b)))), ReduceAllMax(Abs(Sub(hadamard.Restore(ta, s, n), a)))}
			}, a, b)
			for _, v := range out {
				require.Less(t, float64(tensors.ToScalar[float32](v)), 1e-6*math.Sqrt(float64(n))*10) // 2n terms of size 1
			}
		}
	}
}

func TestSigns(t *testing.T) {
	s := hadamard.Signs(rounding.NewKey(1, 2), 4096)
	sum := 0.0
	for _, v := range s {
		require.Equal(t, float32(1), v*v)
		sum += float64(v)
	}
	require.Less(t, math.Abs(sum), 4*math.Sqrt(4096))
	require.NotEqual(t, s, hadamard.Signs(rounding.NewKey(1, 3), 4096))
}

func TestRefusals(t *testing.T) {
	require.PanicsWithError(t, "hadamard: size 12, want a power of two", func() { hadamard.Matrix(12) })
	for want, f := range map[string]func(x *Node) *Node{
		"transforms of 4 along the last axis": func(x *Node) *Node { return hadamard.Transform(x, nil, 4) },
		"signs (Float32)[3]":                  func(x *Node) *Node { return hadamard.Transform(x, Const(x.Graph(), []float32{1, 1, 1}), 2) },
	} {
		exec, err := NewExec(backend, func(x *Node) *Node { return f(x) })
		require.NoError(t, err)
		_, err = exec.Call([]float32{1, 2, 3, 4, 5, 6})
		require.ErrorContains(t, err, want)
	}
}
