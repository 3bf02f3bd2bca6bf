package evalrust_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/rustgen"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

func benchmark(b *testing.B) (*evalrust.Verifier, func() evalrust.Source) {
	v, err := evalrust.NewVerifier(evalrust.Options{NoCache: true, Workers: 1})
	var none *sandbox.UnavailableError
	if errors.As(err, &none) {
		b.Skip(err)
	}
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, v.Close()) })
	g, err := rustgen.New(rustgen.Config{Seed: 1, Level: 3})
	require.NoError(b, err)
	n := uint64(0)
	return v, func() evalrust.Source {
		n++
		return evalrust.Source{Text: string(g.At(n).Text)}
	}
}

// BenchmarkCheck is one source to metadata, alone, on one worker.
func BenchmarkCheck(b *testing.B) {
	v, next := benchmark(b)
	for b.Loop() {
		got, err := v.Check(b.Context(), next())
		require.NoError(b, err)
		require.True(b, got.Passed())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sources/s")
}

// BenchmarkCheckAll is sources to metadata, 48 a batch, on one worker.
func BenchmarkCheckAll(b *testing.B) {
	v, next := benchmark(b)
	const batch = 48
	for b.Loop() {
		sources := make([]evalrust.Source, batch)
		for i := range sources {
			sources[i] = next()
		}
		_, err := v.CheckAll(b.Context(), sources)
		require.NoError(b, err)
	}
	b.ReportMetric(batch*float64(b.N)/b.Elapsed().Seconds(), "sources/s")
}

// BenchmarkExecute is a small program, linked and run, on one worker.
func BenchmarkExecute(b *testing.B) {
	v, _ := benchmark(b)
	n := 0
	for b.Loop() {
		n++
		got, err := v.Check(b.Context(), evalrust.Source{Text: fmt.Sprintf("fn main() { println!(\"%d\"); }", n), Mode: evalrust.Execute})
		require.NoError(b, err)
		require.True(b, got.Passed())
	}
}
