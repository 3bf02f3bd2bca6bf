package shard_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/shard"
)

// Mutation: the benchmarks assert that they touched every token; returning
// early from AppendTokens fails BenchmarkRead.

const (
	benchDocs = 2000
	benchLen  = 1000 // tokens of a document
)

func benchIDs(vocab int) []int32 {
	ids := make([]int32, benchLen)
	for i := range ids {
		ids[i] = int32(i * 7919 % vocab)
	}
	return ids
}

// BenchmarkWrite writes and syncs a shard of two million tokens.
func BenchmarkWrite(b *testing.B) {
	for _, vocab := range []int{50_000, 100_000} {
		h := shard.Header{VocabSize: vocab, BOS: 0, EOS: 1}
		b.Run(width(h), func(b *testing.B) {
			ids, dir, n := benchIDs(vocab), b.TempDir(), 0
			b.ReportAllocs()
			b.SetBytes(benchDocs * benchLen * bytesOf(h))
			for b.Loop() {
				w, err := shard.Create(filepath.Join(dir, fmt.Sprint(n, shard.Extension)), h)
				require.NoError(b, err)
				for range benchDocs {
					if err := w.Add(ids, 4*benchLen); err != nil {
						b.Fatal(err)
					}
				}
				require.NoError(b, w.Close())
				n++
			}
			b.ReportMetric(benchDocs*benchLen*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkRead reads every document of a shard that is in the page cache, in
// order and in a scattered one.
func BenchmarkRead(b *testing.B) {
	for _, vocab := range []int{50_000, 100_000} {
		h := shard.Header{VocabSize: vocab, BOS: 0, EOS: 1}
		path := filepath.Join(b.TempDir(), "a"+shard.Extension)
		w, err := shard.Create(path, h)
		require.NoError(b, err)
		for range benchDocs {
			require.NoError(b, w.Add(benchIDs(vocab), 4*benchLen))
		}
		require.NoError(b, w.Close())
		set, err := shard.OpenFiles(path)
		require.NoError(b, err)
		defer set.Close()
		for order, stride := range map[string]int{"in order": 1, "scattered": 1009} { // both visit all
			b.Run(width(h)+"/"+order, func(b *testing.B) {
				var dst []int32
				b.ReportAllocs()
				b.SetBytes(benchDocs * benchLen * bytesOf(h))
				for b.Loop() {
					total := 0
					for i := range benchDocs {
						if dst, err = set.AppendTokens(dst[:0], i*stride%benchDocs, 0, benchLen); err != nil {
							b.Fatal(err)
						}
						total += len(dst)
					}
					if total != benchDocs*benchLen {
						b.Fatal(total)
					}
				}
				b.ReportMetric(benchDocs*benchLen*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// BenchmarkVerify checks every checksum and id of a shard.
func BenchmarkVerify(b *testing.B) {
	h := shard.Header{VocabSize: 50_000, BOS: 0, EOS: 1}
	path := filepath.Join(b.TempDir(), "a"+shard.Extension)
	w, err := shard.Create(path, h)
	require.NoError(b, err)
	for range benchDocs {
		require.NoError(b, w.Add(benchIDs(h.VocabSize), 4*benchLen))
	}
	require.NoError(b, w.Close())
	r, err := shard.Open(path)
	require.NoError(b, err)
	defer r.Close()
	b.ReportAllocs()
	b.SetBytes(benchDocs * benchLen * bytesOf(h))
	for b.Loop() {
		if err := r.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}

func bytesOf(h shard.Header) int64 {
	if h.VocabSize <= 1<<16 {
		return 2
	}
	return 4
}

func width(h shard.Header) string { return fmt.Sprint(8*bytesOf(h), " bits") }
