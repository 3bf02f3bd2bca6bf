package optim_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/foam"
	"github.com/nanochat-go/nanochat/optim/galore"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/sgd"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// recipe is how the matrices of the battery are updated, with a rate that
// brings it through every problem.
type recipe struct {
	rule  update.Rule
	space update.Space
	kept  update.Storage
	lr    float64
	limit float64 // of growth
}

// battery is every recipe; a new optimizer is one line.
var battery = map[string]recipe{
	"adamw":                  {adamw.New(), nil, nil, 0.05, 0},
	"adamw, bfloat16":        {adamw.New(), nil, storage.BFloat16(), 0.05, 0},
	"8-bit adamw":            {adamw.New(), nil, storage.Dynamic8(64), 0.05, 0},
	"sgd":                    {sgd.New(), nil, nil, 0.02, 0},
	"lion":                   {lion.New(), nil, nil, 0.02, 0},
	"lion, bfloat16":         {lion.New(), nil, storage.BFloat16(), 0.02, 0},
	"8-bit lion":             {lion.New(), nil, storage.Linear8(64), 0.02, 0},
	"dynamic 8-bit lion":     {lion.New(), nil, storage.Dynamic8(64), 0.02, 0},
	"muon":                   {muon.New(), nil, nil, 0.2, 0},
	"muon, bfloat16":         {muon.New(), nil, storage.BFloat16(), 0.2, 0},
	"8-bit muon":             {muon.New(), nil, storage.Linear8(64), 0.2, 0},
	"dynamic 8-bit muon":     {muon.New(), nil, storage.Dynamic8(64), 0.2, 0},
	"normuon":                {muon.New().WithNeuronNorm(0.95), nil, nil, 0.2, 0},
	"galore 8-bit normuon":   {muon.New().WithNeuronNorm(0.95), galore.New(4).WithEvery(5).WithScale(1), storage.Linear8(64), 0.2, 0},
	"galore adamw":           {adamw.New(), galore.New(4).WithEvery(5).WithScale(1), nil, 0.05, 0},
	"galore adamw, keep":     {adamw.New(), galore.New(4).WithEvery(5).WithScale(1).WithMoments(galore.Keep), nil, 0.05, 0},
	"galore muon":            {muon.New(), galore.New(4).WithEvery(5).WithScale(1), nil, 0.2, 0},
	"galore 8-bit muon":      {muon.New(), galore.New(4).WithEvery(5).WithScale(1).WithProjectorStorage(storage.BFloat16()), storage.Linear8(64), 0.2, 0},
	"galore lion":            {lion.New(), galore.New(4).WithEvery(5).WithScale(1), nil, 0.02, 0},
	"q-galore 8-bit adamw":   {adamw.New(), galore.Q(4).WithEvery(5).WithScale(1), storage.Dynamic8(64), 0.05, 0},
	"random adamw":           {adamw.New(), galore.Random(4).WithEvery(5).WithScale(1), nil, 0.05, 0},
	"fira adamw":             {adamw.New(), galore.Fira(4).WithEvery(5), nil, 0.05, 1.01},
	"apollo adamw":           {adamw.New(), galore.Apollo(4).WithEvery(5), nil, 0.05, 1.01},
	"apollo-mini adamw":      {adamw.New(), galore.ApolloMini().WithEvery(5), nil, 0.05, 1.01},
	"foam-2 adamw":           {adamw.New(), foam.New(2), nil, 0.1, 0},
	"foam-2 adamw, equation": {adamw.New(), foam.New(2).WithSecond(foam.SquareOfMean), nil, 0.1, 0},
	"foam-1 muon":            {muon.New(), foam.New(1), nil, 0.4, 0},
	"foam-1 8-bit adamw":     {adamw.New(), foam.New(1), storage.Dynamic8(16), 0.1, 0},
}

func (r recipe) config() optim.Config {
	return optim.Config{Clip: 10, Groups: []optim.Group{
		{Class: []string{"matrix"}, Rule: r.rule, LR: r.lr, Space: r.space, Storage: r.kept, StoreFrom: 1, GrowthLimit: r.limit},
		{Rule: adamw.New(), LR: 0.05},
	}}
}

// problem is a loss of one matrix w [8, 6] with its gradient.
type problem func(w []float64) (loss float64, gradient []float64)

const batteryRows, batteryCols = 8, 6

func problems() map[string]problem {
	rng := rand.New(rand.NewPCG(4, 4))
	random := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		return v
	}
	target, inputs := random(batteryRows*batteryCols), random(32*batteryRows)
	left, right := random(batteryRows*2), random(2*batteryCols)
	teacher := make([]float64, batteryRows*batteryCols)
	for i := range teacher {
		for k := range 2 {
			teacher[i] += left[i/batteryCols*2+k] * right[k*batteryCols+i%batteryCols]
		}
	}
	return map[string]problem{
		"quadratic":       weighted(target, func(int) float64 { return 1 }),
		"ill-conditioned": weighted(target, func(i int) float64 { return math.Pow(10, -2*float64(i)/47) }),
		"rosenbrock":      rosenbrock,
		"least squares":   leastSquares(inputs, target),
		"rank-2 teacher":  leastSquares(inputs, teacher),
	}
}

// weighted is Σ a_i·(w_i - target_i)²/2.
func weighted(target []float64, a func(i int) float64) problem {
	return func(w []float64) (sum float64, g []float64) {
		for i := range w {
			d := w[i] - target[i]
			sum += a(i) * d * d / 2
			g = append(g, a(i)*d)
		}
		return sum, g
	}
}

// rosenbrock is Σ (1-x)² + 10·(y-x²)² over pairs of neighbours.
func rosenbrock(w []float64) (sum float64, g []float64) {
	for i := 0; i < len(w); i += 2 {
		x, y := w[i], w[i+1]
		sum += (1-x)*(1-x) + 10*(y-x*x)*(y-x*x)
		g = append(g, -2*(1-x)-40*x*(y-x*x), 20*(y-x*x))
	}
	return sum, g
}

// leastSquares is ‖inputs·(w - target)‖²/(2·rows).
func leastSquares(inputs, target []float64) problem {
	rows := len(inputs) / batteryRows
	return func(w []float64) (sum float64, g []float64) {
		g = make([]float64, len(w))
		for r := range rows {
			x := inputs[r*batteryRows : (r+1)*batteryRows]
			for c := range batteryCols {
				d := 0.0
				for k := range batteryRows {
					d += x[k] * (w[k*batteryCols+c] - target[k*batteryCols+c])
				}
				sum += d * d / 2 / float64(rows)
				for k := range batteryRows {
					g[k*batteryCols+c] += d * x[k] / float64(rows)
				}
			}
		}
		return sum, g
	}
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

var batteryParams = []optim.Param{{Name: "w", Shape: []int{batteryRows, batteryCols}, Class: "matrix", FanIn: 0, FanOut: 1}}

// goBackendOnly skips a test that compiles several graphs for each recipe, which
// takes XLA minutes.
func goBackendOnly(t *testing.T) {
	if optimtest.OnXLA() {
		t.Skip("every recipe compiles for seconds on XLA; the Go backend runs them all")
	}
}

// TestBatteryLearns: in three hundred steps every recipe leaves less than a
// tenth of every problem.
func TestBatteryLearns(t *testing.T) {
	const steps = 300
	for name, r := range battery {
		sim := optimtest.New(t, batteryParams, r.config(), make([]float32, batteryRows*batteryCols))
		sim.Opt.InitState(sim.Store)
		start := sim.Snapshot()
		for what, p := range problems() {
			optimtest.Restore(sim.Store, start)
			first, _ := p(make([]float64, batteryRows*batteryCols))
			for i := range steps {
				require.NoError(t, sim.Opt.SetMultiplier(sim.Store, 1-float64(i)/steps))
				_, g := p(optimtest.Widen(sim.Value("/w")))
				sim.Step(t, 0, narrow(g))
			}
			last, _ := p(optimtest.Widen(sim.Value("/w")))
			require.Less(t, last, first/10, "%s on %s", name, what)
		}
	}
}

// TestBatteryOddGradients: zeros, subnormal and huge numbers keep everything
// finite, types do not change, and Clear removes all state.
func TestBatteryOddGradients(t *testing.T) {
	n := batteryRows * batteryCols
	for name, r := range battery {
		sim := optimtest.New(t, batteryParams, r.config(), make([]float32, n))
		sim.Opt.InitState(sim.Store)
		types := map[string]string{}
		for v := range sim.Store.IterVariables() {
			types[v.Path()] = v.Shape().String()
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for _, scale := range []float64{0, 1, 1e-42, 1e17, 0, 1e-20, 1} {
			sim.Step(t, 0, normal(rng, n, scale))
		}
		for v := range sim.Store.IterVariables() {
			require.Equal(t, types[v.Path()], v.Shape().String(), name)
			if v.Path() == "/w" {
				for _, x := range sim.Value("/w") {
					require.False(t, math.IsNaN(float64(x)) || math.IsInf(float64(x), 0), name)
				}
			}
		}
		require.Len(t, types, len(sim.Opt.Specs())+1, name)
		require.NoError(t, sim.Opt.Clear(sim.Store.RootScope()))
		require.Zero(t, optim.StateBytes(sim.Store), name)
	}
}

// TestBatteryAccumulates: the mean of micro-batches makes the step of the batch.
func TestBatteryAccumulates(t *testing.T) {
	goBackendOnly(t)
	for name, r := range battery {
		weights := func(micro bool) []float32 {
			store := model.NewStore()
			require.NoError(t, store.SetRNGStateFromSeed(1))
			opt, err := optim.New(nil, optim.Config{Groups: r.config().Groups})
			require.NoError(t, err)
			trainer := train.NewTrainer(optimtest.Backend, store, func(scope *model.Scope, x *Node) *Node {
				return layers.Dense(scope.In("w"), x, false, batteryCols)
			}, loss.MeanSquaredError, opt, nil, nil)
			n := 16
			if micro {
				n = 8
				require.NoError(t, trainer.AccumulateGradients(2))
			}
			rng := rand.New(rand.NewPCG(3, 3))
			for range 4 {
				x, y := normal(rng, 16*batteryRows, 1), normal(rng, 16*batteryCols, 1)
				for at := 0; at < 16; at += n {
					_, err := trainer.TrainStep(train.Batch{
						Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x[at*batteryRows:(at+n)*batteryRows], n, batteryRows)},
						Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y[at*batteryCols:(at+n)*batteryCols], n, batteryCols)}})
					require.NoError(t, err)
				}
			}
			return tensors.MustCopyFlatData[float32](store.GetVariable("/w/dense/weights").MustValue())
		}
		require.InDeltaSlice(t, weights(false), weights(true), 2e-2*r.lr, name)
	}
}

// TestBatteryMemorises: a tiny language model learns which of 64 tokens follows
// which.
func TestBatteryMemorises(t *testing.T) {
	goBackendOnly(t)
	const tokens = 64
	rng := rand.New(rand.NewPCG(8, 8))
	var in, out []int32
	for i, j := range rng.Perm(tokens) {
		in, out = append(in, int32(i)), append(out, int32(j))
	}
	for name, r := range battery {
		store := model.NewStore()
		require.NoError(t, store.SetRNGStateFromSeed(1))
		opt, err := optim.New(nil, r.config())
		require.NoError(t, err)
		trainer := train.NewTrainer(optimtest.Backend, store, func(scope *model.Scope, x *Node) *Node {
			h := layers.Embedding(scope.In("embed"), x, dtypes.Float32, tokens, 16)
			h = Tanh(layers.Dense(scope.In("hidden"), h, true, 48))
			return layers.Dense(scope.In("head"), h, true, tokens)
		}, loss.SparseCategoricalCrossEntropyLogits, opt, nil, nil)
		batch := train.Batch{Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(in, tokens, 1)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(out, tokens, 1)}}
		var last float32
		for i := range 200 {
			require.NoError(t, opt.SetMultiplier(store, 1-float64(i)/200))
			last = trainStep(t, trainer, batch)
		}
		require.Less(t, last, float32(0.1), name)
	}
}
