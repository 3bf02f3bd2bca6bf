package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/hub/bpe"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// TokenizerTrainResult is what tokenizer train reports.
type TokenizerTrainResult struct {
	Tokenizer string  `json:"tokenizer"` // the file
	Vocab     int     `json:"vocab"`
	Split     string  `json:"split"`
	Files     int     `json:"files"`
	Bytes     int64   `json:"bytes"`
	Seconds   float64 `json:"seconds"`
}

// EncodeResult is what tokenizer encode reports.
type EncodeResult struct {
	IDs    []int32 `json:"ids"`
	Tokens int     `json:"tokens"`
	Bytes  int     `json:"bytes"`
}

// DecodeResult is what tokenizer decode reports.
type DecodeResult struct {
	Text   string `json:"text"`
	Tokens int    `json:"tokens"`
}

// TokenizerTrain is the command tokenizer train.
func TokenizerTrain(ctx context.Context, o cli.TokenizerTrainOptions) (any, error) {
	cfg := bpe.Config{VocabSize: o.Vocab, Split: bpe.Split(o.Split), Special: []string{data.BOS, data.EOS, data.Pad}, Threads: o.Threads}
	if err := newFile(o.Out); err != nil {
		return nil, err
	}
	t := texts{paths: o.Text}
	start := time.Now()
	tok, err := trainTokenizer(ctx, &t, cfg)
	if err != nil {
		return nil, err
	}
	r := TokenizerTrainResult{Tokenizer: o.Out, Vocab: tok.VocabSize(), Split: string(tok.Split()), Files: t.files, Bytes: t.bytes,
		Seconds: time.Since(start).Seconds()}
	if err := tok.WriteFile(o.Out); err != nil {
		return nil, err
	}
	t.report(o.Notice)
	o.Printf("%s: %d ids from %d files, %.1f MB, in %.1f s\n", o.Out, r.Vocab, r.Files, float64(r.Bytes)/1e6, r.Seconds)
	return r, nil
}

// trainTokenizer trains on texts while they are read.
func trainTokenizer(ctx context.Context, t *texts, cfg bpe.Config) (*bpe.Tokenizer, error) {
	var failed error
	tok, err := bpe.Train(func(yield func([]byte) bool) { failed = t.each(ctx, yield) }, cfg)
	if failed != nil {
		return nil, failed
	}
	return tok, err
}

// newFile reports whether a file can be made: nothing is there, and its
// directory is.
func newFile(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists already: remove it or choose another --out", path)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s cannot be written: %w: choose another --out", path, cause(err))
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("%s cannot be written: directory %s: %w: make it or choose another --out", path, dir, cause(err))
	}
	return nil
}

// loadTokenizer opens the tokenizer of an encode or decode command.
func loadTokenizer(path string) (*bpe.Tokenizer, error) {
	tok, err := bpe.Load(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("tokenizer %s does not exist: name one with --tokenizer, such as RUN/tokenizer.json, or make one with trainer tokenizer train", path)
	}
	return tok, err
}

// input is the argument of an encode or decode command, or standard input.
func input(o cli.TokenizerOptions) (string, error) {
	if o.Input != "-" {
		return o.Input, nil
	}
	text, err := io.ReadAll(o.In)
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return string(text), nil
}

// TokenizerEncode is the command tokenizer encode.
func TokenizerEncode(_ context.Context, o cli.TokenizerOptions) (any, error) {
	tok, err := loadTokenizer(o.Tokenizer)
	if err != nil {
		return nil, err
	}
	text, err := input(o)
	if err != nil {
		return nil, err
	}
	if at := invalidUTF8([]byte(text)); at >= 0 {
		return nil, fmt.Errorf("byte %d of the text is not UTF-8: convert it to UTF-8", at)
	}
	encode := tok.Encode
	if o.Special {
		encode = tok.EncodeSpecial
	}
	ids := encode([]int32{}, []byte(text))
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(int(id))
	}
	o.Printf("%s\n", strings.Join(words, " "))
	return EncodeResult{IDs: ids, Tokens: len(ids), Bytes: len(text)}, nil
}

// TokenizerDecode is the command tokenizer decode.
func TokenizerDecode(_ context.Context, o cli.TokenizerOptions) (any, error) {
	tok, err := loadTokenizer(o.Tokenizer)
	if err != nil {
		return nil, err
	}
	words, err := input(o)
	if err != nil {
		return nil, err
	}
	ids, err := parseIDs(words, tok.VocabSize())
	if err != nil {
		return nil, err
	}
	text := tok.Decode(ids)
	o.Printf("%s\n", bytes.TrimSuffix(text, []byte("\n")))
	return DecodeResult{Text: string(text), Tokens: len(ids)}, nil
}

// parseIDs reads ids below vocab that spaces or commas separate; a list as JSON
// writes it is one, too.
func parseIDs(text string, vocab int) ([]int32, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,[]", r) })
	ids := make([]int32, len(words))
	for i, w := range words {
		id, err := strconv.Atoi(w)
		if err != nil || id < 0 || id >= vocab {
			return nil, fmt.Errorf("%q is not an id: this tokenizer has 0 to %d", w, vocab-1)
		}
		ids[i] = int32(id)
	}
	return ids, nil
}
