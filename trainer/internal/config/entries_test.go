package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: looking every key up in the top table makes TestEntries fail.

func TestEntries(t *testing.T) {
	byKey := map[string]Entry{}
	for _, e := range Entries() {
		require.NotEmpty(t, e.Meaning, "key %s has no doc tag", e.Key)
		byKey[e.Key] = e
	}
	require.Len(t, byKey, len(Keys()))
	require.EqualValues(t, 1, byKey["seed"].Default)
	require.EqualValues(t, 256, byKey["model.dim"].Default)
	require.Equal(t, "0s", byKey["train.time"].Default)
	require.Nil(t, byKey["optim.groups"].Default)
	require.Equal(t, []any{map[string]any{"rustgen": map[string]any{"level": int64(2), "megabytes": 16.0}}}, byKey["data.sources"].Default)
}

func TestDifferences(t *testing.T) {
	a, b := Default(), Default()
	require.Empty(t, Differences(a, b))
	b.Seed, b.Model.Ternary, b.Data.Sources = 2, true, []Source{{Dir: "x"}}
	b.Optim.Groups = []Group{{Match: []string{"*"}, Rule: "adamw", LR: 1}}
	require.Equal(t, []string{"seed", "data.sources", "model.ternary", "optim.groups"}, Differences(a, b))
}
