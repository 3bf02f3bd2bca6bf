package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: matching a list of crates without the version makes TestPathSources
// fail at "words.txt"; quoting paths as Go does makes TestFormatSources fail.

func TestPathSources(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	list := write("crates.txt", "# a list\n\nserde_json\t1.0.149\tMIT OR Apache-2.0\t69\t600000\tabc\n")
	words := write("words.txt", "name\tmeaning\nserde\t1.0\n")
	source := write("src/a.rs", "fn main() {}\n")
	a, mixed := write("many/a.parquet", ""), filepath.Dir(write("mixed/a.parquet", ""))
	write("mixed/a.rs", "")
	src, many, gone := filepath.Dir(source), filepath.Dir(a), filepath.Join(dir, "gone")
	for _, c := range []struct {
		name  string
		paths []string
		col   string
		ext   []string
		want  []Source
	}{
		{"directory", []string{src}, "", nil, []Source{{Dir: src}}},
		{"endings", []string{src}, "", []string{"md"}, []Source{{Dir: src, Ext: []string{"md"}}}},
		{"list", []string{list}, "", nil, []Source{{Crates: list}}},
		{"text file", []string{words, source}, "", nil, []Source{{Dir: words}, {Dir: source}}},
		{"parquet", []string{a, src}, "", nil, []Source{{Parquet: a}, {Dir: src}}},
		{"parquet not there", []string{gone + ".parquet"}, "body", nil, []Source{{Parquet: gone + ".parquet", Column: "body"}}},
		{"folder of parquet", []string{many, src}, "body", nil, []Source{{Parquet: many, Column: "body"}, {Dir: src}}},
		{"folder of parquet, no column", []string{many}, "", nil, []Source{{Parquet: many}}},
		{"mixed folder", []string{mixed}, "", nil, []Source{{Dir: mixed}}},
		{"mixed folder, column", []string{mixed}, "body", nil, []Source{{Parquet: mixed, Column: "body"}}},
		{"not there", []string{gone}, "", nil, []Source{{Dir: gone}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := PathSources(c.paths, c.col, c.ext)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := PathSources([]string{src}, "body", nil)
	require.ErrorContains(t, err, `column "body"`)
	_, err = PathSources([]string{""}, "", nil)
	require.ErrorContains(t, err, "empty")
}

// TestFormatSources: a setting made from paths reads back to the same sources.
func TestFormatSources(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.String().Filter(func(s string) bool { return s != "" && !strings.ContainsRune(s, 0xfffd) })
		want := []Source{{Dir: path.Draw(t, "dir"), Ext: []string{path.Draw(t, "ext")}}, {Parquet: path.Draw(t, "parquet"), Column: path.Draw(t, "column")},
			{Crates: path.Draw(t, "crates")}, {Rustgen: &Rustgen{Level: 2, Megabytes: 1.5}}}
		c := Default()
		require.NoError(t, c.Set("data.sources="+FormatSources(want)))
		require.Equal(t, want, c.Data.Sources)
	})
}
