package quant

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/policy"
)

// Mutation: the tensor in place of what the forward product made of it in a
// backward product, other signs on the two operands, or leaving out a factor 4/3
// makes TestThreeProducts fail.

// options are recipes with each setting of a quantiser that no built-in recipe has.
var options = map[string]policy.Recipe{
	"int8 of one scale, by blocks": recipe("int8:tensor", "int8:1x16", "int8:8x8", "int8:row", "int8:tensor:sr", "int8:1x16:sr"),
	"e4m3 in tiles, e5m2":          recipe("e4m3:16x16:pad", "e4m3:16x16", "e5m2:row:sr", "same", "e5m2:1x8:pow2", "same/e5m2:row"),
	"rules for mx scales":          recipe("mxfp4:1x32:ceil", "mxfp4:1x32:truncfree", "mxfp8:1x32:even", "mxfp8_e5m2", "mxfp8:1x32:rceil", "mxfp8_e5m2:1x32:sr"),
	"plain and fixed transforms":   recipe("bf16", "f32", "mxfp4:1x32:had64", "e4m3:row:had64", "nvfp4:1x16:rht4", "bf16:rht4"),
	"estimators of one scale":      recipe("e2m1:tensor:occ0.7", "e2m1:tensor:dge3", "f32", "same", "f32", "f32"),
	"quest alone":                  recipe("mxfp4:quest", "mxfp4:quest", "f32", "same", "f32", "same"),
	"weights":                      recipe("f32", "ternary", "f32", "same", "f32", "same"),
	"activations":                  recipe("int8:row", "f32", "f32", "same", "f32", "same"),
}

func recipe(texts ...string) (r policy.Recipe) {
	for i, q := range []*policy.Quantizer{&r.Fprop.X, &r.Fprop.W, &r.Dgrad.DY, &r.Dgrad.W, &r.Wgrad.DY, &r.Wgrad.X} {
		*q = must(policy.Parse(texts[i]))
	}
	return r
}

// recipes are all that is tested: the built-in ones and options.
func recipes(t *testing.T) map[string]policy.Recipe {
	all := maps.Clone(options)
	for _, name := range policy.Names() {
		all[name] = policy.MustBuiltin(name)
	}
	for name, r := range all {
		require.NoError(t, r.Validate(), name)
	}
	return all
}

func near(t require.TestingT, want []float64, got []float32, what string) {
	norm := 0.0
	for _, v := range want {
		norm = math.Max(norm, math.Abs(v))
	}
	require.Len(t, got, len(want))
	for i, v := range want {
		// sums of up to 128 terms of float32, and values scaled there and back
		require.InDelta(t, v, float64(got[i]), 1e-5*norm+1e-12, "%s %d", what, i)
	}
}

// gradients compiles a linear of a recipe and its gradients: y, x̄ and W̄ of x, w, ȳ
// and the key of a step.
func gradients(t testing.TB, path string, r policy.Recipe) func(x, w, dy matrix, step uint32) [3][]float32 {
	exec, err := NewExec(backend, func(x, w, dy, key *Node) []*Node {
		y := (&Operands{Key: key}).Linear(path, r, x, w)
		return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, dy)), x, w)...)
	})
	require.NoError(t, err)
	t.Cleanup(exec.Finalize)
	tensor := func(m matrix) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(m.v, m.rows, m.cols) }
	return func(x, w, dy matrix, step uint32) (out [3][]float32) {
		results, err := exec.Call(tensor(x), tensor(w), tensor(dy), step)
		require.NoError(t, err)
		for i, v := range results {
			out[i] = tensors.MustCopyFlatData[float32](v)
		}
		return out
	}
}

// sample has outliers, and columns of different sizes.
func sample(rng *rand.Rand, rows, cols int) matrix {
	m := newMatrix(rows, cols)
	for i := range m.v {
		m.v[i] = float32(math.Ldexp(rng.NormFloat64(), i%cols%5-2))
		if rng.IntN(40) == 0 {
			m.v[i] *= 20
		}
	}
	return m
}

// TestThreeProducts holds y, x̄ and W̄ of every recipe against a float64 reference
// that quantises the same operands with the host's codecs. Rows are no multiple of
// any block.
func TestThreeProducts(t *testing.T) {
	const rows, in, out = 36, 64, 128
	for name, r := range recipes(t) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			run := gradients(t, "path", r)
			for step := range uint32(3) {
				x, w, dy := sample(rng, rows, in), sample(rng, in, out), sample(rng, rows, out)
				got := run(x, w, dy, step)
				y, dx, dw := reference{r, "path", step}.products(x, w, dy)
				near(t, y, got[0], "y")
				near(t, dx, got[1], "dx")
				near(t, dw, got[2], "dw")
			}
		})
	}
}

// TestPadded: blocks of 128 in a linear of other sizes.
func TestPadded(t *testing.T) {
	r := policy.MustBuiltin("fp8_block")
	rng := rand.New(rand.NewPCG(3, 4))
	x, w, dy := sample(rng, 9, 70), sample(rng, 70, 150), sample(rng, 9, 150)
	got := gradients(t, "", r)(x, w, dy, 0)
	y, dx, dw := reference{r, "", 0}.products(x, w, dy)
	near(t, y, got[0], "y")
	near(t, dx, got[1], "dx")
	near(t, dw, got[2], "dw")
}

// TestPlainIsMatMul: without quantisers a linear is the product and its automatic
// gradients, bit for bit.
func TestPlainIsMatMul(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x, w, dy := sample(rng, 7, 12), sample(rng, 12, 20), sample(rng, 7, 20)
	for i := range x.v {
		x.v[i] = float32(math.Round(float64(x.v[i]))) // sums are exact in any order
	}
	for _, m := range []matrix{w, dy} {
		for i := range m.v {
			m.v[i] = float32(math.Round(float64(m.v[i])))
		}
	}
	got := gradients(t, "", policy.Recipe{})(x, w, dy, 0)
	tensor := func(m matrix) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(m.v, m.rows, m.cols) }
	want := MustExecOnceN(backend, func(x, w, dy *Node) []*Node {
		y := MatMul(x, w)
		return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, dy)), x, w)...)
	}, tensor(x), tensor(w), tensor(dy))
	for i, v := range want {
		require.Equal(t, tensors.MustCopyFlatData[float32](v), got[i])
	}
}

// TestEverySettingActs: a recipe without one of its settings computes something
// else.
func TestEverySettingActs(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	x, w, dy := sample(rng, 36, 64), sample(rng, 64, 128), sample(rng, 36, 128)
	run := func(operand int, text string) [3][]float32 {
		texts := []string{"f32", "f32", "f32", "f32", "f32", "f32"}
		texts[operand] = text
		r := recipe(texts...)
		if other := []int{1, 0, 3, 2, 5, 4}[operand]; r.Validate() != nil { // a transform on one operand
			q := must(policy.Parse(text))
			texts[other] = "bf16:" + map[policy.Signs]string{policy.Plain: "had", policy.Fixed: "rht", policy.Fresh: "rht"}[q.Signs] + fmt.Sprint(q.Hadamard)
			if q.Signs == policy.Fresh {
				texts[other] += "fresh"
			}
			r = recipe(texts...)
		}
		return gradients(t, "", r)(x, w, dy, 1)
	}
	for _, c := range []struct {
		operand       int
		with, without string
	}{
		{0, "e4m3:row", "e4m3:tensor"}, {0, "e4m3:1x16", "e4m3:row"}, {1, "e4m3:16x16", "e4m3:1x16"}, {0, "e2m1:row:pow2", "e2m1:row"},
		{0, "e5m2:row", "e4m3:row"}, {0, "int8:row", "f32"}, {0, "bf16", "f32"}, {1, "ternary", "f32"},
		{0, "mxfp4", "mxfp8"}, {0, "mxfp8_e5m2", "mxfp8"}, {0, "mxfp4:rceil", "mxfp4"}, {0, "mxfp4:even", "mxfp4"}, {0, "mxfp4:ceil", "mxfp4"},
		{0, "mxfp4:truncfree", "mxfp4"}, {0, "mxfp4:quest", "mxfp4"}, {0, "nvfp4", "mxfp4"}, {1, "nvfp4:16x16", "nvfp4"},
		{2, "mxfp4:sr", "mxfp4"}, {2, "mxfp4:sr34", "mxfp4:sr"}, {2, "bf16:sr", "bf16"}, {2, "int8:row:sr", "int8:row"}, {4, "nvfp4:sr", "nvfp4"},
		{4, "mxfp4:had32", "mxfp4"}, {4, "mxfp4:rht32", "mxfp4:had32"}, {4, "mxfp4:rht32fresh", "mxfp4:rht32"}, {4, "mxfp4:rht16", "mxfp4:rht32"},
		{0, "e2m1:row:occ0.9", "e2m1:row"}, {0, "e2m1:row:occ0.9", "e2m1:row:occ0.99"}, {1, "e2m1:row:dge5", "e2m1:row"}, {1, "e2m1:row:dge3", "e2m1:row:dge5"},
	} {
		require.NotEqual(t, run(c.operand, c.with), run(c.operand, c.without), "%s and %s", c.with, c.without)
	}
	// What the forward product made of the weight, and not the weight.
	same, fresh := policy.Recipe{Fprop: policy.Fprop{W: must(policy.Parse("e2m1:row"))}}, policy.Recipe{}
	fresh.Fprop.W = same.Fprop.W
	same.Dgrad.W = must(policy.Parse("same"))
	require.NotEqual(t, gradients(t, "", same)(x, w, dy, 1)[1], gradients(t, "", fresh)(x, w, dy, 1)[1])
	same.Dgrad.W, fresh.Dgrad.W = must(policy.Parse("same/e4m3:row")), must(policy.Parse("e4m3:row"))
	require.NotEqual(t, gradients(t, "", same)(x, w, dy, 1)[1], gradients(t, "", fresh)(x, w, dy, 1)[1])
}

// TestNoiseDependsOn: random numbers are others in another step, in another linear
// and in the same linear a second time, and the same otherwise.
func TestNoiseDependsOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	x, w, dy := sample(rng, 32, 64), sample(rng, 64, 64), sample(rng, 32, 64)
	r := policy.MustBuiltin("mxfp4_bwd")
	a := gradients(t, "a", r)
	require.Equal(t, a(x, w, dy, 1), a(x, w, dy, 1))
	require.NotEqual(t, a(x, w, dy, 1), a(x, w, dy, 2))
	require.NotEqual(t, a(x, w, dy, 1), gradients(t, "b", r)(x, w, dy, 1))

	twice := MustExecOnceN(backend, func(x, w *Node) []*Node {
		o := &Operands{Key: Const(x.Graph(), uint32(1))}
		one, two := o.Linear("a", r, x, w), o.Linear("a", r, x, w)
		return []*Node{Gradient(ReduceAllSum(one), x)[0], Gradient(ReduceAllSum(two), x)[0]}
	}, tensors.FromFlatDataAndDimensions(x.v, 32, 64), tensors.FromFlatDataAndDimensions(w.v, 64, 64))
	require.NotEqual(t, twice[0].Value(), twice[1].Value())
}

// TestThreeProductNodes: a linear and its gradient are three products in the
// graph and nothing else multiplies, whatever the leading axes.
func TestThreeProductNodes(t *testing.T) {
	for name, s := range map[string]policy.Recipe{"f32": {}, "ternary": policy.MustBuiltin("ternary"), "bf16": policy.MustBuiltin("bf16"), "weights": options["weights"], "activations": options["activations"]} {
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
	build := func(linear func() func(x, w *Node) *Node) func(x *Node) []*Node {
		return func(x *Node) []*Node {
			w, l := weights(x), linear()
			sum := ReduceAllSum(l(x, w[0]))
			for _, wi := range []*Node{w[1], w[2], w[2]} {
				sum = Add(sum, ReduceAllSum(Square(l(x, wi))))
			}
			return append(Gradient(sum, x, w[0], w[1], w[2]), sum)
		}
	}
	kinds := func(nodes []*Node) (quantised, turned int) {
		quantised = count(nodes, func(x *Node) bool { return x.Type() == NodeTypeAbs })
		turned = count(nodes, func(x *Node) bool { return x.Type() == NodeTypeTranspose })
		return
	}
	ternary := policy.MustBuiltin("ternary")
	x := [][]float32{{1, -2, 0.3, 4, 0.5, -6}, {0.1, 0.2, -3, 0.4, 5, 6}, {1, 1, -1, 1, 2, 3}}
	var values [2][]*tensors.Tensor
	for i, linear := range []func() func(x, w *Node) *Node{
		func() func(x, w *Node) *Node { return func(x, w *Node) *Node { return Linear(ternary, x, w) } },
		func() func(x, w *Node) *Node {
			o := new(Operands)
			return func(x, w *Node) *Node { return o.Linear("", ternary, x, w) }
		},
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
	y := MustExecOnce(backend, func(x, w *Node) *Node { return Linear(policy.MustBuiltin("ternary"), x, w) },
		[][]float32{{1, 2}}, [][]float32{{0.9, -0.2}, {0.05, -1.1}})
	// scale 0.5625, codes [[1 0] [0 -1]]; activations 64·2/127 and 127·2/127
	require.InDeltaSlice(t, []float32{0.5625 * 128 / 127, -0.5625 * 2}, y.Value().([][]float32)[0], 1e-6)
}

func TestErrors(t *testing.T) {
	build := func(r policy.Recipe, x, w []int, gradient bool) error {
		exec, err := NewExec(backend, func(x, w *Node) *Node {
			y := Linear(r, x, w)
			if gradient {
				return Gradient(ReduceAllSum(y), x)[0]
			}
			return y
		})
		require.NoError(t, err)
		_, err = exec.Compile(shapes.Make(dtypes.Float32, x...), shapes.Make(dtypes.Float32, w...))
		return err
	}
	plain := policy.Recipe{}
	require.NoError(t, build(plain, []int{2, 3}, []int{3, 4}, true))
	require.ErrorContains(t, build(plain, []int{2, 3}, []int{4, 3}, false), "[..., in] and [in, out]")
	require.ErrorContains(t, build(plain, []int{3}, []int{3, 4}, false), "quant: linear of x")
	require.ErrorContains(t, build(plain, []int{2, 3}, []int{3, 4, 1}, false), "quant: linear of x")
	require.ErrorContains(t, build(policy.MustBuiltin("mxfp8"), []int{2, 30}, []int{30, 64}, false), "blocks of 32 along the last axis")
	random := policy.MustBuiltin("int8")
	require.NoError(t, build(random, []int{2, 3}, []int{3, 4}, false))
	require.ErrorContains(t, build(random, []int{2, 3}, []int{3, 4}, true), "need the Key of Operands")
	require.Equal(t, random, Uniform(random).Recipe("any"))
}

func BenchmarkLinear(b *testing.B) {
	const rows, in, out = 512, 256, 1024
	for name, s := range map[string]policy.Recipe{"f32": {}, "ternary": policy.MustBuiltin("ternary"), "nvfp4": policy.MustBuiltin("nvfp4")} {
		b.Run(name, func(b *testing.B) {
			exec, err := NewExec(backend, func(x, w *Node) (*Node, *Node) {
				y := (&Operands{Key: Const(x.Graph(), uint32(1))}).Linear("", s, x, w)
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
