package optim_test

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/internal/ref"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
)

// Mutation: taking the weights before keep's choice in updateParam, or the
// parameter instead of its group in addState, fails here.

var measuredParams = []optim.Param{
	{Name: "a", Shape: []int{6, 4}, Class: "matrix", FanIn: 0, FanOut: 1},
	{Name: "b", Shape: []int{4}, Class: "vector", FanIn: -1, FanOut: -1},
	{Name: "c", Shape: []int{4, 9}, Class: "matrix", FanIn: 0, FanOut: 1},
}

var measuredConfig = optim.Config{Clip: 1, Groups: []optim.Group{
	{Class: []string{"matrix"}, Rule: muon.New(), LR: 0.05, WeightDecay: 0.1, Storage: storage.Linear8(16), StoreFrom: 1},
	{Class: []string{"vector"}, Rule: adamw.New(), LR: 0.01, Storage: storage.Dynamic8(4), StoreFrom: 1},
	{Rule: adamw.New(), LR: 0.01}, // for what is left: nothing
}}

// measured is measuredParams with their gradients supplied, as optimtest.Sim, and
// the measures of every step.
type measured struct {
	store  *model.Store
	opt    *optim.Optimizer
	groups []optim.GroupHealth // of the graph
	exec   *model.Exec
}

func newMeasured(t *testing.T, on bool) *measured {
	m := &measured{store: model.NewStore()}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, p := range measuredParams {
		_, err := m.store.CreateVariable("/"+p.Name, optimtest.Tensor(p.Shape, normal(rng, p.Size(), 1)))
		require.NoError(t, err)
	}
	var err error
	m.opt, err = optim.New(measuredParams, measuredConfig)
	require.NoError(t, err)
	m.exec, err = model.NewExec(optimtest.Backend, m.store, func(scope *model.Scope, in []*Node) []*Node {
		if !on {
			x := m.opt.Apply(scope, in[1:], in[0])
			m.groups = x.Groups
			return []*Node{x.GradNorm}
		}
		x := m.opt.ApplyMeasured(scope, in[1:], in[0])
		m.groups = x.Groups
		return []*Node{x.Groups[0].UpdateRMS, x.Groups[0].WeightRMS, x.Groups[0].StorageError, x.Groups[1].UpdateRMS, x.Groups[1].WeightRMS}
	})
	require.NoError(t, err)
	return m
}

// step makes an update with the gradients of a seed and returns the measures.
func (m *measured) step(t *testing.T, loss float32, seed uint64) (values []float64, gradients [][]float32) {
	rng := rand.New(rand.NewPCG(seed, 5))
	in := []any{tensors.FromScalar(loss)}
	for _, p := range measuredParams {
		g := normal(rng, p.Size(), 0.01) // too small for clipping
		gradients = append(gradients, g)
		in = append(in, optimtest.Tensor(p.Shape, g))
	}
	out, err := m.exec.Call(in...)
	require.NoError(t, err)
	for _, x := range out {
		values = append(values, float64(tensors.ToScalar[float32](x)))
	}
	return values, gradients
}

func (m *measured) value(path string) []float64 {
	return optimtest.Widen(tensors.MustCopyFlatData[float32](m.store.GetVariable(path).MustValue()))
}

// momentum is what is kept of the momentum of a parameter, in blocks of 16.
func (m *measured) momentum(name string) []float64 {
	v := m.store.GetVariable("/optim/momentum.codes/" + name)
	if v == nil {
		return nil
	}
	scales := m.value("/optim/momentum.scales/" + name)
	var x []float64
	for i, code := range tensors.MustCopyFlatData[int8](v.MustValue()) {
		x = append(x, float64(code)*scales[i/16])
	}
	return x
}

// TestGroupHealth: the measures are those computed on the host from the weights
// and the state before and after each step.
func TestGroupHealth(t *testing.T) {
	m := newMeasured(t, true)
	weights := func() []float64 { return append(m.value("/a"), m.value("/c")...) }
	orth := func(m ref.Matrix) ref.Matrix { return ref.NewtonSchulz(m, ref.Classic, ref.ClampNorm) }
	for step := range 4 {
		before, vector := weights(), m.value("/b")
		momenta := map[string][]float64{"a": m.momentum("a"), "c": m.momentum("c")}
		got, gradients := m.step(t, 1, uint64(step))
		require.Len(t, m.groups, 3)
		require.Equal(t, optim.GroupHealth{}, m.groups[2], "a group without parameters")
		require.Nil(t, m.groups[1].StorageError, "AdamW is no Gauge")

		after := weights()
		difference := func(a, b []float64) (d []float64) {
			for i := range a {
				d = append(d, a[i]-b[i])
			}
			return d
		}
		// Differences of float32 are rounded once, sums of squares a few times.
		require.InEpsilon(t, ref.RMS(difference(after, before)), got[0], 1e-5)
		require.InEpsilon(t, ref.RMS(after), got[1], 1e-5)
		require.InEpsilon(t, ref.RMS(difference(m.value("/b"), vector)), got[3], 1e-5)
		require.InEpsilon(t, ref.RMS(m.value("/b")), got[4], 1e-5)

		var missed, size float64
		for name, shape := range map[string][2]int{"a": {6, 4}, "c": {4, 9}} {
			g := gradients[map[string]int{"a": 0, "c": 2}[name]]
			x := make([]float64, len(g))
			for i := range x {
				x[i] = 0.05 * float64(g[i])
				if momenta[name] != nil {
					x[i] += 0.95 * momenta[name][i]
				}
			}
			exact, kept := orth(ref.Matrix{Rows: shape[0], Cols: shape[1], Data: x}), orth(ref.Matrix{Rows: shape[0], Cols: shape[1], Data: m.momentum(name)})
			missed, size = missed+math.Pow(ref.Norm(difference(exact.Data, kept.Data)), 2), size+math.Pow(ref.Norm(exact.Data), 2)
		}
		require.Positive(t, missed)
		// 8 roundings in each direction, magnified by the slope 485 at most, as in
		// package orthogonal; 0.68·√rank is the least size of a direction.
		require.InDelta(t, math.Sqrt(missed/size), got[2], 2*8*485.0/(1<<24)/0.68)
	}

	was := weights()
	got, _ := m.step(t, float32(math.NaN()), 9)
	require.Equal(t, was, weights())
	require.Zero(t, got[0], "a skipped step adds nothing")
	require.InEpsilon(t, ref.RMS(was), got[1], 1e-5)
}

// TestMeasuringChangesNothing: Apply has no measures, and ApplyMeasured makes the
// same updates.
func TestMeasuringChangesNothing(t *testing.T) {
	plain, m := newMeasured(t, false), newMeasured(t, true)
	steps := 3
	if optimtest.OnXLA() {
		steps = 1 // it fuses the two graphs in ways of its own
	}
	for step := range steps {
		plain.step(t, 1, uint64(step))
		m.step(t, 1, uint64(step))
		require.Nil(t, plain.groups)
	}
	if optimtest.OnXLA() {
		for _, p := range measuredParams { // η·s·√rank times the roundings that orth magnifies
			require.InDeltaSlice(t, plain.value("/"+p.Name), m.value("/"+p.Name), 0.05*0.2*3*2*8*485.0/(1<<24), p.Name)
		}
		return
	}
	require.Equal(t, optimtest.Snapshot(plain.store), optimtest.Snapshot(m.store))
	require.Equal(t, []string{"muon", "adamw", "adamw"}, m.opt.Rules())
}
