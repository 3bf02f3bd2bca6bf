package data

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/shard"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Whole encodes every document of the sources with a given tokenizer into dir,
// as Val of the result, for measuring a model on them. It has no training part.
func Whole(ctx context.Context, c config.Config, tok *bpe.Tokenizer, dir string) (*Prepared, error) {
	p, err := pipeline(c.Data, c.Seed)
	if err != nil {
		return nil, err
	}
	e := newEncoder(tok, func(*corpus.Document) bool { return true })
	w, err := shard.CreateSet(dir, "val", e.header(), 0)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	e.val = w
	for d, err := range p.Documents(ctx) {
		if err != nil {
			return nil, err
		}
		if err := e.add(&d); err != nil {
			return nil, err
		}
	}
	if err := e.flush(); err != nil {
		return nil, err
	}
	if w.NumDocs() == 0 {
		return nil, fmt.Errorf("%s has no documents that pass the filters: %s", p.Name(), p.Counts())
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	set, err := shard.OpenSet(filepath.Join(dir, "val-*"+shard.Extension))
	return &Prepared{Dir: dir, Tokenizer: tok, Val: set}, err
}
