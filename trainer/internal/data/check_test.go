package data

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/corpus"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Mutation: leaving out undo makes TestBadSources fail; a claim that ignores what lies in the folder makes
// TestPrepareTouchesOnlyItsOwn fail; counting validation documents as training
// ones makes TestCountIsWhatPrepareKeeps fail.

func quiet(string, ...any) {}

// documents writes n Rust files, one invalid, one empty and a copy, and returns
// a configuration that reads them.
func documents(t *testing.T, n int) (dir string, c config.Config) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		text := fmt.Sprintf("/// Returns %d.\npub fn f%d() -> u32 {\n    %s\n}\n", i, i, strings.Repeat("1 + ", i+1)+"1")
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%03d.rs", i)), []byte(text), 0o600))
		if i == 0 {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "copy.rs"), []byte(text), 0o600))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "latin1.rs"), []byte("// caf\xe9\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "empty.rs"), nil, 0o600))
	c = config.Default()
	c.Data.Sources = []config.Source{{Dir: dir}}
	c.Data.ValFraction = 0.3
	c.Tokenizer.Vocab = 290
	return dir, c
}

func TestCountIsWhatPrepareKeeps(t *testing.T) {
	ctx := context.Background()
	_, c := documents(t, 40)
	n, err := Count(ctx, c)
	require.NoError(t, err)
	require.EqualValues(t, 40, n.Documents)
	require.EqualValues(t, 1, n.Removed[corpus.UTF8].Documents)
	require.EqualValues(t, 1, n.Removed[corpus.Duplicate].Documents)
	require.EqualValues(t, 1, n.Removed[corpus.Empty].Documents)
	require.EqualValues(t, n.Documents, n.Train.Documents+n.Val.Documents)

	out := filepath.Join(t.TempDir(), "out")
	p, err := Prepare(ctx, c, out, quiet)
	require.NoError(t, err)
	defer p.Close()
	m := p.Manifest
	require.Positive(t, m.Train.Tokens)
	require.Positive(t, m.Val.Documents)
	prepared := Part{Documents: m.Train.Documents, Bytes: m.Train.Bytes}
	require.Equal(t, prepared, n.Train)
	require.Equal(t, Part{Documents: m.Val.Documents, Bytes: m.Val.Bytes}, n.Val)
	require.Equal(t, []any{m.Bytes, m.Removed, m.Licenses, m.Origins, m.Source}, []any{n.Bytes, n.Removed, n.Licenses, n.Origins, n.Source})

	c.Data.Sources = []config.Source{{Dir: out}}
	again, err := Count(ctx, c)
	require.NoError(t, err)
	require.Equal(t, m, again)
}

func TestPrepareTouchesOnlyItsOwn(t *testing.T) {
	ctx := context.Background()
	_, c := documents(t, 30)
	mine := t.TempDir()
	photo := filepath.Join(mine, "train-0.tok")
	require.NoError(t, os.WriteFile(photo, []byte("mine"), 0o600))
	_, err := Prepare(ctx, c, mine, quiet)
	require.ErrorContains(t, err, "choose another folder")
	require.ErrorContains(t, err, mine)
	entries, err := os.ReadDir(mine)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	out := t.TempDir() // empty: may be used
	p, err := Prepare(ctx, c, out, quiet)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.NoFileExists(t, filepath.Join(out, unfinishedFile))
	other := c
	other.Seed++
	_, err = Prepare(ctx, other, out, quiet)
	require.ErrorContains(t, err, "prepared from another configuration")

	// What an interrupted preparation left is made again.
	require.NoError(t, os.Rename(filepath.Join(out, manifestFile), filepath.Join(out, unfinishedFile)))
	p, err = Prepare(ctx, other, out, quiet)
	require.NoError(t, err)
	require.NoError(t, p.Close())

	require.NoError(t, os.Remove(filepath.Join(out, tokenizerFile)))
	_, err = Prepare(ctx, other, out, quiet)
	require.ErrorContains(t, err, "remove "+out)
	file := filepath.Join(mine, "train-0.tok", "x")
	_, err = Prepare(ctx, c, file, quiet)
	require.ErrorContains(t, err, "choose another folder")
}

// TestInterrupted: what a preparation has done by then stays for the next one.
func TestInterrupted(t *testing.T) {
	_, c := documents(t, 30)
	out := filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Prepare(ctx, c, out, func(string, ...any) { cancel() }) // after the tokenizer
	require.ErrorIs(t, err, context.Canceled)
	require.FileExists(t, filepath.Join(out, unfinishedFile))
	p, err := Prepare(context.Background(), c, out, quiet)
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

func TestPreparedFolderAsSource(t *testing.T) {
	ctx := context.Background()
	_, c := documents(t, 30)
	out := filepath.Join(t.TempDir(), "out")
	p, err := Prepare(ctx, c, out, quiet)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	c.Data.Sources = []config.Source{{Dir: out}}
	require.NoError(t, Check(c))
	var said []string
	notice := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	p, err = Prepare(ctx, c, filepath.Join(out, "unused"), notice)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.Empty(t, said)
	require.NoDirExists(t, filepath.Join(out, "unused"))
	c.Tokenizer.Vocab = 4096
	p, err = Prepare(ctx, c, filepath.Join(out, "unused"), notice)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.Len(t, said, 1, "a setting that does not act is mentioned")
	require.Contains(t, said[0], "290 ids")
	vocab, err := Vocab(c)
	require.NoError(t, err)
	require.Equal(t, 290, vocab)
	given := config.Default()
	vocab, err = Vocab(given)
	require.NoError(t, err)
	require.Equal(t, given.Tokenizer.Vocab, vocab)
	given.Tokenizer.Path = filepath.Join(out, tokenizerFile)
	vocab, err = Vocab(given)
	require.NoError(t, err)
	require.Equal(t, 290, vocab)
	given.Tokenizer.Path += ".gone"
	_, err = Vocab(given)
	require.Error(t, err)
	c.Data.Sources = append(c.Data.Sources, config.Source{Rustgen: &config.Rustgen{Level: 1, Megabytes: 1}})
	require.ErrorContains(t, Check(c), "alone")
}

func TestCheckContext(t *testing.T) {
	_, c := documents(t, 30)
	p, err := Prepare(context.Background(), c, filepath.Join(t.TempDir(), "out"), quiet)
	require.NoError(t, err)
	defer p.Close()
	longest := 0
	for i := range p.Train.NumDocs() {
		longest = max(longest, p.Train.DocLen(i))
	}
	require.NoError(t, p.CheckContext(longest))
	require.ErrorContains(t, p.CheckContext(longest+1), fmt.Sprintf("the longest document has %d tokens", longest))
}

func TestBadSources(t *testing.T) {
	ctx := context.Background()
	dir, c := documents(t, 30)
	nothing := t.TempDir()
	for want, change := range map[string]func(c *config.Config){
		"give a directory or file that exists": func(c *config.Config) { c.Data.Sources = []config.Source{{Dir: filepath.Join(dir, "gone")}} },
		"--ext chooses":                        func(c *config.Config) { c.Data.Sources = []config.Source{{Dir: nothing}} },
		"tokenizer.vocab":                      func(c *config.Config) { c.Tokenizer.Vocab = 100_000 },
		"no such file":                         func(c *config.Config) { c.Tokenizer.Path = filepath.Join(dir, "gone.json") },
		"list of crates":                       func(c *config.Config) { c.Data.Sources = []config.Source{{Crates: filepath.Join(dir, "gone.txt")}} },
	} {
		bad := c
		change(&bad)
		out := t.TempDir()
		_, err := Prepare(ctx, bad, filepath.Join(out, "new"), quiet)
		require.ErrorContains(t, err, want)
		require.NoDirExists(t, filepath.Join(out, "new"))
		_, err = Prepare(ctx, bad, out, quiet)
		require.ErrorContains(t, err, want)
		left, err := os.ReadDir(out)
		require.NoError(t, err)
		require.Empty(t, left, "a folder that was there stays, empty")
	}
	bad := c
	bad.Tokenizer.Path = filepath.Join(dir, "gone.json")
	bad.Data.Sources = []config.Source{{Dir: filepath.Join(dir, "gone")}}
	err := Check(bad)
	require.ErrorContains(t, err, "gone.json")
	require.ErrorContains(t, err, "exists", "both at once")
}
