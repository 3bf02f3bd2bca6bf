package vjp

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: returning v in place of adjoint(i) in Custom, or leaving out
// StopGradient in Touch, makes these tests fail.

// TestBackwardReplacesAutodiff: f is x·w+b, but its gradients are what backward
// says and not what differentiation would give.
func TestBackwardReplacesAutodiff(t *testing.T) {
	calls := 0
	out := MustExecOnceN(backend, func(in []*Node) []*Node {
		x, w, b := in[0], in[1], in[2]
		y := Custom([]*Node{x, w, b}, func(in []*Node) *Node { return Add(Mul(in[0], in[1]), in[2]) },
			func(dy *Node) []*Node {
				calls++
				return []*Node{MulScalar(dy, 10), Mul(dy, x), MulScalar(dy, -1)}
			})
		loss := ReduceAllSum(Mul(y, Const(x.Graph(), []float32{1, 2})))
		return append([]*Node{y}, Gradient(loss, x, w, b)...)
	}, []float32{3, 4}, []float32{5, 6}, []float32{7, 8})
	require.Equal(t, 1, calls)
	for i, want := range [][]float32{{22, 32}, {10, 20}, {3, 8}, {-1, -2}} {
		require.Equal(t, want, out[i].Value())
	}
}

// TestComposes: gradients of other uses of an input, and of what comes before
// and after, add up as the chain rule says. With an honest backward the result
// is that of automatic differentiation.
func TestComposes(t *testing.T) {
	square := func(x *Node) *Node {
		return Custom([]*Node{x}, func(in []*Node) *Node { return Mul(in[0], in[0]) },
			func(dy *Node) []*Node { return []*Node{Mul(dy, MulScalar(x, 2))} })
	}
	plain := func(x *Node) *Node { return Mul(x, x) }
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.SliceOfN(rapid.Float32Range(-2, 2), 1, 5).Draw(rt, "x")
		gradient := func(f func(x *Node) *Node) any {
			return MustExecOnce(backend, func(x *Node) *Node {
				y := f(Sin(x))
				return Gradient(ReduceAllSum(Add(Mul(f(y), x), y)), x)[0]
			}, v).Value()
		}
		require.InDeltaSlice(rt, gradient(plain), gradient(square), 1e-4)
	})
}

// TestUnusedInput: an input that nothing asks the gradient of is no error, and
// backward is not called when no gradient is taken.
func TestUnusedInput(t *testing.T) {
	got := MustExecOnce(backend, func(x, w *Node) *Node {
		y := Custom([]*Node{x, w}, func(in []*Node) *Node { return Mul(in[0], in[1]) },
			func(dy *Node) []*Node { return []*Node{Mul(dy, w), Mul(dy, x)} })
		return Gradient(ReduceAllSum(y), w)[0]
	}, []float32{2, 3}, []float32{4, 5})
	require.Equal(t, []float32{2, 3}, got.Value())
	MustExecOnce(backend, func(x *Node) *Node {
		return Custom([]*Node{x}, func(in []*Node) *Node { return in[0] },
			func(*Node) []*Node { t.Error("no gradient is taken"); return nil })
	}, []float32{1})
}

// TestTouch carries nothing: neither a value nor a gradient of its own.
func TestTouch(t *testing.T) {
	out := MustExecOnceN(backend, func(in []*Node) []*Node {
		x := in[0]
		y := Custom([]*Node{x}, func(in []*Node) *Node { return Touch(StopGradient(Exp(x)), in...) },
			func(dy *Node) []*Node { return []*Node{MulScalar(dy, 7)} })
		alone := Touch(StopGradient(Exp(x)), x)
		return []*Node{y, Gradient(ReduceAllSum(y), x)[0], alone, Gradient(ReduceAllSum(alone), x)[0]}
	}, []float32{0, 0, 0})
	for i, want := range [][]float32{{1, 1, 1}, {7, 7, 7}, {1, 1, 1}} {
		require.Equal(t, want, out[i].Value())
	}
	// The path alone leads to the first element, once for each element of y;
	// Custom replaces it.
	require.Equal(t, []float32{3, 0, 0}, out[3].Value())
}

func TestWrongAdjoints(t *testing.T) {
	build := func(backward func(dy *Node) []*Node) error {
		exec, err := NewExec(backend, func(x, w *Node) *Node {
			y := Custom([]*Node{x, w}, func(in []*Node) *Node { return Mul(in[0], in[1]) }, backward)
			return Gradient(ReduceAllSum(y), x, w)[0]
		})
		require.NoError(t, err)
		_, err = exec.Compile(shapes.Make(dtypes.Float32, 3), shapes.Make(dtypes.Float32, 3))
		return err
	}
	require.ErrorContains(t, build(func(dy *Node) []*Node { return []*Node{dy} }), "1 adjoints for 2 inputs")
	require.ErrorContains(t, build(func(dy *Node) []*Node { return []*Node{dy, ReduceAllSum(dy)} }), "adjoint 1 has shape")
}

func ExampleCustom() {
	// The sign function with the gradient of a clipped identity.
	sign := func(x *Node) *Node {
		return Custom([]*Node{x}, func(in []*Node) *Node { return Touch(StopGradient(Sign(in[0])), in...) },
			func(dy *Node) []*Node {
				inside := LessOrEqual(Abs(x), OnesLike(x))
				return []*Node{Where(inside, dy, ZerosLike(dy))}
			})
	}
	out := MustExecOnceN(backend, func(x *Node) (*Node, *Node) {
		y := sign(x)
		return y, Gradient(ReduceAllSum(y), x)[0]
	}, []float32{-3, -0.5, 2})
	fmt.Println(out[0].Value(), out[1].Value())
	// Output: [-1 -1 1] [0 1 0]
}
