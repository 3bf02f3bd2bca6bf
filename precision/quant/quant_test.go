package quant

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/ternary"
)

// Mutation: x in place of qx.value() in the third product, or leaving the scale
// of the weights out of the second, makes TestThreeProducts fail.

var specs = map[string]Spec{
	"float32":     {},
	"b1.58":       Ternary(),
	"weights":     {Weight: TernaryWeights},
	"activations": {Activation: Int8Tokens},
}

// quantised are the values that the reference uses for an operand, from the
// host quantisers.
func quantised(s Spec, x, w []float32, in int) (qx, qw []float64) {
	for _, v := range w {
		qw = append(qw, float64(v))
	}
	for _, v := range x {
		qx = append(qx, float64(v))
	}
	if s.Weight == TernaryWeights {
		codes, scale := ternary.AbsMean(w)
		for i, c := range codes {
			qw[i] = float64(c) * float64(scale)
		}
	}
	if s.Activation == Int8Tokens {
		codes := make([]int8, in)
		for r := 0; r < len(x); r += in {
			scale := ternary.QuantizeActivations(x[r:r+in], codes)
			for i, c := range codes {
				qx[r+i] = float64(c) * float64(scale)
			}
		}
	}
	return qx, qw
}

// matmul is a [n, k] · [k, m] in float64; ta and tb read an operand transposed.
func matmul(a, b []float64, n, k, m int, ta, tb bool) []float64 {
	out := make([]float64, n*m)
	for i := range n {
		for j := range m {
			for l := range k {
				ai, bi := i*k+l, l*m+j
				if ta {
					ai = l*n + i
				}
				if tb {
					bi = j*k + l
				}
				out[i*m+j] += a[ai] * b[bi]
			}
		}
	}
	return out
}

func near(t require.TestingT, want []float64, got []float32, what string) {
	norm := 0.0
	for _, v := range want {
		norm = math.Max(norm, math.Abs(v))
	}
	require.Len(t, got, len(want))
	for i, v := range want {
		// sums of up to 24 terms of float32
		require.InDelta(t, v, float64(got[i]), 1e-5*norm+1e-12, "%s %d", what, i)
	}
}

// TestThreeProducts holds y = Q(x)·Q(W), x̄ = ȳ·Q(W)ᵀ and W̄ = Q(x)ᵀ·ȳ against
// float64, for operands of any shape.
func TestThreeProducts(t *testing.T) {
	for name, s := range specs {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				rows, in, out := rapid.IntRange(1, 7).Draw(rt, "rows"), rapid.IntRange(1, 24).Draw(rt, "in"), rapid.IntRange(1, 24).Draw(rt, "out")
				value := rapid.Float32Range(-3, 3)
				x := rapid.SliceOfN(value, rows*in, rows*in).Draw(rt, "x")
				w := rapid.SliceOfN(value, in*out, in*out).Draw(rt, "w")
				dy := rapid.SliceOfN(value, rows*out, rows*out).Draw(rt, "dy")
				if thresholds(s, x, w, in) {
					rt.Skip("a value lies on a rounding threshold")
				}
				exec, err := NewExec(backend, func(x, w, dy *Node) (*Node, *Node, *Node) {
					y := Linear(s, x, w)
					g := Gradient(ReduceAllSum(Mul(y, dy)), x, w)
					return y, g[0], g[1]
				})
				require.NoError(rt, err)
				defer exec.Finalize()
				y, dx, dw, err := exec.Call3(tensors.FromFlatDataAndDimensions(x, rows, in), tensors.FromFlatDataAndDimensions(w, in, out),
					tensors.FromFlatDataAndDimensions(dy, rows, out))
				require.NoError(rt, err)
				qx, qw := quantised(s, x, w, in)
				wide := make([]float64, len(dy))
				for i, v := range dy {
					wide[i] = float64(v)
				}
				near(rt, matmul(qx, qw, rows, in, out, false, false), tensors.MustCopyFlatData[float32](y), "y")
				near(rt, matmul(wide, qw, rows, out, in, false, true), tensors.MustCopyFlatData[float32](dx), "dx")
				near(rt, matmul(qx, wide, in, rows, out, true, false), tensors.MustCopyFlatData[float32](dw), "dw")
			})
		})
	}
}

// thresholds says whether a value is so near to a rounding threshold that the
// graph, which sums in another order, may take the other code.
func thresholds(s Spec, x, w []float32, in int) bool {
	close := func(v []float32, scale float64) bool {
		for _, a := range v {
			_, frac := math.Modf(math.Abs(float64(a)) / scale)
			if math.Abs(frac-0.5) < 1e-4 {
				return true
			}
		}
		return false
	}
	if s.Weight == TernaryWeights {
		if _, scale := ternary.AbsMean(w); close(w, float64(scale)) {
			return true
		}
	}
	for r := 0; s.Activation == Int8Tokens && r < len(x); r += in {
		codes := make([]int8, in)
		if close(x[r:r+in], float64(ternary.QuantizeActivations(x[r:r+in], codes))) {
			return true
		}
	}
	return false
}

// TestThreeProductNodes: a linear and its gradient are three products in the
// graph and nothing else multiplies, whatever the leading axes.
func TestThreeProductNodes(t *testing.T) {
	for name, s := range specs {
		t.Run(name, func(t *testing.T) {
			exec, err := NewExec(backend, func(x, w *Node) []*Node {
				y := Linear(s, x, w)
				require.Equal(t, []int{2, 3, 5, 8}, y.Shape().Dimensions)
				out := append([]*Node{y}, Gradient(ReduceAllSum(y), x, w)...)
				require.Equal(t, 3, products(out))
				return out
			})
			require.NoError(t, err)
			_, err = exec.Compile(shapes.Make(dtypes.Float32, 2, 3, 5, 4), shapes.Make(dtypes.Float32, 4, 8))
			require.NoError(t, err)
		})
	}
}

// products counts the matrix products that nodes depend on. Products with a
// batch axis are scalings of rows, see package rowwise.
func products(nodes []*Node) int {
	return count(nodes, func(x *Node) bool { return x.Type() == NodeTypeDotGeneral && x.Inputs()[0].Rank() == 2 })
}

// count counts the nodes that nodes depend on, themselves included, that f
// holds for.
func count(nodes []*Node, f func(x *Node) bool) int {
	seen := map[*Node]bool{}
	n := 0
	var visit func(x *Node)
	visit = func(x *Node) {
		if seen[x] {
			return
		}
		seen[x] = true
		if f(x) {
			n++
		}
		for _, in := range x.Inputs() {
			visit(in)
		}
	}
	for _, x := range nodes {
		visit(x)
	}
	return n
}

// TestOperandsShared: linears that share their operands have the values and
// gradients of linears that do not, bit for bit, and quantise each operand once
// and turn activations over once.
func TestOperandsShared(t *testing.T) {
	weights := func(x *Node) (names [3]*Node) {
		for i, out := range []int{4, 8, 4} { // narrower and wider than the activations
			w := AddScalar(Iota(x.Graph(), shapes.Make(dtypes.Float32, 6, out), i%2), -2.5-float64(i))
			names[i] = Mul(w, Sin(MulScalar(w, 3)))
		}
		return names
	}
	build := func(linear func() func(s Spec, x, w *Node) *Node) func(x *Node) []*Node {
		return func(x *Node) []*Node {
			w, l := weights(x), linear()
			sum := ReduceAllSum(l(Ternary(), x, w[0]))
			for _, wi := range []*Node{w[1], w[2], w[2]} {
				sum = Add(sum, ReduceAllSum(Square(l(Ternary(), x, wi))))
			}
			return append(Gradient(sum, x, w[0], w[1], w[2]), sum)
		}
	}
	kinds := func(nodes []*Node) (quantised, turned int) {
		quantised = count(nodes, func(x *Node) bool { return x.Type() == NodeTypeAbs })
		turned = count(nodes, func(x *Node) bool { return x.Type() == NodeTypeTranspose })
		return
	}
	x := [][]float32{{1, -2, 0.3, 4, 0.5, -6}, {0.1, 0.2, -3, 0.4, 5, 6}, {1, 1, -1, 1, 2, 3}}
	var values [2][]*tensors.Tensor
	for i, linear := range []func() func(s Spec, x, w *Node) *Node{
		func() func(s Spec, x, w *Node) *Node { return Linear },
		func() func(s Spec, x, w *Node) *Node { return new(Operands).Linear },
	} {
		values[i] = MustExecOnceN(backend, func(x *Node) []*Node {
			out := build(linear)(x)
			quantised, turned := kinds(out)
			require.Equal(t, []int{8, 4}[i], quantised)
			require.Equal(t, []int{7, 1}[i], turned)
			return out
		}, x)
	}
	for i, want := range values[0] {
		require.Equal(t, want.Value(), values[1][i].Value())
	}
}

// TestTernaryByHand is the example of BitNet b1.58's definition.
func TestTernaryByHand(t *testing.T) {
	y := MustExecOnce(backend, func(x, w *Node) *Node { return Linear(Ternary(), x, w) },
		[][]float32{{1, 2}}, [][]float32{{0.9, -0.2}, {0.05, -1.1}})
	// scale 0.5625, codes [[1 0] [0 -1]]; activations 64·2/127 and 127·2/127
	require.InDeltaSlice(t, []float32{0.5625 * 128 / 127, -0.5625 * 2}, y.Value().([][]float32)[0], 1e-6)
}

func TestErrors(t *testing.T) {
	build := func(s Spec, x, w []int) error {
		exec, err := NewExec(backend, func(x, w *Node) *Node { return Linear(s, x, w) })
		require.NoError(t, err)
		_, err = exec.Compile(shapes.Make(dtypes.Float32, x...), shapes.Make(dtypes.Float32, w...))
		return err
	}
	require.NoError(t, build(Spec{}, []int{2, 3}, []int{3, 4}))
	require.ErrorContains(t, build(Spec{}, []int{2, 3}, []int{4, 3}), "[..., in] and [in, out]")
	require.ErrorContains(t, build(Spec{}, []int{3}, []int{3, 4}), "quant: linear of x")
	require.ErrorContains(t, build(Spec{}, []int{2, 3}, []int{3, 4, 1}), "quant: linear of x")
	require.ErrorContains(t, build(Spec{Weight: Int8Tokens}, []int{2, 3}, []int{3, 4}), `weights have no format "int8:token"`)
	require.ErrorContains(t, build(Spec{Activation: TernaryWeights}, []int{2, 3}, []int{3, 4}), `activations have no format "ternary:absmean"`)
	require.Equal(t, Ternary(), Uniform(Ternary()).Spec("any"))
	require.Equal(t, Spec{}, Uniform{}.Spec("any"))
}

func BenchmarkLinear(b *testing.B) {
	const rows, in, out = 512, 256, 1024
	for name, s := range map[string]Spec{"float32": {}, "b1.58": Ternary()} {
		b.Run(name, func(b *testing.B) {
			exec, err := NewExec(backend, func(x, w *Node) (*Node, *Node) {
				y := Linear(s, x, w)
				g := Gradient(ReduceAllSum(y), x, w)
				return g[0], g[1]
			})
			require.NoError(b, err)
			x, w := tensors.FromShape(shapes.Make(dtypes.Float32, rows, in)), tensors.FromShape(shapes.Make(dtypes.Float32, in, out))
			b.ReportAllocs()
			for b.Loop() {
				dx, dw, err := exec.Call2(x, w)
				require.NoError(b, err)
				dx.MustFinalizeAll()
				dw.MustFinalizeAll()
			}
			b.ReportMetric(float64(b.N)*6*rows*in*out/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
