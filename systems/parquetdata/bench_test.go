package parquetdata_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/parquetdata"
)

// BenchmarkDocuments reads 32 MB of text in documents of 4 kB.
func BenchmarkDocuments(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"let ", "mut ", "fn ", "value ", "=> ", "Some(", ") ", "{\n", "}\n", "    ", "match ", "impl ", "&str ", "0x1f ", "; "}
	rows, total := make([]row, 8192), int64(0)
	for i := range rows {
		var text []byte
		for len(text) < 4000 {
			text = append(text, words[rng.IntN(len(words))]...)
		}
		rows[i] = row{int64(i), string(text)}
		total += int64(len(text))
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Zstd, &parquet.Gzip, &parquet.Lz4Raw, &parquet.Brotli} {
		b.Run(fmt.Sprint(codec), func(b *testing.B) {
			path := write(b, b.TempDir(), "a.parquet", rows, parquet.Compression(codec), parquet.MaxRowsPerRowGroup(1024))
			s, err := parquetdata.Open(filepath.Clean(path), parquetdata.Config{})
			require.NoError(b, err)
			info, err := os.Stat(path)
			require.NoError(b, err)
			b.SetBytes(total)
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range s.Documents(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != len(rows) {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(total)/float64(info.Size()), "compression")
		})
	}
}
