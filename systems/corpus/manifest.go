package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	manifestName   = "manifest.json"
	manifestFormat = "nanochat-crates/1"
)

// Manifest describes a folder of crates' files that FetchCrates wrote.
type Manifest struct {
	Format  string           `json:"format"`
	List    string           `json:"list_sha256"` // of the list's entries, not of its bytes
	Crates  []CrateInfo      `json:"crates"`
	Kept    Count            `json:"kept"`
	Removed map[Reason]Count `json:"removed"`
}

// CrateInfo is one crate of a manifest; its files lie under Name-Version.
type CrateInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	License string `json:"license"`
	SHA256  string `json:"sha256"` // of the .crate file
	Files   int64  `json:"files"`
	Bytes   int64  `json:"bytes"`
}

// Origin is name-version, the folder of the crate's files.
func (c CrateInfo) Origin() string { return c.Name + "-" + c.Version }

// folder is a walk over what FetchCrates wrote: the manifest as a look-up
// table, and what has been seen of each crate.
type folder struct {
	root   string
	crates []CrateInfo
	at     map[string]int
	seen   []Count
}

// openFolder returns nil when root has no manifest of ours. Another program's
// manifest.json is none of our business; a damaged one of ours is.
func openFolder(root string) (*folder, error) {
	m, err := loadManifest(root)
	if m == nil || err != nil {
		return nil, err
	}
	f := &folder{root: root, crates: m.Crates, at: make(map[string]int), seen: make([]Count, len(m.Crates))}
	for i, c := range m.Crates {
		f.at[c.Origin()] = i
	}
	return f, nil
}

// describe sets origin and licence from the document's top folder, and reports
// whether the manifest knows it.
func (f *folder) describe(d *Document) bool {
	top, _, nested := strings.Cut(d.ID, "/")
	i, ok := f.at[top]
	if !nested || !ok {
		return false
	}
	d.Origin, d.License = top, f.crates[i].License
	return true
}

// count notes that a document was read.
func (f *folder) count(d *Document) { f.seen[f.at[d.Origin]].add(d) }

// complete reports the first crate of which the walk did not see all that the
// manifest says.
func (f *folder) complete() error {
	for i, c := range f.crates {
		if got := f.seen[i]; got.Documents != c.Files || got.Bytes != c.Bytes {
			return fmt.Errorf("corpus: %s holds %d files and %d bytes of %s, its manifest says %d and %d: delete the folder and fetch it again",
				f.root, got.Documents, got.Bytes, c.Origin(), c.Files, c.Bytes)
		}
	}
	return nil
}

func loadManifest(root string) (*Manifest, error) {
	path := filepath.Join(root, manifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if !bytes.Contains(text, []byte(manifestFormat)) {
		return nil, nil
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("corpus: %s: %w", path, err)
	}
	if m.Format != manifestFormat {
		return nil, nil
	}
	return &m, nil
}
