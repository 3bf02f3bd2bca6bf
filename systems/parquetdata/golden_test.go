package parquetdata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/parquetdata"
)

// Mutation: raising c.row on every value in cursor.next fails
// TestPyarrowFiles/nested-v1.parquet; skipping the first value of a page in
// cursor.turn fails all of it.

// expectation is an entry of expected.json: what a plain reader finds.
type expectation struct {
	File, Column      string
	Origin, License   string
	Documents         []*text
	Origins, Licenses []string
}

// text is a string, or the hash of a long one.
type text struct {
	short  string
	SHA256 string
	Bytes  int
}

func (t *text) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &t.short)
	}
	type long text
	return json.Unmarshal(b, (*long)(t))
}

func (t *text) requireEqual(test *testing.T, got []byte, id string) {
	test.Helper()
	if t.SHA256 == "" {
		require.Equal(test, t.short, string(got), id)
		return
	}
	sum := sha256.Sum256(got)
	require.Equal(test, t.SHA256, hex.EncodeToString(sum[:]), id)
	require.Len(test, got, t.Bytes, id)
}

// checkFolder compares every entry of dir/expected.json and returns how many
// there were.
func checkFolder(t *testing.T, dir string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	require.NoError(t, err)
	var all []expectation
	require.NoError(t, json.Unmarshal(raw, &all))
	for _, want := range all {
		t.Run(want.File+"/"+want.Column, func(t *testing.T) {
			s, err := parquetdata.Open(filepath.Join(dir, want.File), parquetdata.Config{Column: want.Column, Origin: want.Origin, License: want.License})
			require.NoError(t, err)
			var got []corpus.Document
			for d, err := range s.Documents(t.Context()) {
				require.NoError(t, err)
				got = append(got, d)
			}
			require.Len(t, got, len(want.Documents))
			for i, d := range got {
				require.Equal(t, want.Documents[i] == nil, d.Null, d.ID)
				if !d.Null {
					want.Documents[i].requireEqual(t, d.Text, d.ID)
				}
				origin, license := want.File, ""
				if want.Origins != nil {
					origin = want.Origins[i]
				}
				if want.Licenses != nil {
					license = want.Licenses[i]
				}
				require.Equal(t, origin, d.Origin, d.ID)
				require.Equal(t, license, d.License, d.ID)
			}
		})
	}
	return len(all)
}

func TestPyarrowFiles(t *testing.T) {
	require.Greater(t, checkFolder(t, "testdata"), 35)
}

// TestPyarrowPeer has pyarrow write other files: every codec, page version and
// encoding with row groups and pages of drawn sizes.
func TestPyarrowPeer(t *testing.T) {
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		t.Skip("PEER_PYTHON does not name a Python with pyarrow")
	}
	for _, seed := range []string{"1", "2"} {
		dir := t.TempDir()
		out, err := exec.CommandContext(t.Context(), python, "testdata/generate.py", dir, "--random", seed).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Greater(t, checkFolder(t, dir), 100)
	}
}
