package gemv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: a lane that is left out of fold, or the next row's last columns in a tail,
// makes these tests fail.

// product is a problem with its float64 results.
type product struct {
	rows, cols, stride, n int
	w                     []float32
	short                 []uint16
	x                     []float32
}

func random(rows, cols, gap, n int, seed uint64) *product {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &product{rows: rows, cols: cols, stride: cols + gap, n: n}
	p.w, p.short = make([]float32, (rows-1)*p.stride+cols), make([]uint16, (rows-1)*p.stride+cols)
	p.x = make([]float32, n*cols)
	for i := range p.w {
		p.short[i] = uint16(math.Float32bits(float32(r.NormFloat64())) >> 16)
		p.w[i] = float32(r.NormFloat64())
	}
	for i := range p.x {
		p.x[i] = float32(r.NormFloat64())
	}
	return p
}

// want is row r of the weights times row i of x in float64, and a bound of its rounding
// in float32: a lane of k/16 terms and four sums of lanes, half a unit each.
func (p *product) want(w func(i int) float64, r, i int) (sum, bound float64) {
	size := 0.0
	for k := range p.cols {
		term := w(r*p.stride+k) * float64(p.x[i*p.cols+k])
		sum, size = sum+term, size+math.Abs(term)
	}
	return sum, size * 0x1p-24 * float64(p.cols/lanes+6)
}

func run[W Weight](p *path, w []W, q *product, from, to int) []float32 {
	y := make([]float32, q.n*(q.rows+1)) // rows of results one longer than needed
	for i := range y {
		y[i] = 99
	}
	multiply(p, y, q.rows+1, Matrix[W]{w, q.cols, q.stride}, q.x, q.n, from, to)
	return y
}

// TestMultiply: every path is within rounding of float64, has the bits of the portable
// one, writes nothing beside its rows, and does not read beyond a row's last column.
func TestMultiply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := random(rapid.IntRange(1, 30).Draw(t, "rows"), rapid.IntRange(1, 130).Draw(t, "cols"), rapid.IntRange(0, 3).Draw(t, "gap"),
			rapid.IntRange(1, 5).Draw(t, "n"), rapid.Uint64().Draw(t, "seed"))
		from := rapid.IntRange(0, q.rows).Draw(t, "from")
		to := rapid.IntRange(from, q.rows).Draw(t, "to")
		long, short := run(&portable, q.w, q, from, to), run(&portable, q.short, q, from, to)
		for i := range q.n {
			for r := range q.rows + 1 {
				at := i*(q.rows+1) + r
				if r < from || r >= to {
					require.Equal(t, []float32{99, 99}, []float32{long[at], short[at]})
					continue
				}
				sum, bound := q.want(func(i int) float64 { return float64(q.w[i]) }, r, i)
				require.InDelta(t, sum, float64(long[at]), bound)
				sum, bound = q.want(func(i int) float64 { return float64(math.Float32frombits(uint32(q.short[i]) << 16)) }, r, i)
				require.InDelta(t, sum, float64(short[at]), bound)
			}
		}
		for _, p := range paths() {
			require.Equal(t, long, run(p, q.w, q, from, to), p.name)
			require.Equal(t, short, run(p, q.short, q, from, to), p.name)
		}
	})
}

// TestOrder: the lanes are those of doc.go: numbers of which other orders have other sums.
func TestOrder(t *testing.T) {
	w, x := make([]float32, 32), make([]float32, 32)
	for i := range w {
		w[i], x[i] = 1, float32(math.Pow(7, float64(i%11)))*float32(1-i%2*2)+0.3
	}
	var s [lanes]float32
	for k := range w {
		s[k%lanes] += w[k] * x[k]
	}
	want := ((s[0] + s[8]) + (s[4] + s[12])) + ((s[2] + s[10]) + (s[6] + s[14])) +
		(((s[1] + s[9]) + (s[5] + s[13])) + ((s[3] + s[11]) + (s[7] + s[15])))
	for _, p := range paths() {
		y := make([]float32, 1)
		multiply(p, y, 1, Matrix[float32]{w, 32, 32}, x, 1, 0, 1)
		require.Equal(t, want, y[0], p.name)
	}
}

func TestAddScaled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		x, y := make([]float32, n), make([]float32, n+1)
		for i := range x {
			x[i], y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		want := append([]float32{}, y...)
		for i, v := range x {
			product := v * 0.7
			want[i] += product
		}
		for _, p := range paths() {
			got := append([]float32{}, y...)
			p.addScaled(&got[0], &x[0], n, 0.7)
			require.Equal(t, want, got, p.name)
		}
		AddScaled(y, x, 0.7)
		require.Equal(t, want, y)
		AddScaled(y, nil, 3)
		require.Equal(t, want, y)
	})
}

func TestBadSlices(t *testing.T) {
	m := Matrix[float32]{make([]float32, 12), 4, 4}
	ok := func() { Multiply(make([]float32, 6), 3, m, make([]float32, 8), 2, 0, 3) }
	ok()
	for name, f := range map[string]func(){
		"rows":    func() { Multiply(make([]float32, 8), 4, m, make([]float32, 8), 2, 0, 4) },
		"width":   func() { Multiply(make([]float32, 6), 2, m, make([]float32, 8), 2, 0, 3) },
		"values":  func() { Multiply(make([]float32, 6), 3, m, make([]float32, 7), 2, 0, 3) },
		"results": func() { Multiply(make([]float32, 5), 3, m, make([]float32, 8), 2, 0, 3) },
		"from":    func() { Multiply(make([]float32, 6), 3, m, make([]float32, 8), 2, -1, 3) },
		"stride":  func() { Multiply(make([]float32, 6), 3, Matrix[float32]{m.W, 4, 3}, make([]float32, 8), 2, 0, 3) },
		"columns": func() { Multiply(make([]float32, 6), 3, Matrix[float32]{m.W, 0, 3}, make([]float32, 8), 2, 0, 3) },
	} {
		require.Panics(t, f, name)
	}
	require.NotEmpty(t, Path())
}

func BenchmarkMultiply(b *testing.B) {
	for _, size := range []int{512, 2048} {
		for _, n := range []int{1, 8} {
			for _, p := range paths() {
				q := random(size, size, 0, n, 1)
				y := make([]float32, n*size)
				b.Run(fmt.Sprintf("float32/%d/rows=%d/%s", size, n, p.name), func(b *testing.B) {
					benchmark(b, p, y, q.w, q)
				})
				b.Run(fmt.Sprintf("bf16/%d/rows=%d/%s", size, n, p.name), func(b *testing.B) {
					benchmark(b, p, y, q.short, q)
				})
			}
		}
	}
}

func benchmark[W Weight](b *testing.B, p *path, y []float32, w []W, q *product) {
	m := Matrix[W]{w, q.cols, q.stride}
	b.ReportAllocs()
	for b.Loop() {
		multiply(p, y, q.rows, m, q.x, q.n, 0, q.rows)
	}
	b.ReportMetric(float64(b.N)*float64(q.n*q.rows*q.cols)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
}

// BenchmarkStream reads weights that fit no cache, once for all rows.
func BenchmarkStream(b *testing.B) {
	for _, n := range []int{1, 8} {
		q := random(1<<15, 512, 0, n, 1)
		y := make([]float32, n*q.rows)
		for _, p := range paths() {
			b.Run(fmt.Sprintf("float32/rows=%d/%s", n, p.name), func(b *testing.B) {
				b.SetBytes(int64(4 * len(q.w)))
				benchmark(b, p, y, q.w, q)
			})
			b.Run(fmt.Sprintf("bf16/rows=%d/%s", n, p.name), func(b *testing.B) {
				b.SetBytes(int64(2 * len(q.w)))
				benchmark(b, p, y, q.short, q)
			})
		}
	}
}
