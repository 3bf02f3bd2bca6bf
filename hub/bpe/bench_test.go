package bpe

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchmarkText is the file that BPE_TEXT names, or the sources of this package.
func benchmarkText(b *testing.B) []byte {
	b.Helper()
	names := []string{"encode.go", "train.go", "json.go", "scan.go"}
	if name := os.Getenv("BPE_TEXT"); name != "" {
		names = []string{name}
	}
	var text []byte
	for _, name := range names {
		more, err := os.ReadFile(name)
		require.NoError(b, err)
		text = append(text, more...)
	}
	return text
}

// benchmarkVocab is the vocabulary that the text is given.
func benchmarkVocab(text []byte) int {
	if len(text) < 1<<24 {
		return 1024
	}
	return 32768
}

func benchmarkTokenizer(b *testing.B, text []byte) *Tokenizer {
	tok, err := Train(slices.Values([][]byte{text}), Config{VocabSize: benchmarkVocab(text)})
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	return tok
}

func BenchmarkEncode(b *testing.B) {
	text := benchmarkText(b)
	tok := benchmarkTokenizer(b, text)
	dst := make([]int32, 0, len(text))
	for b.Loop() {
		dst = tok.Encode(dst[:0], text)
	}
	b.ReportMetric(float64(len(text))/float64(len(dst)), "bytes/token")
}

func BenchmarkEncodeBatch(b *testing.B) {
	text := benchmarkText(b)
	tok := benchmarkTokenizer(b, text)
	for b.Loop() {
		tok.EncodeBatch([][]byte{text}, 0)
	}
}

// BenchmarkEncodeRegex has the llama3 pattern in the general matcher.
func BenchmarkEncodeRegex(b *testing.B) {
	text := benchmarkText(b)
	tok, err := Train(slices.Values([][]byte{text}), Config{VocabSize: benchmarkVocab(text), Split: Split(regexPrefix + patterns[Llama3])})
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var dst []int32
	for b.Loop() {
		dst = tok.Encode(dst[:0], text)
	}
}

func BenchmarkEncodeLongPiece(b *testing.B) {
	tok := benchmarkTokenizer(b, benchmarkText(b))
	piece := bytes.Repeat([]byte("countvalue"), 1<<20/10)
	b.SetBytes(int64(len(piece)))
	var dst []int32
	for b.Loop() {
		dst = tok.Encode(dst[:0], piece)
	}
}

func BenchmarkPieces(b *testing.B) {
	text := benchmarkText(b)
	tok := benchmarkTokenizer(b, text)
	for b.Loop() {
		for range tok.Pieces(text) {
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	text := benchmarkText(b)
	tok := benchmarkTokenizer(b, text)
	ids := tok.Encode(nil, text)
	for b.Loop() {
		tok.Decode(ids)
	}
}

func BenchmarkTrain(b *testing.B) {
	text := benchmarkText(b)
	cfg := Config{VocabSize: benchmarkVocab(text)}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Train(slices.Values([][]byte{text}), cfg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := benchmarkText(b)
	data, err := benchmarkTokenizer(b, text).MarshalJSON()
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
