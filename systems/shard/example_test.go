package shard_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/systems/shard"
)

func Example() {
	dir, err := os.MkdirTemp("", "shard")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	w, err := shard.Create(filepath.Join(dir, "a.tok"), shard.Header{VocabSize: 300, BOS: 0, EOS: 1})
	if err != nil {
		panic(err)
	}
	defer w.Abort()
	if err := w.Add([]int32{0, 104, 105, 1}, len("hi")); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}

	r, err := shard.Open(filepath.Join(dir, "a.tok"))
	if err != nil {
		panic(err)
	}
	defer r.Close()
	ids, err := r.Doc(0)
	fmt.Println(r.NumDocs(), r.NumTokens(), r.NumBytes(), ids, err)
	// Output: 1 4 2 [0 104 105 1] <nil>
}
