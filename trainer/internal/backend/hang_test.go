package backend_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/recipe"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
)

// Mutation: opening the Go backend as "go", with its default parallelism, makes
// TestNoHang fail when the watchdog bites.

var stress = flag.Int("backend.stress", 0, "make so many updates of 128 matrices of 256 × 384 with every optimizer, on 1, 2 and 4 threads")

// watchdog is how long one update may take: a hundred times what it does on a
// machine that is busy with other work.
const watchdog = 3 * time.Minute

// hundredMatrices are 128 independent matrices: as many products as the Go
// backend may start at once.
func hundredMatrices(rows int) []optim.Param {
	var params []optim.Param
	for i := range 128 {
		shape := []int{rows, rows + rows/2}
		if i%2 == 1 {
			shape = []int{shape[1], shape[0]}
		}
		params = append(params, optim.Param{Name: fmt.Sprintf("m%d", i), Shape: shape, Class: "matrix", FanIn: 0, FanOut: 1})
	}
	return params
}

// updates makes n updates with gradients that lie in the store.
func updates(b compute.Backend, o *optim.Optimizer, params []optim.Param, n int) error {
	store, rng := model.NewStore(), rand.New(rand.NewPCG(1, 1))
	for _, p := range params {
		for _, prefix := range []string{"/", "/gradient/"} {
			values := make([]float32, p.Size())
			for i := range values {
				values[i] = float32(0.02 * rng.NormFloat64())
			}
			v, err := store.CreateVariable(prefix+p.Name, tensors.FromFlatDataAndDimensions(values, p.Shape...))
			if err != nil {
				return err
			}
			v.SetTrainable(prefix == "/")
		}
	}
	exec, err := model.NewExec(b, store, func(scope *model.Scope, loss *Node) *Node {
		var grads []*Node
		for _, p := range params {
			store.GetVariable("/" + p.Name).NodeValue(loss)
			grads = append(grads, store.GetVariable("/gradient/"+p.Name).NodeValue(loss))
		}
		return o.Apply(scope, grads, loss).Skipped
	})
	if err != nil {
		return err
	}
	defer exec.Finalize()
	for range n {
		out, err := exec.Call1(float32(1))
		if err != nil {
			return err
		}
		if tensors.ToScalar[float32](out) != 0 {
			return fmt.Errorf("an update was skipped")
		}
		out.FinalizeAll()
	}
	steps, _ := o.Counters(store)
	if steps != n {
		return fmt.Errorf("%d updates, want %d", steps, n)
	}
	return nil
}

// TestNoHang: the settings with which Open starts the Go backend make progress
// on many independent products, whatever the optimizer.
func TestNoHang(t *testing.T) {
	rows, n, threads := 32, 3, []int{runtime.GOMAXPROCS(0)}
	if testing.Short() {
		rows, n = 16, 1
	}
	if *stress > 0 {
		rows, n, threads = 256, *stress, []int{1, 2, 4}
	}
	for _, threads := range threads {
		old := runtime.GOMAXPROCS(threads)
		t.Cleanup(func() { runtime.GOMAXPROCS(old) })
		b, _, err := backend.Open(context.Background(), "go", false, func(string) {})
		require.NoError(t, err)
		defer b.Finalize()
		for _, name := range bench.Optimizers() {
			t.Run(fmt.Sprintf("%s/%d", name, threads), func(t *testing.T) {
				params := hundredMatrices(rows)
				// A refresh of some subspace in every update.
				_, builder, err := bench.Optimizer(name, recipe.Settings{Rank: rows / 4, Every: 2}, 1e-3)
				require.NoError(t, err)
				o, err := optim.New(params, builder.Config())
				require.NoError(t, err)
				done := make(chan error, 1)
				go func() { done <- updates(b, o, params, n) }()
				select {
				case err := <-done:
					require.NoError(t, err)
				case <-time.After(time.Duration(n) * watchdog):
					stacks := make([]byte, 1<<16)
					t.Fatalf("no end after %v:\n%s", time.Duration(n)*watchdog, stacks[:runtime.Stack(stacks, true)])
				}
			})
		}
	}
}
