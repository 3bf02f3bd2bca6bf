package storage_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

func draw(r *rapid.T) []float32 {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
	x := make([]float32, rapid.SampledFrom([]int{1, 2, 15, 16, 17, 64, 100}).Draw(r, "n"))
	for i := range x {
		x[i] = float32(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(9)-4)))
		if rng.IntN(8) == 0 {
			x[i] = 0
		}
	}
	return x
}

// TestLinear8Properties: the error of a block is at most half a step, its
// largest value has code ±127, codes of what comes back are the same, and a
// change of sign changes the codes' signs.
func TestLinear8Properties(t *testing.T) {
	const block = 16
	rapid.Check(t, func(r *rapid.T) {
		x := draw(r)
		got := roundTrip(r, storage.Linear8(block), false, x)
		largest := make([]float64, len(got.scales))
		for i, v := range x {
			b := i / block
			largest[b] = max(largest[b], math.Abs(got.codes[i]))
			require.LessOrEqual(r, math.Abs(float64(v)-got.values[i]), got.scales[b]*127/254*(1+1e-6))
		}
		for b, scale := range got.scales {
			if scale > 0 {
				require.Equal(r, 127.0, largest[b])
			}
		}
		back, negative := make([]float32, len(x)), make([]float32, len(x))
		for i, v := range got.values {
			back[i], negative[i] = float32(v), -x[i]
		}
		require.Equal(r, got.codes, roundTrip(r, storage.Linear8(block), false, back).codes)
		mirrored := roundTrip(r, storage.Linear8(block), false, negative).codes
		for i, code := range mirrored {
			require.Equal(r, -code, got.codes[i])
		}
	})
}

// TestDynamic8Properties: every code is a nearest one, zeros stay zeros, and
// what comes back is stored exactly.
func TestDynamic8Properties(t *testing.T) {
	const block = 16
	rapid.Check(t, func(r *rapid.T) {
		x, nonNegative := draw(r), rapid.Bool().Draw(r, "not negative")
		for i := range x {
			if nonNegative {
				x[i] = float32(math.Abs(float64(x[i])))
			}
		}
		got, book := roundTrip(r, storage.Dynamic8(block), nonNegative, x), storage.CodeBook(!nonNegative)
		back := make([]float32, len(x))
		for i, v := range x {
			scale := got.scales[i/block]
			if v == 0 {
				require.Zero(r, got.values[i])
			}
			best := math.Inf(1)
			for _, code := range book {
				best = min(best, math.Abs(float64(code)*scale-float64(v)))
			}
			require.InDelta(r, best, math.Abs(got.values[i]-float64(v)), 1e-6*scale)
			back[i] = float32(got.values[i])
		}
		// -0.993 has no mirror image in the book: a block whose largest value is
		// negative comes back with another scale.
		if nonNegative {
			require.Equal(r, got.values, roundTrip(r, storage.Dynamic8(block), nonNegative, back).values)
		}
	})
}

// TestBFloat16IsUnbiased: over many steps the mean of what is kept is what was
// stored, every kept value is one of its two neighbours, and exact ones stay.
func TestBFloat16IsUnbiased(t *testing.T) {
	const n = 1 << 16
	spec := update.Spec{Name: "x", Shape: []int{n}, DType: dtypes.Float32}
	s := storage.BFloat16()
	for _, v := range []float32{1 + 1.0/1024, -3.3, 1e-20, 1.5, 0} {
		got := optimtest.Eval(t, func(in []*Node) *Node {
			random := Mul(Iota(in[0].Graph(), shapes.Make(dtypes.Uint32, n), 0), ConstAs(Iota(in[0].Graph(), shapes.Make(dtypes.Uint32, n), 0), uint32(0x9E3779B9)))
			noise := func(shape shapes.Shape) *Node { return BitwiseShiftRightLogical(random, ConstAs(random, uint32(16))) }
			return s.Load(spec, s.Store(spec, in[0], noise))
		}, tensors.FromFlatDataAndDimensions(fill(n, v), n))
		low := math.Float32frombits(math.Float32bits(v) &^ 0xFFFF)
		high := math.Float32frombits(math.Float32bits(low) + 0x10000)
		mean := 0.0
		for _, x := range got {
			require.Contains(t, []float32{low, high}, x)
			mean += float64(x) / n
		}
		if low == v {
			high = low
		}
		require.InDelta(t, float64(v), mean, 0.01*math.Abs(float64(high-low))+1e-30)
	}
}

func fill(n int, v float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = v
	}
	return x
}

func TestRefusals(t *testing.T) {
	second := update.Spec{Name: "second", Shape: []int{8}, DType: dtypes.Float32, NonNegative: true}
	require.ErrorContains(t, storage.Linear8(256).Check(second), "second is divided by")
	require.NoError(t, storage.Dynamic8(256).Check(second))
	require.ErrorContains(t, storage.Linear8(1).Check(update.Spec{DType: dtypes.Float32}), "blocks of 1")
	require.ErrorContains(t, storage.Dynamic8(256).Check(update.Spec{Name: "count", DType: dtypes.Int32}), "count is Int32")
	require.Equal(t, []string{"float32", "bfloat16", "linear8/256", "dynamic8/64"},
		[]string{storage.Float32().Name(), storage.BFloat16().Name(), storage.Linear8(256).Name(), storage.Dynamic8(64).Name()})

	_, err := optim.New([]optim.Param{{Name: "w", Shape: []int{64, 64}}}, optim.Config{Groups: []optim.Group{
		{Rule: adamw.New(), LR: 1, Storage: storage.Linear8(256)}}})
	require.ErrorContains(t, err, "w: storage: state second is divided by")
}

// state is one group with a rule and a storage for a parameter of 96 values.
func group(rule update.Rule, s update.Storage, from int) optim.Config {
	return optim.Config{Groups: []optim.Group{{Rule: rule, LR: 0.05, Storage: s, StoreFrom: from}}}
}

var params = []optim.Param{{Name: "w", Shape: []int{12, 8}, FanIn: 0, FanOut: 1}}

func gradients(step int) []float32 {
	rng := rand.New(rand.NewPCG(uint64(step), 3))
	g := make([]float32, 96)
	for i := range g {
		g[i] = float32(rng.NormFloat64())
	}
	return g
}

var recipes = map[string]struct {
	rule  update.Rule
	kept  update.Storage
	bytes int64 // of the state of w
}{
	"muon":          {muon.New(), storage.Float32(), 4 * 96},
	"muon bfloat16": {muon.New(), storage.BFloat16(), 2 * 96},
	"8-bit muon":    {muon.New(), storage.Linear8(64), 96 + 4*2},
	"8-bit lion":    {lion.New(), storage.Linear8(16), 96 + 4*6},
	"dynamic lion":  {lion.New(), storage.Dynamic8(32), 96 + 4*3},
	"8-bit adamw":   {adamw.New(), storage.Dynamic8(64), 2 * (96 + 4*2)},
	"adamw bf16":    {adamw.New(), storage.BFloat16(), 2 * 2 * 96},
}

// TestRecipes: the plan of every recipe is what is live, a bad gradient leaves
// no trace, a resumed run has the bits of one that was not interrupted, and ten
// steps end near the float32 recipe's weights but not at them.
func TestRecipes(t *testing.T) {
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			start := gradients(100)
			sim := optimtest.New(t, params, group(recipe.rule, recipe.kept, 1), start)
			plain := optimtest.New(t, params, group(recipe.rule, nil, 1), start)
			for i := range 5 {
				sim.Step(t, 0, gradients(i))
				plain.Step(t, 0, gradients(i))
			}
			base := plain.Opt.PlanStateBytes() - int64(4*96)*int64(len(recipe.rule.State(params[0])))
			require.Equal(t, recipe.bytes, sim.Opt.PlanStateBytes()-base)
			require.Equal(t, sim.Opt.PlanStateBytes(), optim.StateBytes(sim.Store))

			saved := sim.Snapshot()
			bad := gradients(5)
			bad[17] = float32(math.NaN())
			_, skipped := sim.Step(t, 0, bad)
			require.True(t, skipped)
			after := sim.Snapshot()
			delete(saved, "/optim/skipped")
			for path, bytes := range saved {
				require.Equal(t, bytes, after[path], path)
			}

			resumed := optimtest.New(t, params, group(recipe.rule, recipe.kept, 1), start)
			resumed.Opt.InitState(resumed.Store)
			optimtest.Restore(resumed.Store, after)
			for i := 5; i < 10; i++ {
				sim.Step(t, 0, gradients(i))
				resumed.Step(t, 0, gradients(i))
				plain.Step(t, 0, gradients(i))
			}
			require.Equal(t, sim.Snapshot(), resumed.Snapshot())
			if recipe.kept.Name() == "float32" {
				require.Equal(t, plain.Value("/w"), sim.Value("/w"))
				return
			}
			if recipe.rule.Name() != "lion" { // whose signs no rounding changed here
				require.NotEqual(t, plain.Value("/w"), sim.Value("/w"))
			}
			require.Less(t, distance(plain.Value("/w"), sim.Value("/w")), 0.1*distance(plain.Value("/w"), start))
		})
	}
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Pow(float64(a[i]-b[i]), 2)
	}
	return math.Sqrt(sum)
}

// TestWithoutMomentumNothingIsLost: with β = 0 the moment is the gradient, what
// is kept of it is never read, and 8-bit Muon is Muon, bit for bit.
func TestWithoutMomentumNothingIsLost(t *testing.T) {
	rule := muon.New().WithMomentum(0)
	eight := optimtest.New(t, params, group(rule, storage.Linear8(64), 1), gradients(100))
	plain := optimtest.New(t, params, group(rule, nil, 1), gradients(100))
	for i := range 4 {
		eight.Step(t, 0, gradients(i))
		plain.Step(t, 0, gradients(i))
		require.Equal(t, plain.Value("/w"), eight.Value("/w"))
	}
}

// TestStoreFrom: smaller parameters keep float32, and the table says so.
func TestStoreFrom(t *testing.T) {
	for from, want := range map[int]string{1: "linear8/64", 96: "linear8/64", 97: "float32", 0: "float32"} {
		o, err := optim.New(params, group(muon.New(), storage.Linear8(64), from))
		require.NoError(t, err)
		require.Contains(t, o.Table(), " "+want+" ", "from %d", from)
	}
	_, err := optim.New(params, group(muon.New(), storage.Linear8(64), -1))
	require.ErrorContains(t, err, "StoreFrom -1")
}
