package grid_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/grid"
)

const root = "../../.."

// TestLogHoldsTheResults: each grid whose protocol is published has results,
// made by that very protocol, and the log shows the table that they give; or it
// is said that it was not run.
func TestLogHoldsTheResults(t *testing.T) {
	log, err := os.ReadFile(filepath.Join(root, "docs/log.md"))
	require.NoError(t, err)
	protocols, err := filepath.Glob(filepath.Join(root, "trainer/bench/protocols/*.toml"))
	require.NoError(t, err)
	require.NotEmpty(t, protocols)
	for _, path := range protocols {
		name := filepath.Base(path[:len(path)-len(".toml")])
		text, err := os.ReadFile(filepath.Join(root, "docs/results", name+".json"))
		if errors.Is(err, os.ErrNotExist) {
			readme, err := os.ReadFile(filepath.Join(filepath.Dir(path), "README.md"))
			require.NoError(t, err)
			require.Contains(t, string(readme), "- `"+name+".toml`: not run yet\n")
			continue
		}
		require.NoError(t, err)
		var found grid.Result
		require.NoError(t, json.Unmarshal(text, &found))
		want, err := grid.Load(path)
		require.NoError(t, err)
		require.Equal(t, want, found.Protocol, name)
		require.Equal(t, found.Rows, want.Compare(found.Runs).Rows, "%s: the rows follow from the runs", name)
		require.Contains(t, string(log), found.Markdown(), name)
	}
}
