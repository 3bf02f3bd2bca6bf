//go:build cgo && !noxla

package backend

import (
	"context"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// Mutation: leaving the attribute out, or forgetting which parameter a value
// replaces, makes TestWhatReplacesWhat fail; a field of another name in go-xla does
// too.

func openXLA(t *testing.T) compute.Backend {
	t.Helper()
	if Plugin() == "" {
		t.Skip("no XLA plugin")
	}
	b, choice, err := Open(context.Background(), "xla", false, func(string) {})
	require.NoError(t, err)
	require.Equal(t, "xla", choice.Name)
	t.Cleanup(b.Finalize)
	return b
}

// TestWhatReplacesWhat: a choice and a sum take the memory of the parameter that
// they replace; other results, other shapes and second results do not.
func TestWhatReplacesWhat(t *testing.T) {
	builder := openXLA(t).Builder("test")
	f := builder.Main()
	vector, scalar := shapes.Make(dtypes.Float32, 4), shapes.Make(dtypes.Float32)
	parameter := func(name string, s shapes.Shape) compute.Value {
		v, err := f.Parameter(name, s, nil)
		require.NoError(t, err)
		return v
	}
	must := func(v compute.Value, err error) compute.Value { require.NoError(t, err); return v }
	keep := parameter("keep", shapes.Make(dtypes.Bool, 4))
	weight, sum, grad, small := parameter("weight", vector), parameter("sum", vector), parameter("grad", vector), parameter("small", scalar)
	fresh := must(f.Mul(weight, grad))
	chosen := must(f.Where(keep, fresh, weight))
	again := must(f.Where(keep, grad, weight))
	added := must(f.Add(sum, grad))
	bigger := must(f.BroadcastInDim(small, vector, nil))
	require.NoError(t, f.Return([]compute.Value{fresh, chosen, added, added, again, bigger}, nil))

	inputs := inputsOf(f.(*inPlaceFunction).Function)
	require.Len(t, inputs, 5)
	var places []any
	for _, in := range inputs {
		places = append(places, in.Attributes[aliasing])
	}
	require.Equal(t, []any{nil, int32(1), int32(2), nil, nil}, places)
	_, err := builder.Compile()
	require.NoError(t, err)
}

// TestWhatALoopReplaces: what becomes of a parameter in a loop takes its memory.
func TestWhatALoopReplaces(t *testing.T) {
	b := openXLA(t)
	builder := b.Builder("test")
	f := builder.Main()
	vector, scalar := shapes.Make(dtypes.Float32, 4), shapes.Make(dtypes.Bool)
	parameter := func(f compute.Function, name string, s shapes.Shape) compute.Value {
		v, err := f.Parameter(name, s, nil)
		require.NoError(t, err)
		return v
	}
	again, weight := parameter(f, "again", scalar), parameter(f, "weight", vector)
	var closures []compute.Function
	for _, results := range []func(c compute.Function, again, weight compute.Value) []compute.Value{
		func(_ compute.Function, again, _ compute.Value) []compute.Value { return []compute.Value{again} },
		func(c compute.Function, again, weight compute.Value) []compute.Value {
			not, err := c.LogicalNot(again)
			require.NoError(t, err)
			twice, err := c.Add(weight, weight)
			require.NoError(t, err)
			return []compute.Value{not, twice}
		},
	} {
		c, err := f.Closure()
		require.NoError(t, err)
		require.NoError(t, c.Return(results(c, parameter(c, "in_0", scalar), parameter(c, "in_1", vector)), nil))
		closures = append(closures, c)
	}
	out, err := f.While(closures[0], closures[1], again, weight)
	require.NoError(t, err)
	require.NoError(t, f.Return([]compute.Value{out[1]}, nil))
	inputs := inputsOf(f.(*inPlaceFunction).Function)
	require.Nil(t, inputs[0].Attributes[aliasing])
	require.Equal(t, int32(0), inputs[1].Attributes[aliasing])
	_, err = builder.Compile()
	require.NoError(t, err)
}

// TestInPlaceKeepsWhatIsKept: a tensor that the caller did not give away is as it
// was, one that he did is gone, and both get the same result.
func TestInPlaceKeepsWhatIsKept(t *testing.T) {
	b := openXLA(t)
	exec := MustNewExec(b, func(keep, old, fresh *Node) *Node { return Where(keep, fresh, old) })
	fresh := tensors.FromValue([]float32{5, 6, 7})
	for _, given := range []bool{false, true} {
		old := tensors.FromValue([]float32{1, 2, 3})
		for _, keep := range []bool{false, true} {
			var arg any = old
			if given {
				require.NoError(t, old.MaterializeOnDevice(b, false, 0))
				var err error
				arg, err = DonateTensorBuffer(old, b, 0)
				require.NoError(t, err)
			}
			want := []float32{1, 2, 3}
			if keep {
				want = []float32{5, 6, 7}
			}
			out, err := exec.Call(keep, arg, fresh)
			require.NoError(t, err)
			require.Equal(t, want, out[0].Value())
			require.Equal(t, []float32{5, 6, 7}, fresh.Value())
			if !given {
				require.Equal(t, []float32{1, 2, 3}, old.Value())
			}
			old = tensors.FromValue([]float32{1, 2, 3})
		}
	}
}
