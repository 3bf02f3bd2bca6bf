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
		_, wrong := bpe.Load(c.Tokenizer.Path)
		err = errors.Join(err, wrong)
	}
	return err
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
		t, err := bpe.Load(c.Tokenizer.Path)
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
// what an interrupted preparation has left, which is removed.
func claim(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("prepared data: %w: choose another folder", err)
	}
	mark := filepath.Join(dir, unfinishedFile)
	if _, err := os.Stat(mark); err != nil && len(entries) > 0 {
		return fmt.Errorf("prepared data: %s is not empty and was not made here: choose another folder", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("prepared data: %w: choose another folder", err)
	}
	for _, e := range entries {
		part := strings.HasPrefix(e.Name(), "train-") || strings.HasPrefix(e.Name(), "val-")
		if part && strings.HasSuffix(e.Name(), shard.Extension) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("prepared data: %w", err)
			}
		}
	}
	if err := os.WriteFile(mark, []byte("{}\n"), 0o644); err != nil {
		return fmt.Errorf("prepared data: %w", err)
	}
	return nil
}

// explain adds what to do to the errors that sources without text and too
// large vocabularies end with.
func explain(err error) error {
	var vocab *bpe.VocabError
	switch {
	case errors.As(err, &vocab):
		return fmt.Errorf("%w (tokenizer.vocab)", err)
	case errors.Is(err, corpus.ErrEmpty):
		return fmt.Errorf("%w: give data with text that the filters keep; --ext chooses the files of a directory", err)
	}
	return err
}
