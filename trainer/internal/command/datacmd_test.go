package command

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/corpus"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// Mutation: reporting success for a source that is prepared already makes
// TestDataCommands fail.

// rustFiles writes n documents of rising length, a copy of one, and returns the
// settings that train on them.
func rustFiles(t *testing.T, n int) (dir string, settings []string) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		writeFile(t, dir, fmt.Sprintf("f%03d.rs", i), fmt.Sprintf("/// Returns %d.\npub fn f%d() -> u32 {\n    %s1\n}\n", i, i, strings.Repeat("1 + ", i+1)))
	}
	writeFile(t, dir, "copy.rs", "/// Returns 0.\npub fn f0() -> u32 {\n    1 + 1\n}\n")
	return dir, []string{"data.val_fraction=0.3", "tokenizer.vocab=280", "data.sources=" + config.FormatSources([]config.Source{{Dir: dir}})}
}

func TestDataCommands(t *testing.T) {
	ctx := context.Background()
	_, settings := rustFiles(t, 40)
	out := filepath.Join(t.TempDir(), "it's out")
	o := cli.DataOptions{ConfigOptions: cli.ConfigOptions{Set: settings}, Out: out}
	var text fmt.Stringer
	o.Common, text, _ = common("")
	got, err := DataPrepare(ctx, o)
	require.NoError(t, err)
	r := got.(DataResult)
	require.EqualValues(t, 40, r.Documents)
	require.EqualValues(t, 1, r.Removed[corpus.Duplicate].Documents)
	require.Equal(t, 280, r.Vocab)
	require.Equal(t, r.Tokens, r.Train.Tokens+r.Val.Tokens)
	require.Equal(t, out, r.Out)
	require.Contains(t, text.String(), "removed     duplicate: 1 documents")
	require.Contains(t, text.String(), "not known: 40 documents")
	require.Contains(t, text.String(), `--data '`+filepath.Dir(out)+`/it'\''s out'`)
	p, err := data.Open(out)
	require.NoError(t, err)
	require.Equal(t, r.Train, p.Manifest.Train)
	require.NoError(t, p.Close())

	o.Common, text, _ = common("")
	got, err = DataStats(ctx, o)
	require.NoError(t, err)
	s := got.(DataResult)
	require.Equal(t, []any{r.Documents, r.Bytes, r.Removed, r.Licenses, r.Origins}, []any{s.Documents, s.Bytes, s.Removed, s.Licenses, s.Origins})
	require.Zero(t, s.Tokens)
	require.NotContains(t, text.String(), "tokens")

	o.Out = filepath.Join(t.TempDir(), "second")
	o.Set = append(o.Set, "data.sources="+config.FormatSources([]config.Source{{Dir: out}}))
	_, err = DataPrepare(ctx, o)
	require.ErrorContains(t, err, "prepared already")
	require.NoDirExists(t, o.Out)
}

// TestDataCrates reads a crate from a cache as cargo keeps it, without cargo.
func TestDataCrates(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CARGO_HOME", dir)
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	list := writeFile(t, dir, "crates.txt", "tiny\t1.2.3\tMIT OR Apache-2.0\n")
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	files := tar.NewWriter(z)
	for name, text := range map[string]string{"Cargo.toml": "[package]\n", "src/lib.rs": "pub fn one() -> u32 {\n    1\n}\n", "src/bad.rs": "// caf\xe9\n"} {
		require.NoError(t, files.WriteHeader(&tar.Header{Name: "tiny-1.2.3/" + name, Mode: 0o644, Size: int64(len(text))}))
		_, err := files.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(files.Close(), z.Close()))
	writeFile(t, dir, "registry/cache/index-0/tiny-1.2.3.crate", archive.String())

	out := filepath.Join(dir, "out")
	c, text, _ := common("")
	got, err := DataCrates(context.Background(), cli.CratesOptions{Common: c, List: list, Out: out})
	require.NoError(t, err)
	r := got.(CratesResult)
	require.Equal(t, 1, r.Crates)
	require.EqualValues(t, 1, r.Documents)
	require.EqualValues(t, 1, r.Removed[corpus.UTF8].Documents)
	require.Equal(t, map[string]int{"MIT OR Apache-2.0": 1}, r.Licenses)
	require.Contains(t, text.String(), "--data "+out)

	// The folder is data, with the crate's licence.
	o := cli.DataOptions{ConfigOptions: cli.ConfigOptions{Set: []string{"data.sources=" + config.FormatSources([]config.Source{{Dir: out}})}}}
	o.Common, _, _ = common("")
	got, err = DataStats(context.Background(), o)
	require.NoError(t, err)
	require.Equal(t, r.Licenses, got.(DataResult).Licenses)
}

// TestDataCratesRefuses: without cargo, and with a folder of something else, nothing
// is written.
func TestDataCratesRefuses(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CARGO_HOME", filepath.Join(dir, "cargo"))
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	list := writeFile(t, dir, "crates.txt", "anyhow\t1.0.104\tMIT\n")
	c, _, _ := common("")
	_, err := DataCrates(context.Background(), cli.CratesOptions{Common: c, List: list, Out: filepath.Join(dir, "out")})
	require.ErrorContains(t, err, "cargo")
	require.NoDirExists(t, filepath.Join(dir, "out"))
	full := writeFile(t, dir, "full/mine", "x")
	_, err = DataCrates(context.Background(), cli.CratesOptions{Common: c, List: list, Out: filepath.Dir(full)})
	require.Error(t, err)
	entries, err := os.ReadDir(filepath.Dir(full))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
