// A mutation that these tests catch: in choose, take the largest loss; in
// result, subtract the loss of another seed.
package grid_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/trainer/internal/grid"
)

var protocol = grid.Protocol{
	Question: "which?", Set: []string{"train.steps=10"}, Rates: []float64{1, 2, 4}, Seeds: []int64{7, 8, 9}, Base: "a",
	Methods: []grid.Method{
		{Name: "a"},
		{Name: "b", Set: []string{"optim.rule=muon"}, Rates: []float64{8, 16, 32}, Seeds: []int64{7, 8}},
		{Name: "c", Set: []string{"train.steps=5"}, Follows: "b", Against: "b"},
	},
}

// loss has its least at 2 for a and at 32 for b; c is b and 0.5 more.
func loss(j grid.Job) float64 {
	l := float64(j.Seed)
	switch j.Method {
	case "a":
		return l + math.Abs(math.Log2(j.Rate/2))
	case "b":
		return l - 1 + math.Abs(math.Log2(j.Rate/32))
	}
	return l - 1 + math.Abs(math.Log2(j.Rate/32)) + 0.5
}

type recorder struct {
	mu   sync.Mutex
	jobs []grid.Job
}

func (r *recorder) train(_ context.Context, j grid.Job) (grid.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs = append(r.jobs, j)
	return grid.Outcome{Job: j, Loss: loss(j), Steps: 10}, nil
}

func TestRun(t *testing.T) {
	for _, workers := range []int{1, 3} {
		var r recorder
		dir := t.TempDir()
		runner := grid.Runner{Protocol: protocol, Dir: dir, Workers: workers, Train: r.train}
		got, err := runner.Run(t.Context())
		require.NoError(t, err)
		require.Len(t, r.jobs, 6+2+1+3, "two grids, two and one further seeds, three seeds that follow")

		a, b, c := got.Rows[0], got.Rows[1], got.Rows[2]
		require.Equal(t, grid.Choice{Rate: 2}, a.Choice)
		require.Equal(t, grid.Choice{Rate: 32, Edge: true}, b.Choice)
		require.Equal(t, 32.0, c.Rate, "c follows b")
		require.Empty(t, a.Against)
		require.Equal(t, "a", b.Against)
		require.Equal(t, "b", c.Against)
		require.InDelta(t, 8, a.Loss.Mean, 1e-12)
		require.InDelta(t, 4.302652729749462/math.Sqrt(3), a.Loss.Half, 1e-9, "t(0.975, 2)·1/√3 for 7, 8, 9")
		require.Equal(t, grid.Interval{Mean: -1, Half: 0, N: 2}, b.Diff)
		require.Equal(t, grid.Interval{Mean: 0.5, Half: 0, N: 2}, c.Diff, "b has two seeds")
		require.InDelta(t, 8.0, *a.Grid[0], 1e-12)
		require.Contains(t, got.Markdown(), "| b | 10 | 32 (end of the grid) |")
		require.Contains(t, got.Markdown(), "| +0.5000 ± 0.0000 | b |")

		again, err := runner.Run(t.Context())
		require.NoError(t, err)
		require.Len(t, r.jobs, 12, "nothing is run twice")
		require.Equal(t, got, again)
	}
}

// TestRunGoesOn: what was finished before an error or an interrupt is kept, and
// a changed method runs again.
func TestRunGoesOn(t *testing.T) {
	var r recorder
	dir := t.TempDir()
	left := 4
	broken := errors.New("broken")
	runner := grid.Runner{Protocol: protocol, Dir: dir, Train: func(ctx context.Context, j grid.Job) (grid.Outcome, error) {
		if left--; left < 0 {
			return grid.Outcome{}, broken
		}
		return r.train(ctx, j)
	}}
	_, err := runner.Run(t.Context())
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "b at 16, seed 7")
	require.Len(t, r.jobs, 4)

	ctx, cancel := context.WithCancel(t.Context())
	runner.Train = func(_ context.Context, j grid.Job) (grid.Outcome, error) {
		cancel()
		return r.train(ctx, j)
	}
	_, err = runner.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, r.jobs, 5)

	runner.Train = r.train
	_, err = runner.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, r.jobs, 12)

	runner.Protocol.Methods = append([]grid.Method{}, protocol.Methods...)
	runner.Protocol.Methods[2].Set = []string{"train.steps=6"}
	_, err = runner.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, r.jobs, 15, "only c runs again")

	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], []byte("{"), 0o644))
	_, err = runner.Run(t.Context())
	require.ErrorContains(t, err, "remove it to run it again")
}

// TestDiverged: a run that diverged is worse than any other, and is counted.
func TestDiverged(t *testing.T) {
	p := protocol
	p.Methods = p.Methods[:2]
	runner := grid.Runner{Protocol: p, Dir: t.TempDir(), Train: func(_ context.Context, j grid.Job) (grid.Outcome, error) {
		o := grid.Outcome{Job: j, Loss: loss(j), Steps: 10}
		o.Diverged = j.Method == "b" && (j.Rate == 32 || j.Seed == 8)
		return o, nil
	}}
	got, err := runner.Run(t.Context())
	require.NoError(t, err)
	b := got.Rows[1]
	require.Equal(t, 16.0, b.Rate)
	require.Nil(t, b.Grid[2])
	require.Equal(t, 1, b.Diverged)
	require.Equal(t, 1, b.Loss.N)
	require.Equal(t, grid.Interval{Mean: 0, N: 1}, b.Diff)
	require.Contains(t, got.Markdown(), "7.0000, 1 diverged | 1 | +0.0000 | a |")
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *grid.Protocol)
		want   string
	}{
		"question":      {func(p *grid.Protocol) { p.Question = "" }, "no question"},
		"no seeds":      {func(p *grid.Protocol) { p.Seeds = nil }, "0 seeds"},
		"base":          {func(p *grid.Protocol) { p.Base = "z" }, `base "z" is none of the methods`},
		"name":          {func(p *grid.Protocol) { p.Methods[1].Name = "a" }, `name "a" is empty or used before`},
		"follows none":  {func(p *grid.Protocol) { p.Methods[2].Follows = "z" }, `follows "z"`},
		"follows chain": {func(p *grid.Protocol) { p.Methods[1] = grid.Method{Name: "b", Follows: "c"} }, `"b" follows "c"`},
		"against":       {func(p *grid.Protocol) { p.Methods[2].Against = "z" }, `against "z"`},
		"grid size":     {func(p *grid.Protocol) { p.Methods[1].Rates = []float64{1, 2} }, "has 2 rates, want 3"},
		"order":         {func(p *grid.Protocol) { p.Rates = []float64{2, 1, 4} }, "ascending"},
		"first seed":    {func(p *grid.Protocol) { p.Methods[1].Seeds = []int64{8} }, "begins with seed 8, want 7"},
	} {
		t.Run(name, func(t *testing.T) {
			p := protocol
			p.Methods = append([]grid.Method{}, protocol.Methods...)
			require.NoError(t, p.Validate())
			c.change(&p)
			require.ErrorContains(t, p.Validate(), c.want)
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.toml")
	_, err := grid.Load(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	write := func(text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	const good = "question = \"?\"\nrates = [0.5]\nseeds = [1]\nbase = \"a\"\n[[methods]]\nname = \"a\"\n"
	write(good)
	p, err := grid.Load(path)
	require.NoError(t, err)
	require.Equal(t, []float64{0.5}, p.Rates)
	write(good + "sed = [2]\n")
	_, err = grid.Load(path)
	require.ErrorContains(t, err, "sed")
	write("question = \"?\"\n")
	_, err = grid.Load(path)
	require.ErrorContains(t, err, path)
}

// TestInterval: shifting all losses of a method shifts its mean and its
// difference and leaves the interval as wide.
func TestInterval(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		shift := rapid.Float64Range(-5, 5).Draw(rt, "shift")
		noise := rapid.SliceOfN(rapid.Float64Range(-1, 1), 3, 3).Draw(rt, "noise")
		run := func(shift float64) grid.Row {
			p := protocol
			p.Methods = []grid.Method{{Name: "a"}, {Name: "b", Set: []string{"x=y"}}}
			r := grid.Runner{Protocol: p, Dir: t.TempDir(), Train: func(_ context.Context, j grid.Job) (grid.Outcome, error) {
				o := grid.Outcome{Job: j, Loss: float64(j.Seed) + j.Rate}
				if j.Method == "b" {
					o.Loss += shift + noise[j.Seed-7]
				}
				return o, nil
			}}
			got, err := r.Run(context.Background())
			require.NoError(rt, err)
			return got.Rows[1]
		}
		at, there := run(0), run(shift)
		require.InDelta(rt, at.Diff.Mean+shift, there.Diff.Mean, 1e-9)
		require.InDelta(rt, at.Diff.Half, there.Diff.Half, 1e-9)
		require.InDelta(rt, at.Loss.Mean+shift, there.Loss.Mean, 1e-9)
	})
}
