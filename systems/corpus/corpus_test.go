package corpus_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/corpus"
)

// Mutation: "n == 0" to "n < 0" in dir.Documents fails TestEmptySources;
// following symbolic links below the root fails TestDirLinks.

func doc(text string) corpus.Document { return corpus.Document{ID: text, Text: []byte(text)} }

func texts(t require.TestingT, s corpus.Source) []string {
	var out []string
	for d, err := range s.Documents(context.Background()) {
		require.NoError(t, err)
		out = append(out, string(d.Text))
	}
	return out
}

// tree writes files, given as path and text in turn, and returns their folder.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, filepath.FromSlash(files[i]))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(files[i+1]), 0o600))
	}
	return dir
}

func TestDir(t *testing.T) {
	dir := tree(t, "b/lib.rs", "2", "a.rs", "1", "b/mod.RS", "no", "b/x.txt", "no", "c/rs", "no", "c/deep/er/main.rs", "3", ".git/hook.rs", "no", "b/.rs", "no")
	for _, exts := range [][]string{{"rs"}, {".rs"}, {"py", "rs"}} {
		var got []string
		for d, err := range corpus.Dir(dir, exts...).Documents(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, filepath.Base(dir), d.Origin)
			got = append(got, d.ID+"="+string(d.Text))
		}
		require.Equal(t, []string{"a.rs=1", "b/lib.rs=2", "c/deep/er/main.rs=3"}, got)
	}
	require.Len(t, texts(t, corpus.Dir(dir)), 7)
	require.Equal(t, dir, corpus.Dir(dir).Name())

	one := filepath.Join(dir, "b", "x.txt")
	require.Equal(t, []string{"no"}, texts(t, corpus.Dir(one, "rs"))) // named, so wanted
}

func TestDirLinks(t *testing.T) {
	dir := tree(t, "a/x.rs", "1")
	outside := tree(t, "y.rs", "2")
	for link, target := range map[string]string{"a/loop": dir, "a/out": outside, "a/z.rs": filepath.Join(outside, "y.rs")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	require.Equal(t, []string{"1"}, texts(t, corpus.Dir(dir, "rs")))
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Symlink(dir, root))
	require.Equal(t, []string{"1"}, texts(t, corpus.Dir(root, "rs"))) // the root may be one
}

func TestDirErrors(t *testing.T) {
	require.ErrorIs(t, firstError(t.Context(), corpus.Dir(filepath.Join(t.TempDir(), "none"))), fs.ErrNotExist)
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not bind here")
	}
	dir := tree(t, "a.rs", "1", "b.rs", "2")
	require.NoError(t, os.Chmod(filepath.Join(dir, "b.rs"), 0))
	err := firstError(t.Context(), corpus.Dir(dir))
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "b.rs")
}

func TestDirOversize(t *testing.T) {
	dir := tree(t, "a.rs", "1")
	big := filepath.Join(dir, "b.rs")
	require.NoError(t, os.WriteFile(big, nil, 0o600))
	require.NoError(t, os.Truncate(big, 65<<20)) // sparse
	p := corpus.NewPipeline(corpus.Dir(dir))
	require.Equal(t, []string{"1"}, texts(t, p))
	require.Equal(t, map[corpus.Reason]corpus.Count{corpus.Size: {Documents: 1, Bytes: 65 << 20}}, p.Counts().Removed)
}

func TestConcat(t *testing.T) {
	a, b := corpus.Memory("a", doc("1"), doc("2")), corpus.Memory("b", doc("3"))
	s := corpus.Concat(a, b)
	require.Equal(t, "a, b", s.Name())
	for range 2 { // another pass gives the same
		require.Equal(t, []string{"1", "2", "3"}, texts(t, s))
	}
	for range s.Documents(t.Context()) {
		break
	}
}

func TestEmptySources(t *testing.T) {
	for _, s := range []corpus.Source{
		corpus.Memory("m"), corpus.Concat(), corpus.Concat(corpus.Memory("a", doc("1")), corpus.Memory("b")),
		corpus.Dir(t.TempDir(), "rs"), corpus.NewPipeline(corpus.Memory("m", doc("")), corpus.MinBytes(1)),
	} {
		err := firstError(t.Context(), s)
		require.ErrorIs(t, err, corpus.ErrEmpty)
		require.NotContains(t, err.Error(), "\n")
	}
}

var errBroken = errors.New("broken")

// broken gives one document and then an error, and counts what is asked of it
// afterwards.
type broken struct{ after int }

func (*broken) Name() string { return "broken" }

func (b *broken) Documents(context.Context) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		if yield(doc("1"), nil) && yield(corpus.Document{}, errBroken) {
			b.after++
		}
	}
}

// An error ends every sequence, and nothing turns it into a short corpus.
func TestErrorsEndTheSequence(t *testing.T) {
	for name, wrap := range map[string]func(corpus.Source) corpus.Source{
		"concat":   func(s corpus.Source) corpus.Source { return corpus.Concat(s, corpus.Memory("m", doc("2"))) },
		"pipeline": func(s corpus.Source) corpus.Source { return corpus.NewPipeline(s) },
		"part":     func(s corpus.Source) corpus.Source { return corpus.Split{}.Part(s, false) },
	} {
		src := &broken{}
		var got []string
		for d, err := range wrap(src).Documents(t.Context()) {
			got = append(got, fmt.Sprint(string(d.Text), err))
		}
		require.Equal(t, []string{"1<nil>", "broken"}, got, name)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := tree(t, "a.rs", "1")
	for _, s := range []corpus.Source{corpus.Memory("m", doc("1")), corpus.Dir(dir), corpus.NewPipeline(corpus.Dir(dir))} {
		require.ErrorIs(t, firstError(ctx, s), context.Canceled, s.Name())
	}
}

func ExampleNewPipeline() {
	same := "fn main() {}\n"
	p := corpus.NewPipeline(corpus.Memory("demo",
		corpus.Document{ID: "a.rs", Text: []byte(same)},
		corpus.Document{ID: "b.rs", Text: []byte(same)},
		corpus.Document{ID: "c.rs", Text: []byte("// @generated by a tool\n")},
		corpus.Document{ID: "d.rs", Text: []byte(strings.Repeat("0,", 5000))},
	), corpus.Code()...)
	for d, err := range p.Documents(context.Background()) {
		fmt.Println(d.ID, err)
	}
	fmt.Println(p.Counts())
	// Output:
	// a.rs <nil>
	// kept 1 (13 bytes), duplicate 1 (13 bytes), generated 1 (24 bytes), minified 1 (10000 bytes)
}

func ExampleSplit() {
	s := corpus.Split{Fraction: 0.5, By: corpus.ByOrigin}
	for _, origin := range []string{"bytes-1.12.2", "bytes-0.5.6", "anyhow-1.0.104", "http-1.5.0"} {
		fmt.Println(origin, s.Validation(&corpus.Document{Origin: origin}))
	}
	// Output:
	// bytes-1.12.2 true
	// bytes-0.5.6 true
	// anyhow-1.0.104 false
	// http-1.5.0 false
}
