package orthogonal_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
)

// Mutation: not turning a tall matrix back, or leaving Safety out of the norm,
// fails here.

// gaussian is a matrix of normal values times scale.
func gaussian(seed uint64, rows, cols int, scale float64) ref.Matrix {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := ref.Matrix{Rows: rows, Cols: cols, Data: make([]float64, rows*cols)}
	for i := range m.Data {
		m.Data[i] = float64(float32(rng.NormFloat64() * scale))
	}
	return m
}

// run orthogonalises m in float32.
func run(t testing.TB, p orthogonal.Preset, m ref.Matrix) ref.Matrix {
	v := make([]float32, len(m.Data))
	for i, x := range m.Data {
		v[i] = float32(x)
	}
	out := optimtest.Eval(t, func(in []*Node) *Node { return p.Orthogonalize(in[0]) }, tensors.FromFlatDataAndDimensions(v, m.Rows, m.Cols))
	return ref.Matrix{Rows: m.Rows, Cols: m.Cols, Data: optimtest.Widen(out)}
}

// distance is ‖a-b‖ relative to √rank, the norm of an orthogonal matrix.
func distance(a, b ref.Matrix) float64 {
	sum := 0.0
	for i := range a.Data {
		sum += (a.Data[i] - b.Data[i]) * (a.Data[i] - b.Data[i])
	}
	return math.Sqrt(sum / float64(min(a.Rows, a.Cols)))
}

// tolerance of a float32 run: an error of 2⁻²⁴ of the norm in each of a few
// roundings per product is magnified by at most the slope of the composed
// polynomial at 0, which is 485 for Classic and 990 for Polar Express.
func tolerance(slope float64) float64 { return 8 * slope / (1 << 24) }

func TestAgainstReference(t *testing.T) {
	kinds := []struct {
		preset orthogonal.Preset
		steps  []ref.Quintic
		norm   func(float64) float64
		tol    float64
	}{
		{orthogonal.Classic(5), ref.Classic, ref.ClampNorm, tolerance(485)},
		{orthogonal.Classic(3), ref.Classic[:3], ref.ClampNorm, tolerance(485)},
		{orthogonal.PolarExpress5(), ref.PolarExpress, func(n float64) float64 { return 1.02*n + 1e-6 }, tolerance(990)},
	}
	rapid.Check(t, func(r *rapid.T) {
		rows, cols := rapid.IntRange(1, 40).Draw(r, "rows"), rapid.IntRange(1, 40).Draw(r, "cols")
		scale := math.Pow(10, rapid.Float64Range(-12, 15).Draw(r, "log scale"))
		k := kinds[rapid.IntRange(0, len(kinds)-1).Draw(r, "preset")]
		m := gaussian(rapid.Uint64().Draw(r, "seed"), rows, cols, scale)
		got, want := run(t, k.preset, m), ref.NewtonSchulz(m, k.steps, k.norm)
		require.Less(r, distance(got, want), k.tol)
	})
}

func TestPolarExpress8IsThePolarFactor(t *testing.T) {
	for _, shape := range [][2]int{{16, 48}, {48, 16}, {7, 31}, {1, 9}, {9, 1}, {1, 1}} {
		m := gaussian(3, shape[0], shape[1], 1)
		var svd mat.SVD
		require.True(t, svd.Factorize(mat.NewDense(m.Rows, m.Cols, m.Data), mat.SVDThin))
		require.Less(t, svd.Cond(), 1e2, "within what eight steps converge for")
		var u, v, polar mat.Dense
		svd.UTo(&u)
		svd.VTo(&v)
		polar.Mul(&u, v.T())
		want := ref.Matrix{Rows: m.Rows, Cols: m.Cols, Data: polar.RawMatrix().Data}
		require.Less(t, distance(run(t, orthogonal.PolarExpress8(), m), want), 2e-5, "%v", shape)
	}
}

// band runs a preset on a diagonal matrix, whose singular values are s.
func band(t testing.TB, p orthogonal.Preset, s []float64) []float64 {
	n := len(s)
	m := ref.Matrix{Rows: n, Cols: n, Data: make([]float64, n*n)}
	for i, x := range s {
		m.Data[i*n+i] = x
	}
	out := run(t, p, m)
	got := make([]float64, n)
	for i := range got {
		got[i] = out.At(i, i)
	}
	return got
}

// TestBands holds the documented range of singular values, which the
// compositions of the polynomials have by themselves.
func TestBands(t *testing.T) {
	for name, c := range map[string]struct {
		preset     orthogonal.Preset
		from       float64
		low, high  float64
		lowReached bool
	}{
		"classic":        {orthogonal.Classic(5), 0.003, 0.6818, 1.2024, true},
		"polar express":  {orthogonal.PolarExpress5(), 0.00103, 0.8589, 1.1411, true},
		"polar express8": {orthogonal.PolarExpress8(), 0.00103, 1 - 1e-4, 1 + 1e-4, false},
	} {
		var s []float64
		for x := c.from; x < 0.35; x *= 1.12 { // the norm of all of them together is below 1
			s = append(s, x)
		}
		norm := ref.Norm(s)
		s = append(s, math.Sqrt(max(0, 1-norm*norm))) // and now it is 1
		got := band(t, c.preset, s)
		low, high := math.Inf(1), 0.0
		for _, x := range got {
			low, high = min(low, x), max(high, x)
		}
		require.GreaterOrEqual(t, low, c.low-1e-3, name)
		require.LessOrEqual(t, high, c.high+1e-3, name)
		if c.lowReached {
			require.Less(t, low, c.low+0.12, name)
		}
	}
}

func TestEdges(t *testing.T) {
	for name, p := range map[string]orthogonal.Preset{
		"classic": orthogonal.Classic(5), "pe5": orthogonal.PolarExpress5(), "pe8": orthogonal.PolarExpress8(),
	} {
		require.Equal(t, make([]float64, 12), run(t, p, ref.Matrix{Rows: 3, Cols: 4, Data: make([]float64, 12)}).Data, name)
		wide := gaussian(5, 6, 15, 1)
		require.Less(t, distance(run(t, p, wide).T(), run(t, p, wide.T())), tolerance(990), "%s: transpose", name)
		scaled := gaussian(5, 6, 15, 1e6)
		require.Less(t, distance(run(t, p, wide), run(t, p, scaled)), tolerance(990), "%s: scale", name)
	}
	require.PanicsWithError(t, "orthogonal: want a matrix or a batch of them, got (Float32)[4]", func() {
		g := NewGraph(optimtest.Backend, "rank 1")
		orthogonal.Classic(5).Orthogonalize(Const(g, make([]float32, 4)))
	})
}

// TestBatch: a batch is orthogonalised slice by slice, wide or tall, whatever
// the sizes of the others.
func TestBatch(t *testing.T) {
	for _, p := range []orthogonal.Preset{orthogonal.Classic(5), orthogonal.PolarExpress8(), orthogonal.Cubic(10)} {
		for _, shape := range [][2]int{{4, 7}, {7, 4}, {5, 5}} {
			var slices []ref.Matrix
			var flat []float32
			for i, scale := range []float64{1, 1e4, 0} {
				m := gaussian(uint64(i), shape[0], shape[1], scale)
				slices = append(slices, m)
				for _, x := range m.Data {
					flat = append(flat, float32(x))
				}
			}
			out := optimtest.Widen(optimtest.Eval(t, func(in []*Node) *Node { return p.Orthogonalize(in[0]) },
				tensors.FromFlatDataAndDimensions(flat, 3, shape[0], shape[1])))
			n := shape[0] * shape[1]
			for i, m := range slices {
				got := ref.Matrix{Rows: m.Rows, Cols: m.Cols, Data: out[i*n : (i+1)*n]}
				require.Less(t, distance(run(t, p, m), got), tolerance(990))
			}
		}
	}
}

// TestPresetFieldsAct changes one field at a time.
func TestPresetFieldsAct(t *testing.T) {
	m := gaussian(7, 5, 9, 1e-7)
	base := run(t, orthogonal.Classic(5), m)
	for name, change := range map[string]func(*orthogonal.Preset){
		"steps":   func(p *orthogonal.Preset) { p.Steps = p.Steps[1:] },
		"epsilon": func(p *orthogonal.Preset) { p.Epsilon = 1 },
		"clamp":   func(p *orthogonal.Preset) { p.Clamp = false },
	} {
		p := orthogonal.Classic(5)
		change(&p)
		require.Greater(t, distance(base, run(t, p, m)), 1e-3, name)
	}
	p := orthogonal.PolarExpress5()
	p.Safety = 2
	require.Greater(t, distance(run(t, orthogonal.PolarExpress5(), m), run(t, p, m)), 1e-3, "safety")
}

// TestRolled: a loop gives what the line of steps gives, for matrices and batches
// of them, tall and wide.
func TestRolled(t *testing.T) {
	for _, shape := range [][]int{{5, 9}, {9, 5}, {3, 7, 4}, {1, 1}} {
		m := gaussian(7, 1, shapes.Make(dtypes.Float32, shape...).Size(), 1)
		v := make([]float32, len(m.Data))
		for i, x := range m.Data {
			v[i] = float32(x)
		}
		for _, p := range []orthogonal.Preset{orthogonal.Classic(5), orthogonal.PolarExpress8(), orthogonal.Cubic(3), {Safety: 1}} {
			eval := func() []float32 {
				return optimtest.Eval(t, func(in []*Node) *Node { return p.Orthogonalize(in[0]) }, tensors.FromFlatDataAndDimensions(v, shape...))
			}
			line := eval()
			p.Rolled = true
			require.InDeltaSlice(t, line, eval(), 1e-5, "%v, %d steps", shape, len(p.Steps))
		}
	}
	size := func(steps int) int {
		p := orthogonal.Classic(steps)
		p.Rolled = true
		g, err := MustNewExec(optimtest.Backend, func(x *Node) *Node { return p.Orthogonalize(x) }).Compile(shapes.Make(dtypes.Float32, 4, 8))
		require.NoError(t, err)
		return len(g.Nodes())
	}
	require.Equal(t, size(2), size(20), "nodes of the program")
}

func BenchmarkOrthogonalize(b *testing.B) {
	for _, c := range []struct {
		name       string
		rows, cols int
		rolled     bool
	}{{"256x256", 256, 256, false}, {"256x704", 256, 704, false}, {"256x704, rolled", 256, 704, true}, {"704x256", 704, 256, false}} {
		b.Run(c.name, func(b *testing.B) {
			m := gaussian(1, c.rows, c.cols, 1)
			v := make([]float32, len(m.Data))
			for i, x := range m.Data {
				v[i] = float32(x)
			}
			x := tensors.FromFlatDataAndDimensions(v, c.rows, c.cols)
			exec, err := NewExec(optimtest.Backend, func(x *Node) *Node {
				p := orthogonal.Classic(5)
				p.Rolled = c.rolled
				return p.Orthogonalize(x)
			})
			require.NoError(b, err)
			exec.MustCall1(x).MustFinalizeAll()
			n, k := float64(min(c.rows, c.cols)), float64(max(c.rows, c.cols))
			b.ReportAllocs()
			b.SetBytes(int64(4 * len(v)))
			for b.Loop() {
				exec.MustCall1(x).MustFinalizeAll()
			}
			b.ReportMetric(5*(4*n*n*k+2*n*n*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
