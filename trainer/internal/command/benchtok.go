package command

import (
	"context"
	"time"

	"github.com/nanochat-go/nanochat/hub/bpe"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// encodePasses is how often bench tokenizer encodes the text; the fastest
// counts, because a shared machine slows a pass down but never speeds it up.
const encodePasses = 3

// BenchTokenizerResult is what bench tokenizer reports.
type BenchTokenizerResult struct {
	TrainSeconds      float64 `json:"train_seconds"`
	EncodeMBPerSecond float64 `json:"encode_mb_per_second"` // 10^6 bytes, of the fastest pass
	Bytes             int64   `json:"bytes"`
	Files             int     `json:"files"`
	Tokens            int64   `json:"tokens"`
	Vocab             int     `json:"vocab"`
	Threads           int     `json:"threads"`
}

// BenchTokenizer is the command bench tokenizer.
func BenchTokenizer(ctx context.Context, o cli.BenchTokenizerOptions) (any, error) {
	t := texts{paths: o.Text}
	var all [][]byte
	if err := t.each(ctx, func(text []byte) bool { all = append(all, text); return true }); err != nil {
		return nil, err
	}
	t.report(o.Notice)
	o.Notice("training %d ids on %.1f MB with %d threads", o.Vocab, float64(t.bytes)/1e6, o.Threads)
	start := time.Now()
	tok, err := bpe.Train(func(yield func([]byte) bool) {
		for _, text := range all {
			if !yield(text) {
				return
			}
		}
	}, bpe.Config{VocabSize: o.Vocab, Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	r := BenchTokenizerResult{TrainSeconds: time.Since(start).Seconds(), Bytes: t.bytes, Files: t.files, Vocab: tok.VocabSize(), Threads: o.Threads}
	for range encodePasses {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Now()
		ids := tok.EncodeBatch(all, o.Threads)
		r.EncodeMBPerSecond = max(r.EncodeMBPerSecond, float64(t.bytes)/1e6/time.Since(start).Seconds())
		r.Tokens = 0
		for _, row := range ids {
			r.Tokens += int64(len(row))
		}
	}
	o.Printf("text      %.1f MB in %d files, %d threads\n", float64(r.Bytes)/1e6, r.Files, r.Threads)
	o.Printf("training  %.2f s for %d ids\n", r.TrainSeconds, r.Vocab)
	o.Printf("encoding  %.1f MB/s, %.2f bytes per token\n", r.EncodeMBPerSecond, float64(r.Bytes)/float64(r.Tokens))
	return r, nil
}
