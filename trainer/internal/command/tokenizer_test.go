package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/hub/bpe"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// Mutation: encoding with Encode whatever --special says, or decoding an id
// above the vocabulary to nothing, makes TestTokenizerCommands fail.

// common are the streams of a command under test.
func common(in string) (c cli.Common, out, notices *bytes.Buffer) {
	out, notices = &bytes.Buffer{}, &bytes.Buffer{}
	return cli.Common{In: strings.NewReader(in), Out: out, NoReexec: true,
		Notice: func(format string, args ...any) { fmt.Fprintf(notices, format+"\n", args...) }}, out, notices
}

// rustText is n functions, enough for a few hundred merges.
func rustText(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "/// Returns value number %d.\npub fn value_%d(items: &[u32]) -> Option<u32> {\n    items.iter().copied().max()\n}\n\n", i, i*i)
	}
	return b.String()
}

func TestTokenizerCommands(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	text := writeFile(t, dir, "a.rs", rustText(50))
	file := filepath.Join(dir, "tokenizer.json")
	c, out, _ := common("")
	got, err := TokenizerTrain(ctx, cli.TokenizerTrainOptions{Common: c, Text: []string{text}, Vocab: 300, Split: "gpt2", Out: file})
	require.NoError(t, err)
	r := got.(TokenizerTrainResult)
	require.Equal(t, 300, r.Vocab)
	require.Equal(t, "gpt2", r.Split)
	require.EqualValues(t, len(rustText(50)), r.Bytes)
	require.Contains(t, out.String(), "300 ids")
	tok, err := bpe.Load(file)
	require.NoError(t, err)
	require.Equal(t, []string{data.BOS, data.EOS, data.Pad}, tok.Special())

	use := func(f func(context.Context, cli.TokenizerOptions) (any, error), in string, o cli.TokenizerOptions) (any, string, error) {
		c, out, _ := common(in)
		o.Common, o.Tokenizer = c, file
		got, err := f(ctx, o)
		return got, out.String(), err
	}
	const sample = "pub fn ä() {}" + data.EOS
	plain, printed, err := use(TokenizerEncode, "", cli.TokenizerOptions{Input: sample})
	require.NoError(t, err)
	require.Equal(t, tok.Encode(nil, []byte(sample)), plain.(EncodeResult).IDs)
	require.Equal(t, strings.Trim(fmt.Sprint(plain.(EncodeResult).IDs), "[]")+"\n", printed)
	special, _, err := use(TokenizerEncode, sample, cli.TokenizerOptions{Input: "-", Special: true})
	require.NoError(t, err)
	ids := special.(EncodeResult).IDs
	require.EqualValues(t, 298, ids[len(ids)-1], "the end of document")
	require.Less(t, len(ids), plain.(EncodeResult).Tokens)

	for _, in := range []string{printed, strings.ReplaceAll(strings.TrimSpace(printed), " ", ", ")} {
		decoded, shown, err := use(TokenizerDecode, in, cli.TokenizerOptions{Input: "-"})
		require.NoError(t, err)
		require.Equal(t, DecodeResult{Text: sample, Tokens: plain.(EncodeResult).Tokens}, decoded)
		require.Equal(t, sample+"\n", shown)
	}
	_, shown, err := use(TokenizerDecode, "", cli.TokenizerOptions{Input: fmt.Sprint(tok.Encode(nil, []byte("fn\n")))})
	require.NoError(t, err)
	require.Equal(t, "fn\n", shown, "one line feed at the end, not two")
	empty, _, err := use(TokenizerEncode, "", cli.TokenizerOptions{Input: ""})
	require.NoError(t, err)
	require.NotNil(t, empty.(EncodeResult).IDs, "[] in JSON, not null")

	for _, bad := range []string{"300", "-1", "fn", "1.5", "99999999999999999999"} {
		_, _, err = use(TokenizerDecode, "", cli.TokenizerOptions{Input: bad})
		require.ErrorContains(t, err, "0 to 299", bad)
	}
	_, _, err = use(TokenizerEncode, "ab\xff", cli.TokenizerOptions{Input: "-"})
	require.ErrorContains(t, err, "byte 2")
}

func TestTokenizerTrainRefuses(t *testing.T) {
	dir := t.TempDir()
	text := writeFile(t, dir, "a.rs", rustText(20))
	taken := writeFile(t, dir, "taken.json", "mine")
	for _, c := range []struct {
		text, out, want string
		vocab           int
	}{
		{text, taken, "exists already", 300},
		{text, filepath.Join(dir, "no/where.json"), "make it or choose another --out", 300},
		{text, filepath.Join(taken, "x.json"), "choose another --out", 300},
		{text, filepath.Join(dir, "t.json"), "lower the vocabulary size or give more text", 100_000},
		{text, filepath.Join(dir, "t.json"), "want at least 259", 258},
		{filepath.Join(dir, "gone"), filepath.Join(dir, "t.json"), "give a file or directory that exists", 300},
	} {
		o, _, _ := common("")
		_, err := TokenizerTrain(context.Background(), cli.TokenizerTrainOptions{Common: o, Text: []string{c.text}, Vocab: c.vocab, Split: "llama3", Out: c.out})
		require.ErrorContains(t, err, c.want)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing was written")
	mine, err := os.ReadFile(taken)
	require.NoError(t, err)
	require.Equal(t, "mine", string(mine))
	_, err = loadTokenizer(filepath.Join(dir, "gone.json"))
	require.ErrorContains(t, err, "--tokenizer")
}
