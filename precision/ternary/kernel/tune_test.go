package kernel

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mutation: returning the first plan for every shape, or leaving out the time of the
// rows one by one, makes these tests fail.

// invented is a path whose ways take known times for n rows and are counted by name.
func invented(t *testing.T, calls map[string]int, slowest time.Duration) *path {
	way := func(name string, least int) batch {
		return batch{name: name, run: func(y []float32, m *Matrix, x *Activations, from, to, first, n int, s *Scratch) {
			calls[name]++
			if n < least {
				time.Sleep(slowest)
			}
			for i := first; i < first+n; i++ {
				portable.single(y[i*m.rows:(i+1)*m.rows], m, x, i, from, to)
			}
		}}
	}
	p := &path{name: "invented", spread: true, quantize: quantize, batches: []batch{way("small", 3), way("never", 100), {name: "large"}}}
	p.single = func(y []float32, m *Matrix, x *Activations, i, from, to int) {
		calls[singly]++
		time.Sleep(slowest / 10)
		portable.single(y, m, x, i, from, to)
	}
	p.batches[2].allowed = func() bool { return false } // it has nothing to run
	t.Cleanup(func() {
		for s := range tuned.plans {
			if s.path == p {
				delete(tuned.plans, s)
			}
		}
	})
	return p
}

// multiplied returns which ways a product of n rows took.
func multiplied(t *testing.T, p *path, calls map[string]int, n int) map[string]int {
	clear(calls)
	problem := problem{rows: 40, cols: 70, batch: n, scales: []float32{1}}
	problem.random(1, "normal")
	m, err := New(problem.codes, problem.rows, problem.cols, problem.scales)
	require.NoError(t, err)
	x, err := newActivations(n, problem.cols, p)
	require.NoError(t, err)
	require.NoError(t, x.Quantize(problem.x))
	y := make([]float32, n*problem.rows)
	require.NoError(t, newPool(t, 1).Multiply(y, m, x))
	require.Equal(t, problem.want(), y)
	return calls
}

func TestPlan(t *testing.T) {
	calls := map[string]int{}
	p := invented(t, calls, 20*time.Millisecond)
	// Two rows one by one take 4 ms, a batch of two 20, and one of three almost nothing.
	multiplied(t, p, calls, 2)
	require.Equal(t, map[string]int{singly: 2}, multiplied(t, p, calls, 2))
	require.Equal(t, map[string]int{"small": 1}, multiplied(t, p, calls, 3))
	require.Equal(t, map[string]int{"small": 1, singly: 1}, multiplied(t, p, calls, 17))
	require.Equal(t, map[string]int{"small": 2}, multiplied(t, p, calls, 16+5))
	require.Equal(t, map[string]int{singly: 1}, multiplied(t, p, calls, 1))
}

// TestPlanShape: choices for one shape are not those of another.
func TestPlanShape(t *testing.T) {
	m := Matrix{rows: 65, cols: 70}
	require.Equal(t, shape{some, 128, 128}, m.shape(some))
	m = Matrix{rows: 1, cols: 1}
	require.Equal(t, shape{some, minPlan, minPlan}, m.shape(some))
	m = Matrix{rows: MaxRows, cols: MaxCols}
	require.Equal(t, shape{some, maxPlanRows, maxPlanCols}, m.shape(some))
}

var some = &path{name: "some"}

// TestTuningFile: choices that were saved are used and not measured.
func TestTuningFile(t *testing.T) {
	dir, calls := t.TempDir(), map[string]int{}
	require.NoError(t, LoadTuning(dir)) // there is none
	p := invented(t, calls, time.Millisecond)
	before := available
	available = append(append([]*path{}, before...), p)
	t.Cleanup(func() { available = before })

	s := shape{p, 64, 128} // what multiplied has
	always := plan{0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}
	tuned.plans[s] = &always
	require.NoError(t, SaveTuning(dir))
	delete(tuned.plans, s)
	require.NoError(t, LoadTuning(dir))
	require.Equal(t, &always, tuned.plans[s])
	require.Equal(t, map[string]int{"never": 1}, multiplied(t, p, calls, 4))

	name := tuningFile(dir)
	for _, text := range []string{
		`{"version": 2, "plans": [{"path": "invented", "rows": 64, "cols": 128, "methods": []}]}`,
		`{"version": 1, "plans": [{"path": "invented", "rows": 64, "cols": 128, "methods": ["small"]}]}`,
		`{"version": 1, "plans": [{"path": "other", "rows": 64, "cols": 128, "methods": []}]}`,
	} {
		delete(tuned.plans, s)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		require.NoError(t, LoadTuning(dir))
		require.NotContains(t, tuned.plans, s)
	}
	_, ok := p.read([]string{"small", "small", "small", "small", "small", "small", "small", "small",
		"small", "small", "small", "small", "small", "small", "small", "large"}) // which is not allowed
	require.False(t, ok)
	require.NoError(t, os.WriteFile(name, []byte(`{`), 0o600))
	require.ErrorContains(t, LoadTuning(dir), "kernel: loading choices")
	require.ErrorContains(t, SaveTuning(filepath.Join(dir, "missing")), "kernel: saving choices")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
