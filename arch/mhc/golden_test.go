package mhc

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/internal/ref"
	"github.com/nanochat-go/nanochat/precision/golden"
)

// Mutation: dividing rows before columns in ProjectSinkhorn, leaving out an ε of
// ProjectSinkhornV4, or exchanging two parts of Maps makes TestGoldenSinkhorn fail.

// TestGoldenSinkhorn: projections with their gradients, maps and mixing, by the
// graph in float32 and in float64 and by the reference.
func TestGoldenSinkhorn(t *testing.T) {
	golden.Load(t, "sinkhorn", "testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		n := int(c.Number("n", 0))
		if c.Has("phi") {
			goldenMaps(t, c, n)
			return
		}
		goldenProjections(t, c, n)
	})
}

// both runs f on float32 and float64 copies of the named tensors, shaped with a
// leading axis for the rest of their size, and checks its results under their
// roles.
func both(t *testing.T, c *golden.Case, roles []string, f func(in []*Node) []*Node, in []string, dims ...[]int) {
	t.Helper()
	var narrow, wide []any
	for i, role := range in {
		v := c.F64(role)
		d := shapeOf(len(v), dims[i])
		wide = append(wide, tensors.FromFlatDataAndDimensions(v, d...))
		f32 := make([]float32, len(v))
		for k, x := range v {
			f32[k] = float32(x)
		}
		narrow = append(narrow, tensors.FromFlatDataAndDimensions(f32, d...))
	}
	out, err := CallOnceN(backend, f, narrow...)
	require.NoError(t, err)
	exact, err := CallOnceN(backend, f, wide...)
	require.NoError(t, err)
	for i, role := range roles {
		c.Check(role, golden.Widen(tensors.MustCopyFlatData[float32](out[i])))
		if role == "grad_fd" {
			c.Check(role, tensors.MustCopyFlatData[float64](exact[i])) // a finite difference has an error of its own
			continue
		}
		require.InDeltaSlice(t, c.F64(role), tensors.MustCopyFlatData[float64](exact[i]), 1e-10, role)
	}
}

// shapeOf completes dimensions of which one may be -1.
func shapeOf(size int, dims []int) []int {
	out := append([]int{}, dims...)
	rest := 1
	for _, d := range dims {
		if d > 0 {
			rest *= d
		}
	}
	for i, d := range out {
		if d < 0 {
			out[i] = size / rest
		}
	}
	return out
}

func goldenProjections(t *testing.T, c *golden.Case, n int) {
	c.Known("n", "iterations", "order", "eps_v4")
	require.Equal(t, "columns then rows", c.Text("order"))
	require.Equal(t, v4Eps, c.Number("eps_v4", v4Eps))
	iterations := int(c.Number("iterations", 20))
	square := []int{-1, n, n}
	both(t, c, []string{"sinkhorn", "v4", "grad_fd"}, func(in []*Node) []*Node {
		r := ProjectSinkhorn(in[0], iterations)
		return []*Node{r, ProjectSinkhornV4(in[0], iterations), Gradient(ReduceAllSum(Mul(r, in[1])), in[0])[0]}
	}, []string{"logits", "cotangent"}, square, square)

	logits := c.F64("logits")
	var got, v4, columns []float64
	for at := 0; at < len(logits); at += n * n {
		a := matrix(logits[at:at+n*n], n)
		r := ref.SinkhornKnopp(a, iterations)
		worst := 0.0
		for j := range n {
			sum := -1.0
			for i := range n {
				sum += r[i][j]
			}
			worst = max(worst, sum, -sum)
		}
		columns = append(columns, worst)
		got, v4 = append(got, flat(r)...), append(v4, flat(ref.SinkhornV4(a, iterations, v4Eps))...)
	}
	require.InDeltaSlice(t, c.F64("sinkhorn"), got, 1e-10)
	require.InDeltaSlice(t, c.F64("v4"), v4, 1e-10)
	require.InDeltaSlice(t, c.F64("col_error"), columns, 1e-9)
	if c.Has("closed_form_p") { // two streams: the limit is a convex combination of two permutations
		require.Equal(t, 2, n)
		p := c.F64("closed_form_p")
		for k := range p {
			l := logits[4*k : 4*k+4]
			r := ref.Birkhoff([]float64{(l[0] + l[3]) / 2, (l[1] + l[2]) / 2}, 2)
			require.InDelta(t, p[k], r[0][0], c.Tol("closed_form_p").Value)
		}
	}
}

func goldenMaps(t *testing.T, c *golden.Case, n int) {
	c.Known("n", "C", "eps", "order", "pre", "post", "res", "read", "mix", "bvn")
	require.Equal(t, normEps, c.Number("eps", normEps))
	require.Equal(t, "[pre | post | res]", c.Text("order"))
	dim := int(c.Number("C", 0))
	cfg := Config{Streams: n, Mixing: Sinkhorn, Iterations: 20}
	both(t, c, []string{"pre", "post", "R", "read", "X_next", "bvn_R"}, func(in []*Node) []*Node {
		x := in[0]
		m := cfg.Maps(x, Weights{Phi: Transpose(in[1], 0, 1), Bias: in[2], Alpha: in[3]})
		var read *Node
		next := Apply(x, m, func(u *Node) *Node { read = u; return in[4] })
		return []*Node{m.Pre, m.Post, m.Res, read, next, CombinePermutations(in[5], n)}
	}, []string{"X", "phi", "b", "alpha", "y", "bvn_logits"},
		[]int{-1, n, dim}, []int{n * dim, -1}, []int{-1}, []int{3}, []int{-1, dim}, []int{-1, factorial(n)})

	var perms []float64
	for _, p := range Permutations(n) {
		for _, j := range p {
			row := make([]float64, n)
			row[j] = 1
			perms = append(perms, row...)
		}
	}
	require.Equal(t, c.F64("permutations"), perms)

	streams := ref.Streams{N: n, Mixing: "sinkhorn", Iterations: 20}
	x, y, theta := c.F64("X"), c.F64("y"), c.F64("bvn_logits")
	var pre, post, res, read, next, bvn []float64
	for at := 0; at < len(x)/(n*dim); at++ {
		token := matrix(x[at*n*dim:(at+1)*n*dim], dim)
		m := streams.Compute(token, transposed(c.F64("phi"), n*dim), c.F64("b"), c.F64("alpha"))
		pre, post, res, read = append(pre, m.Pre...), append(post, m.Post...), append(res, flat(m.Res)...), append(read, m.Read(token)...)
		next = append(next, flat(m.Write(token, y[at*dim:(at+1)*dim]))...)
		bvn = append(bvn, flat(ref.Birkhoff(theta[at*factorial(n):(at+1)*factorial(n)], n))...)
	}
	for role, got := range map[string][]float64{"pre": pre, "post": post, "R": res, "read": read, "X_next": next, "bvn_R": bvn} {
		require.InDeltaSlice(t, c.F64(role), got, 1e-10, role)
	}
}

// matrix cuts v into rows.
func matrix(v []float64, columns int) [][]float64 {
	var m [][]float64
	for at := 0; at < len(v); at += columns {
		m = append(m, v[at:at+columns])
	}
	return m
}

func flat(m [][]float64) []float64 {
	var v []float64
	for _, row := range m {
		v = append(v, row...)
	}
	return v
}

// transposed is v [rows, …] with its axes exchanged.
func transposed(v []float64, rows int) []float64 {
	m := matrix(v, len(v)/rows)
	var out []float64
	for j := range m[0] {
		for i := range m {
			out = append(out, m[i][j])
		}
	}
	return out
}
