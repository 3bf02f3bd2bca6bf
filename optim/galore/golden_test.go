package galore

import (
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/golden"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: compressing the larger side by default, or projecting back with Pᵀ,
// fails here.

// sides are the reference's names for weights [out, in].
var sides = map[string]Side{"std": Smaller, "reverse_std": Larger, "right": FanIn, "left": FanOut, "full": Both}

func reference(c *golden.Case, shape []int) optim.Param {
	return optim.Param{Name: "w", Shape: shape, Class: "matrix", FanIn: 1, FanOut: 0}
}

// hashed is a key for tests.
func hashed(g *Graph) update.Key { return update.KeyOf(Const(g, uint32(0x9E3779B9))) }

func TestGoldenGalore(t *testing.T) {
	golden.Load(t, "galore", "../testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		if kind, _, _ := strings.Cut(c.Name, "_"); kind == "project" {
			c.Known("rank", "scale", "proj_type", "side", "low_shape", "layout")
			checkProjection(t, c)
			return
		}
		require.True(t, strings.HasPrefix(c.Name, "adamw_"), "case %s is not understood", c.Name)
		c.Known("lr", "beta1", "beta2", "eps", "weight_decay", "rank", "update_proj_gap", "scale", "proj_type", "side", "steps", "update", "refresh",
			"inject_projectors")
		checkAdam(t, c)
	})
}

// checkProjection compares the subspace of a gradient and its projection. The
// matrices have a gap after the rank, and the rounds suffice to converge there.
func checkProjection(t *testing.T, c *golden.Case) {
	space := New(int(c.Number("rank", 0))).WithSide(sides[c.Text("proj_type")]).WithScale(c.Number("scale", 1)).WithRounds(12)
	p := reference(c, c.Shape("g"))
	require.NoError(t, space.Check(p))
	names := []string{"unprojected"}
	exec, err := NewExec(optimtest.Backend, func(g *Node) []*Node {
		grad, yes := update.NewGrad(g, nil), Const(g.Graph(), true)
		var old []*Node
		for _, spec := range space.State(p) {
			old = append(old, Zeros(g.Graph(), shapes.Make(dtypes.Float32, spec.Shape...)))
		}
		basis := space.basis(p, g, yes, old, hashed(g.Graph()))
		low := space.Down(p, basis, grad)
		require.Equal(t, space.Inner(p).Shape, low.Value().Shape().Dimensions)
		out := []*Node{MulScalar(space.LiftDirection(p, basis, low.Value(), low, grad), space.Factor()), Sqrt(ReduceAllSum(Square(low.Value())))}
		for _, b := range basis {
			out = append(out, MatMul(b, Transpose(b, 0, 1)))
		}
		return out
	})
	require.NoError(t, err)
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(c.F32("g"), p.Shape...))
	require.NoError(t, err)
	if c.Has("low_norm") {
		names = append(names, "low_norm", "pp")
		require.Equal(t, space.Inner(p).Shape, ints(c.Hyper["low_shape"]))
	}
	if c.Text("proj_type") == "full" {
		names = append(names[:2], "pp_left", "pp_right")
	}
	for i, name := range names {
		if name == "low_norm" {
			c.Check(name, []float64{float64(tensors.ToScalar[float32](out[i]))})
			continue
		}
		c.Check(name, golden.Widen(tensors.MustCopyFlatData[float32](out[i])))
	}
}

func ints(list any) (out []int) {
	for _, x := range list.([]any) {
		out = append(out, int(x.(float64)))
	}
	return out
}

// checkAdam runs a trajectory with the reference's own projectors, because
// Adam depends on the signs and the order of the directions. The reference
// decays the weights after the update; so does the test.
func checkAdam(t *testing.T, c *golden.Case) {
	space := New(int(c.Number("rank", 0))).WithSide(sides[c.Text("proj_type")]).WithScale(c.Number("scale", 0)).WithEvery(0)
	p := reference(c, c.Shape("w0"))
	rule := adamw.New().WithBetas(c.Number("beta1", 0), c.Number("beta2", 0)).WithEpsilon(c.Number("eps", 0))
	lr, decay := c.Number("lr", 0), c.Number("weight_decay", 0)
	sim := optimtest.New(t, []optim.Param{p}, optim.Config{Groups: []optim.Group{{Rule: rule, LR: lr, Space: space}}}, c.F32("w0"))
	sim.Opt.InitState(sim.Store)
	grads, projectors, want := c.F32("grads"), c.F32("projectors"), c.F64("params")
	side, rank := space.State(p)[0].Shape[0], space.State(p)[0].Shape[1]
	start := c.F64("w0")
	for len(grads) > 0 {
		basis := projectors[:side*rank]
		if space.axes(p)[0] == p.FanIn { // stored as its transpose
			basis = transposed(basis, rank, side)
		}
		require.NoError(t, sim.Store.GetVariable("/optim/projector/w").SetValue(tensors.FromFlatDataAndDimensions(basis, side, rank)))
		sim.Step(t, 0, grads[:p.Size()])
		w := sim.Value("/w")
		for i := range w {
			w[i] -= float32(lr * decay * float64(w[i]))
		}
		require.NoError(t, sim.Store.GetVariable("/w").SetValue(tensors.FromFlatDataAndDimensions(w, p.Shape...)))
		golden.Compare(t, c.Name, c.Tol("params"), want[:p.Size()], golden.Widen(w), start)
		grads, projectors, want = grads[p.Size():], projectors[side*rank:], want[p.Size():]
	}
	require.Empty(t, want)
}

func transposed(v []float32, rows, cols int) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i%cols*rows+i/cols] = x
	}
	return out
}
