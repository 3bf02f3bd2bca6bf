package kernel

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchmark reports 2·rows·columns·batch operations a call as GOPS.
func benchmark(b *testing.B, rows, cols, batch, threads int, path *path) {
	p := problem{rows: rows, cols: cols, batch: batch, scales: []float32{1}}
	p.random(1, "normal")
	m, err := New(p.codes, rows, cols, p.scales)
	require.NoError(b, err)
	x, err := newActivations(batch, cols, path)
	require.NoError(b, err)
	require.NoError(b, x.Quantize(p.x))
	y, pool := make([]float32, batch*rows), newPool(b, threads)
	b.ReportAllocs()
	for b.Loop() {
		_ = pool.Multiply(y, m, x)
	}
	b.ReportMetric(2*float64(rows)*float64(cols)*float64(batch)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOPS")
}

func BenchmarkMultiply(b *testing.B) {
	for _, s := range [][2]int{{768, 768}, {2048, 768}, {768, 2048}, {2048, 2048}, {4096, 4096}} {
		for _, batch := range []int{1, 64} {
			for _, threads := range []int{1, runtime.NumCPU()} {
				for _, p := range paths() {
					b.Run(fmt.Sprintf("%dx%d/rows=%d/threads=%d/%s", s[0], s[1], batch, threads, p.name), func(b *testing.B) {
						benchmark(b, s[0], s[1], batch, threads, p)
					})
				}
			}
		}
	}
}

func BenchmarkQuantize(b *testing.B) {
	for _, cols := range []int{768, 4096} {
		for _, p := range paths() {
			b.Run(fmt.Sprintf("%d/%s", cols, p.name), func(b *testing.B) {
				a, err := newActivations(1, cols, p)
				require.NoError(b, err)
				x := make([]float32, cols)
				for i := range x {
					x[i] = float32(i%37) - 18
				}
				b.SetBytes(int64(4 * cols))
				b.ReportAllocs()
				for b.Loop() {
					_ = a.Quantize(x)
				}
			})
		}
	}
}

// BenchmarkStream multiplies with one weight after the other, as a model does: they do not
// stay in a cache.
func BenchmarkStream(b *testing.B) {
	const rows, cols, count = 2048, 768, 54
	p := problem{rows: rows, cols: cols, batch: 1, scales: []float32{1}}
	p.random(1, "normal")
	var all []*Matrix
	for range count {
		m, err := New(p.codes, rows, cols, p.scales)
		require.NoError(b, err)
		all = append(all, m)
	}
	for _, threads := range []int{1, runtime.NumCPU()} {
		for _, path := range paths() {
			b.Run(fmt.Sprintf("threads=%d/%s", threads, path.name), func(b *testing.B) {
				x, err := newActivations(1, cols, path)
				require.NoError(b, err)
				require.NoError(b, x.Quantize(p.x))
				y, pool := make([]float32, rows), newPool(b, threads)
				b.SetBytes(count * all[0].Bytes())
				for b.Loop() {
					for _, m := range all {
						_ = pool.Multiply(y, m, x)
					}
				}
				b.ReportMetric(2*rows*cols*count*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOPS")
			})
		}
	}
}
