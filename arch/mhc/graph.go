package mhc

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/precision/rowwise"
	"github.com/nanochat-go/nanochat/precision/vjp"
)

// normEps is the ε of the norm in front of φ.
const normEps = 1e-6

// v4Eps is the ε of SinkhornV4.
const v4Eps = 1e-6

// Weights are the parameters of one sublayer.
type Weights struct {
	Phi   *Node // see Config.PhiShape
	Bias  *Node // [Config.Width]
	Alpha *Node // [3]: of pre, post and R
}

// Maps are what the weights make of the streams of N tokens.
type Maps struct {
	Pre, Post *Node // [N, n]
	Res       *Node // R [N, n, n]
}

// Maps computes the maps of x [N, n, C].
func (c Config) Maps(x *Node, w Weights) Maps {
	c = c.WithDefaults()
	if x.Rank() != 3 || x.Shape().Dim(1) != c.Streams {
		exceptions.Panicf("mhc: streams %s, want [N, %d, C]", x.Shape(), c.Streams)
	}
	tokens, n := x.Shape().Dim(0), c.Streams
	if c.Mixing == Free {
		return c.freeMaps(x, w)
	}
	m := normedProduct(Reshape(x, tokens, -1), w.Phi)
	// One gate and one bias for each of the 2n+… columns.
	gate := Concatenate([]*Node{gates(w.Alpha, 0, n), gates(w.Alpha, 1, n), gates(w.Alpha, 2, c.resWidth())}, 0)
	z := Add(Mul(m, ExpandLeftToRank(gate, 2)), ExpandLeftToRank(w.Bias, 2))
	part := func(from, to int) *Node { return SliceAxis(z, 1, AxisRange(from, to)) }
	return Maps{Pre: Sigmoid(part(0, n)), Post: MulScalar(Sigmoid(part(n, 2*n)), 2), Res: c.residual(part(2*n, c.Width()))}
}

// gates is α_i, n times.
func gates(alpha *Node, i, n int) *Node {
	return BroadcastToDims(SliceAxis(alpha, 0, AxisRange(i, i+1)), n)
}

// freeMaps are those of hyper-connections, without a constraint.
func (c Config) freeMaps(x *Node, w Weights) Maps {
	tokens, n, dim := x.Shape().Dim(0), c.Streams, x.Shape().Dim(2)
	m := Tanh(Reshape(normedProduct(Reshape(x, -1, dim), w.Phi), tokens, n, n+2))
	bias := func(from int, dims ...int) *Node {
		size := 1
		for _, d := range dims {
			size *= d
		}
		b := Reshape(SliceAxis(w.Bias, 0, AxisRange(from, from+size)), dims...)
		return ExpandLeftToRank(b, len(dims)+1)
	}
	gated := func(i int, m *Node) *Node { return Mul(m, Reshape(SliceAxis(w.Alpha, 0, AxisElem(i)))) }
	column := func(i int) *Node { return Reshape(SliceAxis(m, 2, AxisElem(i)), tokens, n) }
	res := Transpose(SliceAxis(m, 2, AxisRange(1, n+1)), 1, 2) // stream j says how it goes to all i
	return Maps{
		Pre:  Add(bias(0, n), gated(0, column(0))),
		Post: Add(bias(n, n), gated(1, column(n+1))),
		Res:  Add(bias(2*n, n, n), gated(2, res)),
	}
}

// residual makes R [N, n, n] of its logits [N, n²] or [N, n!].
func (c Config) residual(logits *Node) *Node {
	tokens, n := logits.Shape().Dim(0), c.Streams
	switch c.Mixing {
	case Birkhoff:
		return CombinePermutations(logits, n)
	case Sinkhorn:
		return ProjectSinkhorn(Reshape(logits, tokens, n, n), c.Iterations)
	case SinkhornV4: // that code applies the transpose
		return Transpose(ProjectSinkhornV4(Reshape(logits, tokens, n, n), c.Iterations), 1, 2)
	}
	exceptions.Panicf("mhc: no mixing %q", c.Mixing)
	return nil
}

// CombinePermutations is Σ_k softmax(θ)_k·P_k [N, n, n] for logits θ [N, n!], with
// the permutation matrices P_k[i, perm_k(i)] = 1 in the order of Permutations.
func CombinePermutations(logits *Node, n int) *Node {
	perms := Permutations(n)
	if logits.Rank() != 2 || logits.Shape().Dim(1) != len(perms) {
		exceptions.Panicf("mhc: logits %s, want [N, %d] for %d streams", logits.Shape(), len(perms), n)
	}
	matrices := make([]float32, len(perms)*n*n)
	for k, p := range perms {
		for i, j := range p {
			matrices[(k*n+i)*n+j] = 1
		}
	}
	e := Exp(Sub(logits, StopGradient(ReduceAndKeep(logits, ReduceMax, -1))))
	p := ConstAs(logits, matrices)
	r := MatMul(e, Reshape(p, len(perms), n*n))
	// A product with ones sums in the same order as the rows of the product above.
	sum := MatMul(e, Ones(logits.Graph(), shape(logits, len(perms), 1)))
	return Reshape(Mul(r, Reciprocal(sum)), -1, n, n)
}

// ProjectSinkhorn is exp(A) [N, n, n] after the given number of iterations, each of
// which divides the columns and then the rows by their sums. It keeps the
// logarithms of what rows and columns have been divided by, so that no
// exponential of a large logit is formed.
func ProjectSinkhorn(logits *Node, iterations int) *Node {
	a := TransposeAllAxes(logits, 1, 2, 0) // [n, n, N]: sums along the first axes have vectors
	var rows, columns *Node                // logarithms of the divisors, [n, 1, N] and [1, n, N]
	for range iterations {
		z := a
		if rows != nil {
			z = Sub(a, rows)
		}
		columns = logSumExp(z, 0)
		rows = logSumExp(Sub(a, columns), 1)
	}
	return TransposeAllAxes(Exp(Sub(Sub(a, columns), rows)), 2, 0, 1)
}

func logSumExp(z *Node, axis int) *Node {
	top := StopGradient(ReduceAndKeep(z, ReduceMax, axis))
	return Add(Log(ReduceAndKeep(Exp(Sub(z, top)), ReduceSum, axis)), top)
}

// ProjectSinkhornV4 is the projection of DeepSeek-V4's code: a softmax of the rows
// plus ε, then columns, and rows and columns again, divided by their sums plus ε.
func ProjectSinkhornV4(logits *Node, iterations int) *Node {
	a := TransposeAllAxes(logits, 1, 2, 0)
	e := Exp(Sub(a, StopGradient(ReduceAndKeep(a, ReduceMax, 1))))
	m := AddScalar(Div(e, ReduceAndKeep(e, ReduceSum, 1)), v4Eps)
	divide := func(axis int) { m = Div(m, AddScalar(ReduceAndKeep(m, ReduceSum, axis), v4Eps)) }
	divide(0)
	for range iterations - 1 {
		divide(1)
		divide(0)
	}
	return TransposeAllAxes(m, 2, 0, 1)
}

// normedProduct is v·φᵀ/√(mean(v²)+ε) for v [N, K] and φ [M, K]. With the inverse
// root r and m the result, the adjoints are φ̄ = (r∘m̄)ᵀ·v and
// v̄ = (r∘m̄)·φ - v·(r²·Σ m̄∘m/K).
func normedProduct(v, phi *Node) *Node {
	tokens, k := v.Shape().Dim(0), v.Shape().Dim(1)
	var r, m *Node
	forward := func(in []*Node) *Node {
		x := Reshape(in[0], tokens, 1, k)
		mean := MulScalar(Reshape(rowwise.Dots(x, x), tokens, 1), 1/float64(k))
		r = Reciprocal(Sqrt(AddScalar(mean, normEps)))
		m = rowwise.Scale(Dot(in[0], in[1]).General([]int{1}, nil, []int{1}, nil), r)
		return m
	}
	return vjp.Custom([]*Node{v, phi}, forward, func(dm *Node) []*Node {
		s := rowwise.Scale(dm, r)
		along := MulScalar(Mul(Square(r), rowwise.Sums(Mul(dm, m))), -1/float64(k))
		return []*Node{Add(MatMul(s, phi), rowwise.Scale(v, along)), MatMul(Transpose(s, 0, 1), v)}
	})
}

// Read is u = Σ_j pre_j·x_j [N, C] for x [N, n, C].
func Read(x, pre *Node) *Node {
	tokens, n := pre.Shape().Dim(0), pre.Shape().Dim(1)
	forward := func(in []*Node) *Node {
		return Reshape(rowwise.Mix(Reshape(in[1], tokens, 1, n), in[0]), tokens, -1)
	}
	return vjp.Custom([]*Node{x, pre}, forward, func(du *Node) []*Node {
		du = InsertAxes(du, 1)
		return []*Node{rowwise.Mix(Reshape(pre, tokens, n, 1), du), Reshape(rowwise.Dots(x, du), tokens, n)}
	})
}

// Write is R·x + post⊗y [N, n, C] for what a sublayer made, y [N, C].
func Write(x, res, post, y *Node) *Node {
	tokens, n := post.Shape().Dim(0), post.Shape().Dim(1)
	forward := func(in []*Node) *Node {
		x, res, post, y := in[0], in[1], in[2], in[3]
		return Add(rowwise.Mix(res, x), rowwise.Mix(Reshape(post, tokens, n, 1), InsertAxes(y, 1)))
	}
	return vjp.Custom([]*Node{x, res, post, y}, forward, func(dx *Node) []*Node {
		return []*Node{rowwise.Mix(Transpose(res, 1, 2), dx), rowwise.Dots(dx, x),
			Reshape(rowwise.Dots(dx, InsertAxes(y, 1)), tokens, n),
			Reshape(rowwise.Mix(Reshape(post, tokens, 1, n), dx), tokens, -1)}
	})
}

// Open copies x [..., C] to n streams [..., n, C].
func Open(x *Node, n int) *Node {
	dims := x.Shape().Dimensions
	last := len(dims) - 1
	copies := rowwise.Repeat(Reshape(x, -1, 1, dims[last]), 1, n)
	return Reshape(copies, append(append([]int{}, dims[:last]...), n, dims[last])...)
}

// Apply lets a sublayer read x [N, n, C] and write what it made of it [N, C] back, as
// the maps say.
func Apply(x *Node, m Maps, sublayer func(u *Node) *Node) *Node {
	return Write(x, m.Res, m.Post, sublayer(Read(x, m.Pre)))
}

// Close is the mean of the streams of x [..., n, C].
func Close(x *Node) *Node {
	dims := x.Shape().Dimensions
	n, dim := dims[len(dims)-2], dims[len(dims)-1]
	streams := Reshape(x, -1, n, dim)
	pre := Ones(x.Graph(), shape(x, streams.Shape().Dim(0), n))
	mean := Read(streams, MulScalar(pre, 1/float64(n)))
	return Reshape(mean, append(append([]int{}, dims[:len(dims)-2]...), dim)...)
}
