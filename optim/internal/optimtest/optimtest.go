package optimtest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
)

// Backend is the one backend of the test binary.
var Backend compute.Backend

// Main opens the backend and runs the tests. The default is the Go backend,
// one operation after the other.
func Main(m *testing.M) {
	if os.Getenv("GOMLX_BACKEND") == "" {
		os.Setenv("GOMLX_BACKEND", "go:ops_sequential")
	}
	var err error
	if Backend, err = compute.New(); err != nil {
		fmt.Fprintln(os.Stderr, "no backend:", err)
		os.Exit(1)
	}
	if f := flag.Lookup("rapid.checks"); f != nil && OnXLA() {
		_ = f.Value.Set("10") // each check compiles a graph, which takes XLA a while
	}
	os.Exit(m.Run())
}

// OnXLA reports whether the tests run on XLA.
func OnXLA() bool { return Backend.Name() == "xla" }

// TB is what the simulation needs of a test, a benchmark or a property.
type TB interface {
	require.TestingT
	Helper()
}

// Sim is a set of parameters whose gradients the test supplies.
type Sim struct {
	Store    *model.Store
	Opt      *optim.Optimizer
	Compiled int // number of graphs built
	params   []optim.Param
	exec     *model.Exec
}

// New makes the parameters with the given values and their optimizer.
func New(t TB, params []optim.Param, cfg optim.Config, values ...[]float32) *Sim {
	t.Helper()
	o, err := optim.New(params, cfg)
	require.NoError(t, err)
	return With(t, params, o, values...)
}

// With is New for an optimizer that was made before.
func With(t TB, params []optim.Param, o *optim.Optimizer, values ...[]float32) *Sim {
	t.Helper()
	s := &Sim{Store: model.NewStore(), Opt: o, params: params}
	for i, p := range params {
		_, err := s.Store.CreateVariable("/"+p.Name, Tensor(p.Shape, values[i]))
		require.NoError(t, err)
	}
	var err error
	s.exec, err = model.NewExec(Backend, s.Store, func(scope *model.Scope, in []*Node) []*Node {
		s.Compiled++
		m := o.Apply(scope, in[1:], in[0])
		return []*Node{m.GradNorm, m.Skipped}
	})
	require.NoError(t, err)
	return s
}

// Step makes one update.
func (s *Sim) Step(t TB, loss float32, grads ...[]float32) (norm float64, skipped bool) {
	t.Helper()
	in := []any{tensors.FromScalar(loss)}
	for i, p := range s.params {
		in = append(in, Tensor(p.Shape, grads[i]))
	}
	out, err := s.exec.Call(in...)
	require.NoError(t, err)
	return float64(tensors.ToScalar[float32](out[0])), tensors.ToScalar[float32](out[1]) != 0
}

// Value returns the values of a variable by its path.
func (s *Sim) Value(path string) []float32 {
	return tensors.MustCopyFlatData[float32](s.Store.GetVariable(path).MustValue())
}

// Snapshot copies every variable's bytes.
func (s *Sim) Snapshot() map[string][]byte { return Snapshot(s.Store) }

// Snapshot copies the bytes of every variable of a store.
func Snapshot(store *model.Store) map[string][]byte {
	all := map[string][]byte{}
	for v := range store.IterVariables() {
		if err := v.MustValue().ConstBytes(func(b []byte) { all[v.Path()] = append([]byte{}, b...) }); err != nil {
			panic(err)
		}
	}
	return all
}

// Restore sets every variable of a store from a snapshot.
func Restore(store *model.Store, snapshot map[string][]byte) {
	for path, bytes := range snapshot {
		if err := store.GetVariable(path).MustValue().MutableBytes(func(b []byte) { copy(b, bytes) }); err != nil {
			panic(err)
		}
	}
}

// Tensor is a float32 tensor; no dimensions make a scalar.
func Tensor(shape []int, values []float32) *tensors.Tensor {
	if len(shape) == 0 {
		return tensors.FromScalar(values[0])
	}
	return tensors.FromFlatDataAndDimensions(values, shape...)
}

// Eval runs a graph function on tensors and returns its only output.
func Eval(t testing.TB, f func(in []*Node) *Node, in ...*tensors.Tensor) []float32 {
	t.Helper()
	exec, err := NewExec(Backend, func(in []*Node) []*Node { return []*Node{f(in)} })
	require.NoError(t, err)
	var args []any
	for _, x := range in {
		args = append(args, x)
	}
	out, err := exec.Call(args...)
	require.NoError(t, err)
	return tensors.MustCopyFlatData[float32](out[0])
}

// Widen converts to float64.
func Widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
