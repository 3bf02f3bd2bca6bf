package minato_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/minato"
	"github.com/nanochat-go/nanochat/systems/shard"
)

// Mutation: the benchmark asserts that every position but padding is scored or
// a repeated BOS; delivering the same batch without filling it fails it.

// BenchmarkNext takes batches as fast as one goroutine prepares them.
func BenchmarkNext(b *testing.B) {
	dir := b.TempDir()
	w, err := shard.CreateSet(dir, "train", shard.Header{VocabSize: 4096, BOS: bos, EOS: eos}, 0)
	require.NoError(b, err)
	defer w.Abort()
	for i := range 4000 {
		ids := []int32{bos}
		for j := range 50 + i*i%2000 {
			ids = append(ids, int32(2+(i+j)%4000))
		}
		require.NoError(b, w.Add(append(ids, eos), 4*len(ids)))
	}
	require.NoError(b, w.Close())
	set, err := shard.OpenSet(dir)
	require.NoError(b, err)
	defer set.Close()
	for _, length := range []int{256, 2048} {
		const batch = 8
		b.Run(fmt.Sprintf("%dx%d", batch, length), func(b *testing.B) {
			l, err := minato.New(set, minato.Config{Batch: batch, Length: length, Seed: 1})
			require.NoError(b, err)
			defer l.Close()
			_, err = l.Next(b.Context()) // plans the first block
			require.NoError(b, err)
			positions := int64(batch * length)
			b.ReportAllocs()
			b.SetBytes(positions * 2) // as stored
			for b.Loop() {
				got, err := l.Next(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if got.Scored < batch*length/2 {
					b.Fatal(got.Scored)
				}
			}
			b.ReportMetric(float64(positions)*float64(b.N)/b.Elapsed().Seconds(), "positions/s")
		})
	}
}
