package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/shard"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// isPrepared reports whether a folder holds prepared data.
func isPrepared(dir string) bool {
	if dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, manifestFile))
	return err == nil
}

// Check reports what is wrong with the sources and the tokenizer of a
// configuration, as far as that can be seen without reading documents.
func Check(c config.Config) error {
	if s := c.Data.Sources; len(s) == 1 && isPrepared(s[0].Dir) {
		return nil
	}
	_, err := pipeline(c.Data, c.Seed)
	if c.Tokenizer.Path != "" {
		_, wrong := given(c)
		err = errors.Join(err, wrong)
	}
	return err
}

// given loads the tokenizer of tokenizer.path.
func given(c config.Config) (*bpe.Tokenizer, error) {
	t, err := bpe.Load(c.Tokenizer.Path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.path: %w: name a tokenizer.json", err)
	}
	for _, name := range []string{BOS, EOS} {
		if _, ok := t.ID(name); !ok {
			return nil, fmt.Errorf("tokenizer.path: %s has no special token %s: train one with trainer tokenizer train", c.Tokenizer.Path, name)
		}
	}
	return t, nil
}

// Vocab is the number of ids that a run of the configuration will have: that of
// prepared data or a given tokenizer, otherwise tokenizer.vocab.
func Vocab(c config.Config) (int, error) {
	if s := c.Data.Sources; len(s) == 1 && isPrepared(s[0].Dir) {
		p, err := Open(s[0].Dir)
		if err != nil {
			return 0, err
		}
		return p.Tokenizer.VocabSize(), p.Close()
	}
	if c.Tokenizer.Path != "" {
		t, err := given(c)
		if err != nil {
			return 0, err
		}
		return t.VocabSize(), nil
	}
	return c.Tokenizer.Vocab, nil
}

// CheckContext reports rows that are longer than every training document: no
// document would ever fill one, and the positions at its end would stay
// untrained.
func (p *Prepared) CheckContext(context int) error {
	longest := 0
	for i := range p.Train.NumDocs() {
		if longest = max(longest, p.Train.DocLen(i)); longest >= context {
			return nil
		}
	}
	return fmt.Errorf("model.context = %d, but the longest document has %d tokens: lower model.context to that, or give longer documents", context, longest)
}

// claim makes dir a folder to prepare data in: it is new or empty, or holds
// what an interrupted preparation has left, which is removed. undo gives the
// folder up again.
func claim(dir string) (undo func(), err error) {
	entries, err := os.ReadDir(dir)
	isNew := errors.Is(err, os.ErrNotExist)
	if err != nil && !isNew {
		return nil, fmt.Errorf("prepared data: %w: choose another folder", err)
	}
	mark := filepath.Join(dir, unfinishedFile)
	if _, err := os.Stat(mark); err != nil && len(entries) > 0 {
		return nil, fmt.Errorf("prepared data: %s is not empty and was not made here: choose another folder", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("prepared data: %w: choose another folder", err)
	}
	if err := errors.Join(os.WriteFile(mark, []byte("{}\n"), 0o644), removeShards(dir)); err != nil {
		return nil, fmt.Errorf("prepared data: %w", err)
	}
	return func() {
		removeShards(dir)
		os.Remove(filepath.Join(dir, tokenizerFile))
		os.Remove(mark)
		if isNew {
			os.Remove(dir) // only if it is empty
		}
	}, nil
}

// removeShards removes the shards of a preparation that did not end.
func removeShards(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		part := strings.HasPrefix(e.Name(), "train-") || strings.HasPrefix(e.Name(), "val-")
		if part && strings.HasSuffix(e.Name(), shard.Extension) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// explain adds what to do to the errors that sources without text end with.
func explain(err error) error {
	if errors.Is(err, corpus.ErrEmpty) {
		return fmt.Errorf("%w: give data with text that the filters keep; --ext chooses the files of a directory", err)
	}
	return err
}
