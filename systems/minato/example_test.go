package minato_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/systems/minato"
	"github.com/nanochat-go/nanochat/systems/shard"
)

func Example() {
	dir, err := os.MkdirTemp("", "minato")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	w, err := shard.Create(filepath.Join(dir, "a.tok"), shard.Header{VocabSize: 100, BOS: 0, EOS: 1})
	if err != nil {
		panic(err)
	}
	for i := range int32(8) {
		if err := w.Add([]int32{0, 10 + i, 20 + i, 30 + i, 1}, 3); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}

	set, err := shard.OpenSet(dir)
	if err != nil {
		panic(err)
	}
	defer set.Close()
	cfg := minato.Config{Batch: 2, Length: 8, Seed: 1}
	loader, err := minato.New(set, cfg)
	if err != nil {
		panic(err)
	}
	defer loader.Close()
	ctx := context.Background()
	if _, err := loader.Next(ctx); err != nil {
		panic(err)
	}
	state, err := loader.State()
	if err != nil {
		panic(err)
	}
	want, err := loader.Next(ctx)
	if err != nil {
		panic(err)
	}

	// Another process goes on where the state was taken.
	again, err := minato.New(set, cfg)
	if err != nil {
		panic(err)
	}
	defer again.Close()
	if err := again.Restore(state); err != nil {
		panic(err)
	}
	got, err := again.Next(ctx)
	fmt.Println(got.Scored, fmt.Sprint(got.Tokens) == fmt.Sprint(want.Tokens), err)
	// Output: 16 true <nil>
}
