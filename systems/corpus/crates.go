package corpus

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var (
	crateName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	crateVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	crateSum     = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
)

// listed is an entry of a list of crates.
type listed struct {
	CrateInfo
	line int
}

// crates is the source of the .rs files of the crates in a list.
type crates struct {
	path  string
	items []listed
}

// Crates is the .rs files of the crates that the list at path names, in the
// list's order and, within a crate, in the order of its archive. A line of the
// list is, separated by tabs,
//
//	name  version  licence  files  bytes  SHA-256 of the .crate file
//
// of which name and version are required; what is missing at the end, or
// empty, is not known. A line that begins with # is a comment. files and bytes
// are what was kept of the crate once; they are not compared.
//
// Documents takes the .crate files from cargo's cache ($CARGO_HOME, or ~/.cargo)
// and verifies their SHA-256; for those that are not there it runs `cargo fetch`
// in a scratch project, so that nothing but the user's own cargo ever uses the
// network, under the user's settings. When all are cached, cargo is not needed.
//
// A document's ID is name-version/path, its origin name-version, its licence
// that of the list or, where the list has none, of the crate's Cargo.toml.
func Crates(path string) (Source, error) {
	c, err := readCrates(path)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func readCrates(path string) (*crates, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("corpus: list of crates: %w", err)
	}
	defer f.Close()
	c := &crates{path: path}
	seen := map[string]int{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimRight(lines.Text(), " \t\r")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		item, err := parseCrate(text)
		if err != nil {
			return nil, fmt.Errorf("corpus: %s:%d: %w", path, n, err)
		}
		if first, ok := seen[item.Origin()]; ok {
			return nil, fmt.Errorf("corpus: %s:%d: %s is on line %d already", path, n, item.Origin(), first)
		}
		seen[item.Origin()] = n
		c.items = append(c.items, listed{item, n})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("corpus: %s: %w", path, err)
	}
	if len(c.items) == 0 {
		return nil, fmt.Errorf("corpus: %s lists no crates: %w", path, ErrEmpty)
	}
	return c, nil
}

// parseCrate reads one entry of a list.
func parseCrate(text string) (CrateInfo, error) {
	var c CrateInfo
	field := strings.Split(text, "\t")
	if len(field) < 2 || len(field) > 6 {
		return c, fmt.Errorf("%d columns, want 2 to 6 separated by tabs: name, version, licence, files, bytes, SHA-256", len(field))
	}
	for len(field) < 6 {
		field = append(field, "")
	}
	c.Name, c.Version, c.License, c.SHA256 = field[0], field[1], strings.TrimSpace(field[2]), strings.ToLower(field[5])
	if !crateName.MatchString(c.Name) {
		return c, fmt.Errorf("%q is not the name of a crate", c.Name)
	}
	if !crateVersion.MatchString(c.Version) {
		return c, fmt.Errorf("version %q of %s, want an exact one such as 1.2.3", c.Version, c.Name)
	}
	for i, dst := range []*int64{&c.Files, &c.Bytes} {
		if field[3+i] == "" {
			continue
		}
		n, err := strconv.ParseUint(field[3+i], 10, 63)
		if err != nil {
			return c, fmt.Errorf("%s of %s is %q, want a number", []string{"files", "bytes"}[i], c.Name, field[3+i])
		}
		*dst = int64(n)
	}
	if c.SHA256 != "" && !crateSum.MatchString(c.SHA256) {
		return c, fmt.Errorf("SHA-256 of %s is %q, want 64 hexadecimal digits or nothing", c.Name, field[5])
	}
	return c, nil
}

// hash identifies the entries: everything that decides which documents come
// and how they are labelled.
func (c *crates) hash() string {
	h := sha256.New()
	for _, i := range c.items {
		fmt.Fprintf(h, "%s\t%s\t%s\t%s\n", i.Name, i.Version, i.License, i.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (c *crates) Name() string { return c.path }

func (c *crates) Documents(ctx context.Context) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		archives, err := c.archives(ctx)
		if err != nil {
			yield(Document{}, err)
			return
		}
		n := 0
		for _, a := range archives {
			err := a.read(ctx, func(d Document) error {
				n++
				if !yield(d, nil) {
					return errStop
				}
				return nil
			})
			if errors.Is(err, errStop) {
				return
			}
			if err != nil {
				yield(Document{}, err)
				return
			}
		}
		if n == 0 {
			yield(Document{}, fmt.Errorf("corpus: the crates of %s hold no .rs files: %w", c.path, ErrEmpty))
		}
	}
}

// archives finds the archive of every crate, after cargo has fetched those
// that its cache does not hold. What the list leaves out is filled in.
func (c *crates) archives(ctx context.Context) ([]archive, error) {
	cache, err := openCargoCache()
	if err != nil {
		return nil, err
	}
	var missing []listed
	for _, i := range c.items {
		if !cache.has(i.CrateInfo) {
			missing = append(missing, i)
		}
	}
	if len(missing) > 0 {
		if err := c.fetch(ctx, missing); err != nil {
			return nil, err
		}
		if cache, err = openCargoCache(); err != nil {
			return nil, err
		}
	}
	found := make([]archive, len(c.items))
	for k, i := range c.items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if found[k], err = cache.find(i.CrateInfo); err != nil {
			return nil, fmt.Errorf("corpus: %s:%d: %w", c.path, i.line, err)
		}
	}
	return found, nil
}
