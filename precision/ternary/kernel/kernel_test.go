package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/ternary"
)

// each runs a test on every path of this processor and build.
func each(t *testing.T, f func(t *testing.T, p *path)) {
	for _, p := range paths() {
		t.Run(p.name, func(t *testing.T) { f(t, p) })
	}
}

// problem is a product with its operands in plain form.
type problem struct {
	rows, cols, batch int
	codes             []int8
	scales, x         []float32
}

// random fills a problem: codes and activations of one of several kinds, since sums
// of random signs stay far from the limits of 16 bits.
func (p *problem) random(seed uint64, kind string) {
	r := rand.New(rand.NewPCG(seed, 0))
	p.codes, p.x = make([]int8, p.rows*p.cols), make([]float32, p.batch*p.cols)
	for i := range p.codes {
		p.codes[i] = int8(r.IntN(3)) - 1
	}
	for i := range p.x {
		p.x[i] = float32(r.NormFloat64())
	}
	switch kind {
	case "high":
		fill(p.codes, 1)
		fill(p.x, 3)
	case "low":
		fill(p.codes, 1)
		fill(p.x, -3)
	case "opposite":
		fill(p.codes, -1)
		fill(p.x, 3)
	case "zero":
		fill(p.x, 0)
	case "spike":
		p.x[r.IntN(len(p.x))] = 1e30
	}
	for i := range p.scales {
		p.scales[i] = r.Float32() + 0.1
	}
}

var kinds = []string{"normal", "high", "low", "opposite", "zero", "spike"}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

// want computes the product in 64-bit integers.
func (p *problem) want() []float32 {
	y, q := make([]float32, p.batch*p.rows), make([]int8, p.cols)
	for i := range p.batch {
		scale := ternary.QuantizeActivations(p.x[i*p.cols:(i+1)*p.cols], q)
		for r := range p.rows {
			sum := int64(0)
			for k, c := range p.codes[r*p.cols : (r+1)*p.cols] {
				sum += int64(c) * int64(q[k])
			}
			y[i*p.rows+r] = float32(int32(sum)) * scale * p.scales[min(r, len(p.scales)-1)]
		}
	}
	return y
}

func (p *problem) run(t require.TestingT, path *path, pool *Pool) []float32 {
	m, err := New(p.codes, p.rows, p.cols, p.scales)
	require.NoError(t, err)
	x, err := newActivations(p.batch, p.cols, path)
	require.NoError(t, err)
	fill(flat(x.codes), 99) // what an earlier row left must not count
	for i := range p.batch {
		clear(flat(x.row(i))[p.cols:])
	}
	require.NoError(t, x.Quantize(p.x))
	y := make([]float32, p.batch*p.rows)
	fill(y, float32(math.NaN()))
	require.NoError(t, pool.Multiply(y, m, x))
	return y
}

func newPool(t testing.TB, threads int) *Pool {
	p, err := NewPool(threads)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// TestMultiply: every path equals the sums in 64 bits, bit for bit, on any shape.
func TestMultiply(t *testing.T) {
	each(t, func(t *testing.T, path *path) {
		pool := newPool(t, 1)
		rapid.Check(t, func(t *rapid.T) {
			p := problem{
				rows:  rapid.IntRange(1, 14).Draw(t, "rows"),
				cols:  rapid.OneOf(rapid.IntRange(1, 600), rapid.IntRange(2000, 2100), rapid.IntRange(4090, 4100)).Draw(t, "cols"),
				batch: rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(63, 67)).Draw(t, "batch"),
			}
			p.scales = make([]float32, rapid.SampledFrom([]int{1, p.rows}).Draw(t, "scales"))
			p.random(rapid.Uint64().Draw(t, "seed"), rapid.SampledFrom(kinds).Draw(t, "kind"))
			require.Equal(t, p.want(), p.run(t, path, pool))
		})
	})
}

// TestLongRows: sums at the limits of 16 bits, in every segment.
func TestLongRows(t *testing.T) {
	each(t, func(t *testing.T, path *path) {
		pool := newPool(t, 2)
		for _, cols := range []int{2048, 2049, 4096, 6144, 8191, 16384, 70000} {
			for _, batch := range []int{1, 2, 9} {
				for _, kind := range kinds {
					p := problem{rows: 5, cols: cols, batch: batch, scales: []float32{0.5}}
					p.random(uint64(cols), kind)
					require.Equal(t, p.want(), p.run(t, path, pool), "%d columns, %d rows, %s", cols, batch, kind)
				}
			}
		}
	})
}

// TestThreads: how many threads there are changes nothing.
func TestThreads(t *testing.T) {
	for _, batch := range []int{1, 17} {
		p := problem{rows: 1030, cols: 1000, batch: batch, scales: []float32{1}}
		p.random(1, "normal")
		want := p.want()
		each(t, func(t *testing.T, path *path) {
			for _, threads := range []int{1, 2, 3, 8} {
				require.Equal(t, want, p.run(t, path, newPool(t, threads)), threads)
			}
		})
	}
}

// TestQuantize: the codes and scales are those of ternary.QuantizeActivations.
func TestQuantize(t *testing.T) {
	value := rapid.OneOf(rapid.Float32Range(-10, 10), rapid.Float32(), rapid.SampledFrom([]float32{
		0, 1, -1, 0.5, 127, -127, 63.5, -63.5, 1e-6, -1e-45, math.MaxFloat32, -math.MaxFloat32,
		float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}))
	each(t, func(t *testing.T, path *path) {
		rapid.Check(t, func(t *rapid.T) {
			x := rapid.SliceOfN(value, 1, 200).Draw(t, "x")
			if rapid.Bool().Draw(t, "ties") { // whole and half numbers, with 127 the largest
				x[0] = 127
				for i := range x[1:] {
					x[i+1] = float32(rapid.IntRange(-254, 254).Draw(t, "tie")) / 2
				}
			}
			checkQuantize(t, path, x)
		})
	})
}

func checkQuantize(t require.TestingT, path *path, x []float32) {
	want := make([]int8, len(x))
	scale := ternary.QuantizeActivations(x, want)
	a, err := newActivations(2, len(x), path)
	require.NoError(t, err)
	require.NoError(t, a.Quantize(append(append([]float32{}, x...), x...)))
	require.Equal(t, 2, a.Rows())
	sum := int32(0)
	for _, c := range want {
		sum += int32(c)
		require.GreaterOrEqual(t, c, int8(-127)) // what the bounds of 16 bits rest on
	}
	for i := range 2 {
		codes, s := a.Row(i)
		require.Equal(t, want, codes)
		require.Equal(t, math.Float32bits(scale), math.Float32bits(s))
		require.Equal(t, sum, a.sums[i])
	}
}

// TestShortBatch: rows of an earlier, longer batch do not count.
func TestShortBatch(t *testing.T) {
	each(t, func(t *testing.T, path *path) {
		m, err := New([]int8{1, -1, 0, 1, 1, 1}, 2, 3, []float32{2, 3})
		require.NoError(t, err)
		require.Equal(t, []int{2, 3}, []int{m.Rows(), m.Cols()})
		require.Equal(t, int64(4*128+4*32), m.Bytes())
		x, err := newActivations(3, 3, path)
		require.NoError(t, err)
		require.Equal(t, 3, x.Cols())
		pool := newPool(t, 1)
		require.Equal(t, 1, pool.Threads())
		require.NoError(t, x.Quantize([]float32{127, 64, 0, 1, 2, 3, 9, 9, 9}))
		require.NoError(t, pool.Multiply(make([]float32, 6), m, x))
		require.NoError(t, x.Quantize([]float32{127, 64, 0}))
		y := make([]float32, 2)
		require.NoError(t, pool.Multiply(y, m, x))
		require.Equal(t, []float32{2 * 63, 3 * 191}, y)
		require.Error(t, pool.Multiply(make([]float32, 6), m, x))
	})
}

// TestMultiplyRows: ranges of rows, each by a goroutine of the caller's, give the product.
func TestMultiplyRows(t *testing.T) {
	for _, batch := range []int{1, 5, 33} {
		p := problem{rows: 300, cols: 130, batch: batch, scales: []float32{2}}
		p.random(uint64(batch), "normal")
		want := p.want()
		m, err := New(p.codes, p.rows, p.cols, p.scales)
		require.NoError(t, err)
		each(t, func(t *testing.T, path *path) {
			x, err := newActivations(40, p.cols, path)
			require.NoError(t, err)
			require.NoError(t, x.Resize(batch))
			var wg sync.WaitGroup
			for i := range batch {
				wg.Go(func() {
					if err := x.QuantizeRow(i, p.x[i*p.cols:(i+1)*p.cols]); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			y := make([]float32, batch*p.rows)
			fill(y, float32(math.NaN()))
			for _, r := range [][2]int{{0, 64}, {64, 64}, {64, 256}, {256, 300}} {
				wg.Go(func() {
					var s Scratch
					if err := m.MultiplyRows(y, x, r[0], r[1], &s); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			require.Equal(t, want, y)
		})
	}
}

func TestBadRows(t *testing.T) {
	m, err := New(make([]int8, 70*3), 70, 3, []float32{1})
	require.NoError(t, err)
	x, err := NewActivations(2, 3)
	require.NoError(t, err)
	require.Error(t, x.Resize(0))
	require.Error(t, x.Resize(3))
	require.NoError(t, x.Resize(1))
	require.Error(t, x.QuantizeRow(1, make([]float32, 3)))
	require.Error(t, x.QuantizeRow(-1, make([]float32, 3)))
	require.Error(t, x.QuantizeRow(0, make([]float32, 2)))
	require.NoError(t, x.QuantizeRow(0, make([]float32, 3)))
	y, s := make([]float32, 70), &Scratch{}
	for _, r := range [][2]int{{-32, 32}, {1, 32}, {0, 33}, {64, 32}, {0, 96}, {64, 71}} {
		require.ErrorContains(t, m.MultiplyRows(y, x, r[0], r[1], s), "rows", r)
	}
	require.Error(t, m.MultiplyRows(y[1:], x, 0, 70, s))
	require.NoError(t, m.MultiplyRows(y, x, 0, 70, s))
}

// TestCollections: batches and garbage collections, which interrupt threads, do not
// disturb each other: kernels hold registers that Go does not know.
func TestCollections(t *testing.T) {
	p := problem{rows: 256, cols: 1024, batch: 40, scales: []float32{1}}
	p.random(1, "normal")
	want := p.want()
	each(t, func(t *testing.T, path *path) {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					runtime.GC()
				}
			}
		})
		pool := newPool(t, 2)
		for range 20 {
			require.Equal(t, want, p.run(t, path, pool))
		}
		close(stop)
		wg.Wait()
	})
}

func TestMatrixQuantize(t *testing.T) {
	p := problem{rows: 7, cols: 300, batch: 3}
	p.scales = make([]float32, 1)
	p.random(3, "normal")
	w := make([]float32, len(p.codes))
	for i := range w {
		w[i] = p.x[i%len(p.x)] * float32(i%5)
	}
	p.codes, p.scales[0] = ternary.AbsMean(w)
	m, err := Quantize(w, p.rows, p.cols)
	require.NoError(t, err)
	x, err := NewActivations(p.batch, p.cols)
	require.NoError(t, err)
	require.NoError(t, x.Quantize(p.x))
	y := make([]float32, p.batch*p.rows)
	require.NoError(t, newPool(t, 1).Multiply(y, m, x))
	require.Equal(t, p.want(), y)
}

func TestBadShapes(t *testing.T) {
	one := []float32{1}
	for _, c := range []struct {
		codes, rows, cols int
		scales            []float32
	}{
		{0, 0, 0, one}, {0, 0, 4, one}, {4, -1, -4, one}, {4, 4, 0, one}, {4, 1, 3, one}, {4, 2, 2, nil}, {6, 2, 3, make([]float32, 3)},
		{4, 1 << 62, 4, one}, {4, 1 << 32, 1 << 32, one}, {4, math.MinInt, math.MinInt, one}, {1, 1, 1, []float32{float32(math.NaN())}},
		{1, 1, 1, []float32{float32(math.Inf(-1))}},
	} {
		_, err := New(make([]int8, c.codes), c.rows, c.cols, c.scales)
		require.Error(t, err, "%+v", c)
	}
	_, err := New([]int8{1, 2}, 2, 1, one)
	require.ErrorContains(t, err, "row 1")
	_, err = Quantize([]float32{1, 2}, 1, 1)
	require.Error(t, err)
	for _, s := range [][2]int{{0, 1}, {1, 0}, {-1, 5}, {1 << 40, 1 << 40}, {1 << 30, 1}, {1, MaxCols + 1}, {math.MaxInt, math.MaxInt}} {
		_, err := NewActivations(s[0], s[1])
		require.Error(t, err, s)
	}
	for _, n := range []int{0, -1, 1025} {
		_, err := NewPool(n)
		require.Error(t, err)
	}
	x, err := NewActivations(2, 3)
	require.NoError(t, err)
	for _, n := range []int{0, 2, 4, 9} {
		require.Error(t, x.Quantize(make([]float32, n)), n)
	}
	require.NoError(t, x.Quantize(make([]float32, 3)))
	m, err := New([]int8{1, 0}, 1, 2, one)
	require.NoError(t, err)
	require.ErrorContains(t, newPool(t, 1).Multiply(make([]float32, 1), m, x), "columns")
}

func TestPoolClose(t *testing.T) {
	p, err := NewPool(4)
	require.NoError(t, err)
	p.Close()
	p.Close()
	m, err := New([]int8{1, 0}, 1, 2, []float32{1})
	require.NoError(t, err)
	x, err := NewActivations(1, 2)
	require.NoError(t, err)
	require.NoError(t, x.Quantize([]float32{1, 2}))
	require.ErrorIs(t, p.Multiply(make([]float32, 1), m, x), ErrClosed)
}

// TestConcurrentSafe: several callers share a pool.
func TestConcurrentSafe(t *testing.T) {
	pool := newPool(t, 3)
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			p := problem{rows: 600, cols: 700, batch: 1 + c, scales: []float32{1}}
			p.random(uint64(c), "normal")
			want := p.want()
			for range 5 {
				if y := p.run(t, paths()[0], pool); fmt.Sprint(y) != fmt.Sprint(want) {
					t.Error("a product differs")
				}
			}
		})
	}
	wg.Wait()
}

func TestNoAllocations(t *testing.T) {
	each(t, func(t *testing.T, path *path) {
		for _, batch := range []int{1, 20} {
			p := problem{rows: 1024, cols: 1024, batch: batch, scales: []float32{1}}
			p.random(1, "normal")
			m, err := New(p.codes, p.rows, p.cols, p.scales)
			require.NoError(t, err)
			x, err := newActivations(batch, p.cols, path)
			require.NoError(t, err)
			y, pool := make([]float32, batch*p.rows), newPool(t, 2)
			require.Zero(t, testing.AllocsPerRun(10, func() {
				_ = x.Quantize(p.x)
				_ = pool.Multiply(y, m, x)
			}))
		}
	})
}

// FuzzNew: no shape makes a constructor panic, and what it takes multiplies rightly.
func FuzzNew(f *testing.F) {
	f.Add([]byte{0, 1, 2, 2, 1, 0}, 2, 3, 1)
	f.Add([]byte{1}, -1, -1, 0)
	f.Fuzz(func(t *testing.T, b []byte, rows, cols, scales int) {
		p := problem{rows: rows, cols: cols, batch: 2, codes: make([]int8, len(b)), scales: make([]float32, min(max(scales, 0), 100))}
		for i, c := range b {
			p.codes[i] = int8(c) - 1
		}
		fill(p.scales, 1)
		if _, err := New(p.codes, rows, cols, p.scales); err != nil {
			return
		}
		p.x = make([]float32, 2*cols)
		for i := range p.x {
			p.x[i] = float32(i%7) - 3
		}
		pool := newPool(t, 1)
		for _, path := range paths() {
			require.Equal(t, p.want(), p.run(t, path, pool))
		}
	})
}
