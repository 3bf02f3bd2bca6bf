package command

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/hub/bpe"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: counting the tokens of all passes instead of one makes
// TestBenchTokenizer fail.

func TestBenchTokenizer(t *testing.T) {
	text := rustText(200)
	path := writeFile(t, t.TempDir(), "a.rs", text)
	c, out, _ := common("")
	got, err := BenchTokenizer(context.Background(), cli.BenchTokenizerOptions{Common: c, Text: []string{path}, Vocab: 280, Threads: 2})
	require.NoError(t, err)
	r := got.(BenchTokenizerResult)
	require.Positive(t, r.TrainSeconds)
	require.Positive(t, r.EncodeMBPerSecond)
	tok, err := bpe.Train(func(yield func([]byte) bool) { yield([]byte(text)) }, bpe.Config{VocabSize: 280})
	require.NoError(t, err)
	require.EqualValues(t, len(tok.Encode(nil, []byte(text))), r.Tokens)
	r.TrainSeconds, r.EncodeMBPerSecond, r.Tokens = 0, 0, 0
	require.Equal(t, BenchTokenizerResult{Bytes: int64(len(text)), Files: 1, Vocab: 280, Threads: 2}, r)
	require.Contains(t, out.String(), "MB/s")

	_, err = BenchTokenizer(context.Background(), cli.BenchTokenizerOptions{Common: c, Text: []string{path}, Vocab: 1 << 16, Threads: 1})
	require.ErrorContains(t, err, "lower the vocabulary size")
}
