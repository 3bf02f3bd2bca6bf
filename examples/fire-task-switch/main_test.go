package main

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/fire"
)

// Mutation: leaving out an arm's intervention, giving the arms different batches,
// or a digit changed in the README's table, fails here.

// TestREADME: the README's tables are those of docs/results.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../docs/results/fire.json")
	if os.IsNotExist(err) {
		t.Skip("the module alone: no ../../docs/results")
	}
	require.NoError(t, err)
	var r results
	require.NoError(t, json.Unmarshal(text, &r))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Len(t, r.Rows, len(tasks)*len(arms))
	for _, task := range tasks {
		require.Contains(t, string(readme), "<!-- "+task.name+", from docs/results/fire.json -->\n\n"+r.table(task)+"\n")
	}
	for _, x := range r.Rows {
		require.GreaterOrEqual(t, x.N, 3, "%s %s", x.Task, x.Arm)
		require.Equal(t, x.Final, figureOf(x.Values), "%s %s", x.Task, x.Arm)
	}
}

// small is a task that takes a moment.
func small(t *testing.T) *task {
	image := *tasks[0]
	image.network, image.firstSteps, image.steps, image.seeds, image.rates = perceptron(16), 30, 8, 2, []float64{1e-3, 1e-2}
	return &image
}

func newTestBench(t *testing.T, task *task) *bench {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	require.NoError(t, err)
	b, err := newBench(backend, task, 7)
	require.NoError(t, err)
	return b
}

// TestArms: what each arm does to the network between the phases, and that equal
// arms end with equal figures.
func TestArms(t *testing.T) {
	b := newTestBench(t, small(t))
	by := map[string]record{}
	for _, a := range arms {
		r, err := b.run(a, 7, 1e-3)
		require.NoError(t, err, a.name)
		by[a.name] = r
		require.Zero(t, r.Warm.SFE, a.name)
		require.Positive(t, r.End.SFE, a.name)
	}
	vanilla := by["vanilla"]
	require.Equal(t, vanilla.Warm, vanilla.Switched)
	again, err := b.run(arms[0], 7, 1e-3)
	require.NoError(t, err)
	require.Equal(t, vanilla.End, again.End, "the same batches")

	store, err := b.task.network.storeOf(b.initial)
	require.NoError(t, err)
	fresh, err := b.measure(store, b.warm[false])
	require.NoError(t, err)
	require.Equal(t, fresh, by["reset"].Switched)
	// 0.8 of the way to the initial values: 0.64 of the squared distance.
	require.InEpsilon(t, 0.64*fresh.SFE, by["shrink-and-perturb"].Switched.SFE, 1e-3)
	require.Less(t, by["fire-converged"].Switched.DfI, 1e-4)
	require.Less(t, by["fire-paper"].Switched.DfI, 0.2)
	require.Greater(t, by["fire-paper"].Switched.DfI, by["fire-converged"].Switched.DfI)
	require.NotEqual(t, vanilla.Warm, by["l2-init"].Warm, "the penalty acts in the first phase")
	require.Equal(t, by["l2-init"].Warm, by["l2-init"].Switched)
	require.Equal(t, vanilla.Warm, by["redo"].Warm)
}

// TestReDo: dormant units begin anew, after which there are fewer, and the
// function is nearly what it was.
func TestReDo(t *testing.T) {
	b := newTestBench(t, small(t))
	warm, err := b.warmed(false)
	require.NoError(t, err)
	biases := slices.Clone(warm["hidden_0/biases"])
	for i := range 4 { // these units never fire
		biases[i] = -100
	}
	dead := maps.Clone(warm)
	dead["hidden_0/biases"] = biases
	store, err := b.task.network.storeOf(dead)
	require.NoError(t, err)
	before, err := b.measure(store, warm)
	require.NoError(t, err)
	require.NoError(t, b.redo(store, nil))
	after, err := b.measure(store, warm)
	require.NoError(t, err)
	require.GreaterOrEqual(t, before.Dormant, 4.0/16/3)
	require.Less(t, after.Dormant, before.Dormant)
	require.InDelta(t, before.Loss, after.Loss, 0.05)
}

// TestTransformer: letters do not see those that follow, and a few steps learn.
func TestTransformer(t *testing.T) {
	language := *tasks[1]
	language.network, language.firstSteps = transformer(16, 2), 12
	b := newTestBench(t, &language)
	store, err := b.task.network.storeOf(b.initial)
	require.NoError(t, err)
	x, y := b.data.heldOut[0]()
	nats, _, hidden, err := b.activity(store, x, y)
	require.NoError(t, err)
	require.InDelta(t, math.Log(vocabulary), nats, 1)
	require.Len(t, hidden, 2)
	require.Len(t, hidden[0], 64)
	warm, err := b.warmed(false)
	require.NoError(t, err)
	store, err = b.task.network.storeOf(warm)
	require.NoError(t, err)
	learned, err := b.measure(store, warm)
	require.NoError(t, err)
	require.Less(t, learned.Losses[0], nats-0.3)
	require.Len(t, learned.Losses, 2)
}

// TestResume: runs that are there are not repeated, and give the same results.
func TestResume(t *testing.T) {
	dir := archive(t.TempDir())
	fill := func() (r results, log string) {
		var b strings.Builder
		require.NoError(t, r.fill(&b, dir, []*task{small(t)}))
		return r, b.String()
	}
	first, log := fill()
	files, err := filepath.Glob(filepath.Join(string(dir), "*.json"))
	require.NoError(t, err)
	require.Len(t, files, len(arms)*(2+2)) // two rates of seed 0, and two seeds
	require.Len(t, first.Rows, len(arms))
	seconds := func() (all []float64) {
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			var r record
			require.NoError(t, json.Unmarshal(text, &r))
			all = append(all, r.Seconds)
		}
		return all
	}
	took := seconds()
	require.NoError(t, os.Remove(files[3]))
	second, logAgain := fill()
	require.Equal(t, first, second)
	require.Equal(t, log, logAgain)
	now := seconds()
	require.Equal(t, slices.Delete(took, 3, 4), slices.Delete(now, 3, 4), "only the missing run was made")
	for _, x := range first.Rows {
		require.Len(t, x.Grid, 2)
		require.Contains(t, []float64{1e-3, 1e-2}, x.Rate)
		require.Equal(t, slices.Max(x.Grid), x.Grid[slices.Index([]float64{1e-3, 1e-2}, x.Rate)], "the rate with the highest accuracy")
	}
	require.Zero(t, first.Rows[0].Gain.Mean, "vanilla over vanilla")

	_, err = chosen("images")
	require.ErrorContains(t, err, `no task "images"`)
}

// TestFigure: the interval of 1, 2, 3 by a table of t: 4.303·1/√3.
func TestFigure(t *testing.T) {
	f := figureOf([]float64{1, 2, 3})
	require.InDelta(t, 2, f.Mean, 1e-12)
	require.InDelta(t, 4.303/math.Sqrt(3), f.Half, 1e-3)
}

func TestData(t *testing.T) {
	a, err := imageData(1)
	require.NoError(t, err)
	x, y := a.second()()
	again, _ := a.second()()
	require.Equal(t, []int{128, side * side}, x.Shape().Dimensions)
	require.Equal(t, []int{128, 1}, y.Shape().Dimensions)
	require.Equal(t, x.Value(), again.Value(), "every arm gets the same batches")
	few, _ := a.first()()
	require.NotEqual(t, x.Value(), few.Value())

	require.InDelta(t, 3, distance(4, 3, [4]float64{0, 0, 8, 0}), 1e-12)
	require.InDelta(t, 5, distance(-3, 4, [4]float64{0, 0, 8, 0}), 1e-12)
	require.InDelta(t, 5, distance(3, 4, [4]float64{0, 0, 0, 0}), 1e-12)

	ids, err := letters([]byte("a ~\n"))
	require.NoError(t, err)
	require.Equal(t, []int32{'a' - ' ', 0, '~' - ' ', vocabulary - 1}, ids)
	_, err = letters([]byte("é"))
	require.ErrorContains(t, err, "byte 0xc3 at 0")
	in, out := windows(slices.Collect(func(yield func(int32) bool) {
		for i := range int32(200) {
			if !yield(i) {
				return
			}
		}
	}), []int{3})
	require.Equal(t, int32(3), in[0])
	require.Equal(t, int32(4), out[0])
	require.Equal(t, int32(3+context), out[context-1])
}

// TestArithmetic reads the lines back.
func TestArithmetic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	nested := 0
	for range 200 {
		text, value := bracketed(rng, 2)
		fields := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ").Replace(text))
		got, rest := evaluate(t, fields)
		require.Empty(t, rest, text)
		require.Equal(t, value, got, text)
		nested += strings.Count(text, "(")
	}
	require.Greater(t, nested, 200)
}

// evaluate reads one expression from words and returns the words after it.
func evaluate(t *testing.T, words []string) (int, []string) {
	if words[0] != "(" {
		require.Len(t, words[0], 1)
		return int(words[0][0] - '0'), words[1:]
	}
	a, rest := evaluate(t, words[2:])
	b, rest := evaluate(t, rest)
	switch words[1] {
	case "+":
		return (a + b) % 10, rest
	case "-":
		return (a + 10 - b) % 10, rest
	case "max":
		return max(a, b), rest
	}
	t.Fatalf("operator %q", words[1])
	return 0, nil
}

// TestHiddenLayers: the layers that ReDo gets fit together.
func TestHiddenLayers(t *testing.T) {
	for _, task := range tasks {
		values := task.network.draw(1)
		for _, layer := range task.network.hidden {
			units := layer.In.Shape[1]
			require.Equal(t, units, layer.Out.Shape[0])
			require.Equal(t, []int{units}, layer.Bias.Shape)
			require.Len(t, values[layer.In.Name], layer.In.Size())
		}
		m, err := fire.Measure(values[task.network.matrices()[0].Name], task.network.matrices()[0])
		require.NoError(t, err)
		require.Positive(t, m.DfI)
	}
}
