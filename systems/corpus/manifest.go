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

// crateFolders is a manifest as a look-up table.
type crateFolders map[string]CrateInfo

// describe sets origin and licence from the document's top folder, and reports
// whether the manifest knows it.
func (m crateFolders) describe(d *Document) bool {
	top, _, nested := strings.Cut(d.ID, "/")
	c, ok := m[top]
	if !nested || !ok {
		return false
	}
	d.Origin, d.License = top, c.License
	return true
}

// readManifest returns nil when root has no manifest of ours. Another
// program's manifest.json is none of our business; a damaged one of ours is.
func readManifest(root string) (crateFolders, error) {
	m, err := loadManifest(root)
	if m == nil || err != nil {
		return nil, err
	}
	folders := make(crateFolders, len(m.Crates))
	for _, c := range m.Crates {
		folders[c.Origin()] = c
	}
	return folders, nil
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
