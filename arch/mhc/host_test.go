package mhc

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/internal/ref"
)

// Mutation: a transposed R in HostMaps.Write, or rows divided before columns, makes
// TestHostEqualsReference fail.

// TestHostEqualsReference: maps and mixing in plain Go against float64.
func TestHostEqualsReference(t *testing.T) {
	const dim = 7
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []Config{{Streams: 2}, {Streams: 3}, {Streams: 4}, {Streams: 5, Mixing: Sinkhorn, Iterations: 3},
		{Streams: 3, Mixing: SinkhornV4, Iterations: 1}, {Streams: 4, Mixing: SinkhornV4, Iterations: 4}, {Streams: 4, Mixing: Free}} {
		c = c.WithDefaults()
		n := c.Streams
		random := func(size int) ([]float32, []float64) {
			v, w := make([]float32, size), make([]float64, size)
			for i := range v {
				v[i] = float32(rng.NormFloat64())
				w[i] = float64(v[i])
			}
			return v, w
		}
		shape := c.PhiShape(dim)
		phi, phi64 := random(shape[0] * shape[1])
		bias, bias64 := random(c.Width())
		alpha, alpha64 := random(3)
		x, x64 := random(n * dim)
		y, y64 := random(dim)
		streams := ref.Streams{N: n, Mixing: c.Mixing, Iterations: c.Iterations}
		token := matrix(x64, dim)
		want := streams.Compute(token, phi64, bias64, alpha64)

		var m []float32
		for at := 0; at < len(x); at += len(x) / c.Vectors() {
			v := x[at : at+len(x)/c.Vectors()]
			for k := range shape[0] {
				sum := float32(0)
				for i, f := range phi[k*len(v) : (k+1)*len(v)] {
					sum += f * v[i]
				}
				m = append(m, sum*InverseNorm(v))
			}
		}
		require.Len(t, m, c.Products())
		h := c.NewHostMaps()
		h.Compute(m, bias, alpha)
		require.InDeltaSlice(t, want.Pre, h.Pre, 1e-5)
		require.InDeltaSlice(t, want.Post, h.Post, 1e-5)
		require.InDeltaSlice(t, flat(want.Res), h.Res, 1e-5)
		u := make([]float32, dim)
		h.Read(u, x)
		require.InDeltaSlice(t, want.Read(token), u, 1e-5)
		h.Write(x, y)
		require.InDeltaSlice(t, flat(want.Write(token, y64)), x, 1e-4)
	}
}

// BenchmarkHost is what the maps of a token cost beside φ·v.
func BenchmarkHost(b *testing.B) {
	const dim = 512
	for _, mixing := range []string{Birkhoff, Sinkhorn, Free} {
		b.Run(mixing, func(b *testing.B) {
			c := Config{Streams: 4, Mixing: mixing}.WithDefaults()
			h := c.NewHostMaps()
			m, bias, alpha := make([]float32, c.Products()), c.InitBias(0), []float32{InitAlpha, InitAlpha, InitAlpha}
			x, y := make([]float32, 4*dim), make([]float32, dim)
			b.ReportAllocs()
			for b.Loop() {
				h.Compute(m, bias, alpha)
				h.Read(y, x)
				h.Write(x, y)
			}
		})
	}
}
