package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/nanochat-go/nanochat/evalrust/rustgen"
	"github.com/nanochat-go/nanochat/systems/corpus"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// generated is a source of rustgen programs, at most so many bytes of them.
type generated struct {
	cfg   rustgen.Config
	bytes int64
}

func (g generated) Name() string { return fmt.Sprintf("rustgen level %d", g.cfg.Level) }

// Documents yields programs until the bytes are reached; each is a document.
func (g generated) Documents(ctx context.Context) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		gen, err := rustgen.New(g.cfg)
		if err != nil {
			yield(corpus.Document{}, err)
			return
		}
		for i, total := 0, int64(0); total < g.bytes; i++ {
			if err := ctx.Err(); err != nil {
				yield(corpus.Document{}, err)
				return
			}
			text := gen.AppendText(nil)
			total += int64(len(text))
			if !yield(corpus.Document{ID: fmt.Sprintf("rustgen/%d", i), Origin: "rustgen", License: "Apache-2.0", Text: text}, nil) {
				return
			}
		}
	}
}

// source makes the corpus source of one entry of the configuration.
func source(s config.Source, seed int64) (corpus.Source, error) {
	switch {
	case s.Rustgen != nil:
		cfg := rustgen.Config{Seed: uint64(seed), Level: s.Rustgen.Level}
		return generated{cfg, int64(s.Rustgen.Megabytes * 1e6)}, cfg.Validate()
	case s.Dir != "":
		if _, err := os.Stat(s.Dir); err != nil {
			return nil, fmt.Errorf("data %s: %w: give a directory or file that exists", s.Dir, errors.Unwrap(err))
		}
		if isPrepared(s.Dir) {
			return nil, fmt.Errorf("data %s is a prepared folder: give it to train, alone", s.Dir)
		}
		return corpus.Dir(s.Dir, s.Extensions()...), nil
	case s.Crates != "":
		return corpus.Crates(s.Crates)
	}
	return special(s)
}

// pipeline is all sources behind the filters.
func pipeline(c config.Data, seed int64) (*corpus.Pipeline, error) {
	var all []corpus.Source
	var errs []error
	for _, s := range c.Sources {
		src, err := source(s, seed)
		all, errs = append(all, src), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	filters := []corpus.Filter{corpus.MinBytes(1)}
	if c.MaxBytes > 0 {
		filters = append(filters, corpus.MaxBytes(int64(c.MaxBytes)))
	}
	filters = append(filters, corpus.ValidUTF8(), corpus.Lines(100, 2000), corpus.Marked(2000, corpus.GeneratedMarks...))
	if c.Dedup == "exact" {
		filters = append(filters, corpus.Unique())
	}
	return corpus.NewPipeline(corpus.Concat(all...), filters...), nil
}

// split is the division into training and validation documents.
func split(c config.Data) corpus.Split {
	s := corpus.Split{Fraction: c.ValFraction}
	if c.SplitBy == "origin" {
		s.By = corpus.ByOrigin
	}
	return s
}
