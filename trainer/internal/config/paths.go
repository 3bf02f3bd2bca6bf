package config

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// PathSources describes paths as sources of documents, by what lies there:
//
//	a name that ends in .parquet          parquet, with the text in column
//	a folder of such files                the same; other files may be beside them if column is given
//	a file with lines name TAB version …  a list of crates
//	anything else                         a directory, its files with an ending in ext, or one file
//
// A path that does not exist counts as a directory: reading it is what fails,
// with the path in the error.
func PathSources(paths []string, column string, ext []string) ([]Source, error) {
	var all []Source
	parquet := false
	for _, p := range paths {
		switch {
		case p == "":
			return nil, errors.New("a path of the data is empty")
		case strings.HasSuffix(p, ".parquet") || holdsParquet(p, column == ""):
			parquet = true
			all = append(all, Source{Parquet: p, Column: column})
		case listsCrates(p):
			all = append(all, Source{Crates: p})
		default:
			all = append(all, Source{Dir: p, Ext: ext})
		}
	}
	if column != "" && !parquet {
		return nil, fmt.Errorf("column %q: none of the data is a parquet file", column)
	}
	return all, nil
}

// holdsParquet reports whether a folder holds parquet files, and nothing but
// those if alone is set.
func holdsParquet(path string, alone bool) bool {
	entries, _ := os.ReadDir(path)
	n := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".parquet") {
			n++
		}
	}
	return n > 0 && (n == len(entries) || !alone)
}

var crateLine = regexp.MustCompile(`^[A-Za-z0-9_-]+\t[0-9]+\.[0-9]+\.[0-9]+[^\t]*(\t|$)`)

// listsCrates reports whether the first entry of a file is a crate with its
// version. Lines that are blank or begin with # come before it.
func listsCrates(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
			return crateLine.MatchString(line)
		}
	}
	return false
}

// FormatSources writes sources as the value of the key data.sources.
func FormatSources(sources []Source) string {
	text, err := toml.Marshal(struct {
		S []Source `toml:"s,inline"`
	}{sources})
	if err != nil {
		panic(fmt.Sprintf("config: %v", err)) // every field has a TOML form
	}
	return strings.TrimSpace(strings.TrimPrefix(string(text), "s = "))
}
