package mtp

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/estimate"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// Mutation: none; benchmarks only report.

// trainStep compiles a step of gradient descent and returns a function that
// makes one on random tokens.
func trainStep(b *testing.B, c lm.Config, batch int) func() time.Duration {
	m, err := lm.New(c)
	require.NoError(b, err)
	store := model.NewStore()
	require.NoError(b, m.InitStore(store, 1))
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) *Node {
		of := []lm.Objective{lm.NextToken{}}
		if c.MTP.Heads > 0 {
			of = append(of, Objective{Weights: Const(in[0].Graph(), []float32{0.5, 0.25}[:c.MTP.Heads])})
		}
		l := m.Losses(of, new(quant.Operands), scope, in[0], in[1], in[2], in[3])
		loss := Div(l.Objective, l.Count)
		grads := scope.BuildTrainableVariablesGradientsGraph(loss)
		i := 0
		for v := range scope.IterVariables() {
			if v.Trainable && v.InUseByGraph(loss.Graph()) {
				v.SetNodeValue(Sub(v.NodeValue(loss.Graph()), MulScalar(grads[i], 1e-3)))
				i++
			}
		}
		return loss
	})
	require.NoError(b, err)
	rng := rand.New(rand.NewPCG(1, 1))
	ids := make([]int32, batch*c.Context)
	ones, pos := make([]int32, len(ids)), make([]int32, len(ids))
	for i := range ids {
		ids[i], ones[i], pos[i] = rng.Int32N(int32(c.VocabSize)), 1, int32(i%c.Context)
	}
	tensor := func(flat []int32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(flat, batch, c.Context) }
	return func() time.Duration {
		start := time.Now()
		loss, err := exec.Call1(tensor(ids), tensor(ids), tensor(pos), tensor(ones))
		require.NoError(b, err)
		loss.MustFinalizeAll()
		return time.Since(start)
	}
}

// BenchmarkTrainStep compares steps with and without heads, in turn: the ratio of
// the medians beside that of the operations. BENCH_SIZE="LAYERS DIM" sizes
// the model.
func BenchmarkTrainStep(b *testing.B) {
	layers, dim := 4, 128
	_, err := fmt.Sscan(os.Getenv("BENCH_SIZE"), &layers, &dim)
	if os.Getenv("BENCH_SIZE") != "" {
		require.NoError(b, err)
	}
	base := lm.Config{VocabSize: 4096, NumLayers: layers, Dim: dim, NumHeads: dim / 64, Context: 128}
	const batch = 4
	variants := []lm.MTP{{}, {Heads: 1, Kind: lm.Parallel}, {Heads: 2, Kind: lm.Parallel}, {Heads: 2, Kind: lm.Sequential}}
	var steps []func() time.Duration
	for _, v := range variants {
		c := base
		c.MTP = v
		steps = append(steps, trainStep(b, c, batch))
		steps[len(steps)-1]()
	}
	times := make([][]time.Duration, len(variants))
	for b.Loop() {
		for i, step := range steps {
			times[i] = append(times[i], step())
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return times[i][len(times[i])/2].Seconds()
	}
	plain := median(0)
	b.ReportMetric(1e3*plain, "plain-ms")
	for i, v := range variants[1:] {
		c := base
		c.MTP = v
		name := fmt.Sprint(v.Heads, "-", v.Kind)
		b.ReportMetric(median(i+1)/plain, name+"-ratio")
		b.ReportMetric(estimate.TrainFLOPs(c, c.Context)/estimate.TrainFLOPs(base, base.Context), name+"-flops-ratio")
	}
}
