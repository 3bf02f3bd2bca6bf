package parquetdata

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/nanochat-go/nanochat/systems/corpus"
)

// Mutation: removing the recover in guard lets FuzzRead find a panic of the
// library within seconds.

// FuzzRead reads whatever the bytes hold: documents or an error.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(files) == 0 {
		f.Fatal("no files in testdata", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 9000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := &file{name: "x.parquet", disk: memory{bytes.NewReader(b)}}
		if x.open(int64(len(b))) != nil {
			return
		}
		defer x.close()
		for _, column := range []string{"", "text", "body"} {
			x.documents(t.Context(), Config{Column: column}, func(_ corpus.Document, err error) bool { return err == nil })
		}
	})
}

type memory struct{ io.ReaderAt }

func (memory) Close() error { return nil }
