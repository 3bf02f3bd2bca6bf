package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/shard"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// The special tokens of every tokenizer that is trained here.
const (
	BOS = "<|bos|>"
	EOS = "<|eos|>"
	Pad = "<|pad|>"
)

// tokenizerBytes is how much text the tokenizer is trained on at most.
const tokenizerBytes = 64 << 20

const (
	manifestFile   = "data.json"
	unfinishedFile = ".data.json" // there while a folder is being prepared
	tokenizerFile  = "tokenizer.json"
)

// Part is one side of the split.
type Part struct {
	Documents int   `json:"documents"`
	Bytes     int64 `json:"bytes"`
	Tokens    int64 `json:"tokens"`
}

// Manifest is data.json.
type Manifest struct {
	Key       string                         `json:"key"`
	Source    string                         `json:"source"`
	Documents int64                          `json:"documents"`
	Bytes     int64                          `json:"bytes"`
	Removed   map[corpus.Reason]corpus.Count `json:"removed"`
	Licenses  map[string]int                 `json:"licenses"`
	Origins   int                            `json:"origins"`
	Train     Part                           `json:"train"`
	Val       Part                           `json:"val"`
	Vocab     int                            `json:"vocab"`
	Seconds   float64                        `json:"seconds"`
}

// Prepared is data that training can read. Close it after use.
type Prepared struct {
	Dir        string
	Manifest   Manifest
	Tokenizer  *bpe.Tokenizer
	Train, Val *shard.Set
}

// Close closes the shards.
func (p *Prepared) Close() error {
	var err error
	if p.Train != nil {
		err = p.Train.Close()
	}
	return errors.Join(err, p.Val.Close())
}

// key identifies everything that prepared data depends on.
func key(c config.Config) (string, error) {
	in := struct {
		Seed      int64
		Data      config.Data
		Tokenizer config.Tokenizer
		Given     [32]byte
	}{c.Seed, c.Data, c.Tokenizer, [32]byte{}}
	if c.Tokenizer.Path != "" {
		t, err := given(c)
		if err != nil {
			return "", err
		}
		in.Given = t.Hash()
	}
	text, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Prepare returns the data of a configuration from dir, making it there if it
// is not there yet. A source that is a prepared folder is used where it lies.
func Prepare(ctx context.Context, c config.Config, dir string, notice func(format string, args ...any)) (*Prepared, error) {
	if s := c.Data.Sources; len(s) == 1 && isPrepared(s[0].Dir) {
		p, err := Open(s[0].Dir)
		if err == nil && p.Manifest.Vocab != c.Tokenizer.Vocab {
			notice("%s was prepared with %d ids, which replaces tokenizer.vocab = %d", s[0].Dir, p.Manifest.Vocab, c.Tokenizer.Vocab)
		}
		return p, err
	}
	want, err := key(c)
	if err != nil {
		return nil, err
	}
	if isPrepared(dir) {
		p, err := Open(dir)
		if err != nil {
			return nil, fmt.Errorf("%w: remove %s to prepare it again", err, dir)
		}
		if p.Manifest.Key == want {
			return p, nil
		}
		p.Close()
		return nil, fmt.Errorf("%s holds data that was prepared from another configuration: choose another folder", dir)
	}
	if err := build(ctx, c, dir, want, notice); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Open opens prepared data.
func Open(dir string) (p *Prepared, err error) {
	p = &Prepared{Dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, fmt.Errorf("prepared data: %w", err)
	}
	if err := json.Unmarshal(text, &p.Manifest); err != nil {
		return nil, fmt.Errorf("prepared data: %s: %w", filepath.Join(dir, manifestFile), err)
	}
	if p.Tokenizer, err = bpe.Load(filepath.Join(dir, tokenizerFile)); err != nil {
		return nil, err
	}
	if p.Train, err = shard.OpenSet(filepath.Join(dir, "train-*"+shard.Extension)); err != nil {
		return nil, err
	}
	if p.Val, err = shard.OpenSet(filepath.Join(dir, "val-*"+shard.Extension)); err != nil {
		return nil, errors.Join(err, p.Train.Close())
	}
	hash := p.Tokenizer.Hash()
	if p.Train.Header().Tokenizer != hash || p.Val.Header().Tokenizer != hash {
		return nil, errors.Join(fmt.Errorf("prepared data: the shards in %s were made with another tokenizer than its tokenizer.json", dir), p.Close())
	}
	return p, nil
}

// build makes prepared data in dir, or nothing; what an interrupt leaves is made
// again by the next one.
func build(ctx context.Context, c config.Config, dir, want string, notice func(format string, args ...any)) error {
	p, err := pipeline(c.Data, c.Seed)
	if err != nil {
		return err
	}
	undo, err := claim(dir)
	if err != nil {
		return err
	}
	err = write(ctx, c, p, dir, want, notice)
	if err != nil && ctx.Err() == nil {
		undo()
	}
	return err
}

// write writes prepared data into a folder of its own.
func write(ctx context.Context, c config.Config, p *corpus.Pipeline, dir, want string, notice func(format string, args ...any)) error {
	start := time.Now()
	tok, err := tokenizer(ctx, c, p, notice)
	if err != nil {
		return explain(err)
	}
	if err := tok.WriteFile(filepath.Join(dir, tokenizerFile)); err != nil {
		return err
	}
	m := Manifest{Key: want, Source: p.Name(), Licenses: map[string]int{}, Vocab: tok.VocabSize()}
	if err := encode(ctx, c, p, tok, dir, &m); err != nil {
		return err
	}
	counts := p.Counts()
	m.Documents, m.Bytes, m.Removed = counts.Kept.Documents, counts.Kept.Bytes, counts.Removed
	m.Seconds = time.Since(start).Seconds()
	notice("corpus %s: %d documents, %.1f MB, %d tokens to train on, %d to validate", m.Source, m.Documents, float64(m.Bytes)/1e6, m.Train.Tokens, m.Val.Tokens)
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, unfinishedFile)
	if err := os.WriteFile(tmp, text, 0o644); err != nil {
		return fmt.Errorf("prepared data: %w", err)
	}
	return os.Rename(tmp, filepath.Join(dir, manifestFile))
}

// tokenizer loads or trains the tokenizer.
func tokenizer(ctx context.Context, c config.Config, p *corpus.Pipeline, notice func(format string, args ...any)) (*bpe.Tokenizer, error) {
	if c.Tokenizer.Path != "" {
		return given(c)
	}
	start := time.Now()
	var failed error
	var bytes int64
	docs := func(yield func([]byte) bool) {
		for d, err := range split(c.Data).Part(p, false).Documents(ctx) {
			if err != nil {
				failed = err
				return
			}
			if bytes += int64(len(d.Text)); !yield(d.Text) || bytes >= tokenizerBytes {
				return
			}
		}
	}
	t, err := bpe.Train(iter.Seq[[]byte](docs), bpe.Config{VocabSize: c.Tokenizer.Vocab, Split: bpe.Split(c.Tokenizer.Split), Special: []string{BOS, EOS, Pad}})
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer.vocab = %d: %w", c.Tokenizer.Vocab, err)
	}
	notice("tokenizer: %d ids from %.1f MB in %.1f s", t.VocabSize(), float64(bytes)/1e6, time.Since(start).Seconds())
	return t, nil
}

// encoder adds documents to the two sets of shards, a batch at a time so that
// the threads have work.
type encoder struct {
	tok        *bpe.Tokenizer
	validation func(d *corpus.Document) bool
	bos, eos   int32
	train, val *shard.SetWriter
	texts      [][]byte
	held       []bool
	bytes      int
}

func newEncoder(tok *bpe.Tokenizer, validation func(d *corpus.Document) bool) *encoder {
	e := &encoder{tok: tok, validation: validation}
	e.bos, _ = tok.ID(BOS)
	e.eos, _ = tok.ID(EOS)
	return e
}

func (e *encoder) header() shard.Header {
	return shard.Header{VocabSize: e.tok.VocabSize(), BOS: e.bos, EOS: e.eos, Tokenizer: e.tok.Hash()}
}

// flushBytes is how much text is encoded together.
const flushBytes = 4 << 20

func (e *encoder) add(d *corpus.Document) error {
	e.texts, e.held = append(e.texts, d.Text), append(e.held, e.validation(d))
	if e.bytes += len(d.Text); e.bytes < flushBytes {
		return nil
	}
	return e.flush()
}

func (e *encoder) flush() error {
	var row []int32
	for i, ids := range e.tok.EncodeBatch(e.texts, 0) {
		row = append(append(append(row[:0], e.bos), ids...), e.eos)
		w := e.train
		if e.held[i] {
			w = e.val
		}
		if err := w.Add(row, len(e.texts[i])); err != nil {
			return err
		}
	}
	e.texts, e.held, e.bytes = e.texts[:0], e.held[:0], 0
	return nil
}

// encode makes the second pass.
func encode(ctx context.Context, c config.Config, p *corpus.Pipeline, tok *bpe.Tokenizer, dir string, m *Manifest) error {
	e := newEncoder(tok, split(c.Data).Validation)
	h := e.header()
	var err error
	if e.train, err = shard.CreateSet(dir, "train", h, 0); err != nil {
		return err
	}
	defer e.train.Abort()
	if e.val, err = shard.CreateSet(dir, "val", h, 0); err != nil {
		return err
	}
	defer e.val.Abort()
	origins := map[string]bool{}
	for d, err := range p.Documents(ctx) {
		if err != nil {
			return err
		}
		origins[d.Origin] = true
		m.Licenses[d.License]++
		if err := e.add(&d); err != nil {
			return err
		}
	}
	if err := e.flush(); err != nil {
		return err
	}
	m.Origins = len(origins)
	m.Train = Part{e.train.NumDocs(), e.train.NumBytes(), e.train.NumTokens()}
	m.Val = Part{e.val.NumDocs(), e.val.NumBytes(), e.val.NumTokens()}
	if m.Val.Documents == 0 || m.Train.Documents == 0 {
		return fmt.Errorf("of %d documents %d are for training and %d for validation: give more data or another data.val_fraction",
			m.Train.Documents+m.Val.Documents, m.Train.Documents, m.Val.Documents)
	}
	return errors.Join(e.train.Close(), e.val.Close())
}
