package shard_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nanochat-go/nanochat/systems/shard"
)

// Mutation: taking the bounds on docs and tokens out of decode lets the fuzzer
// find a header whose sizes overflow and whose documents lie outside the file.

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	for i, vocab := range []int{300, 70000} {
		path := filepath.Join(dir, "seed.tok")
		write(f, path, shard.Header{VocabSize: vocab, BOS: 0, EOS: 1}, sample(vocab, 3+i))
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		os.Remove(path)
	}
	f.Add([]byte("\x89TOKS\r\n\x1a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append([]byte(nil), data...)
		shard.FixChecksums(data)
		r, err := shard.OpenBytes(data)
		if err != nil {
			return
		}
		var tokens, bytes int64
		for i := range r.NumDocs() {
			ids, err := r.Doc(i)
			if err != nil {
				t.Fatalf("document %d of a file that opened: %v", i, err)
			}
			tokens += int64(len(ids))
			bytes += int64(r.DocBytes(i))
		}
		if tokens != r.NumTokens() || bytes != r.NumBytes() {
			t.Fatalf("documents hold %d tokens, %d bytes; the header %d, %d", tokens, bytes, r.NumTokens(), r.NumBytes())
		}
		_ = r.Verify()
	})
}
