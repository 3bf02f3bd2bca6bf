package quant

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/precision/policy"
)

// Mutation: returning nil for formats that a tensor type exists for fails here.

func TestCheckNative(t *testing.T) {
	table := func(recipe string) policy.Table {
		p, err := policy.Policy{Recipe: recipe}.Resolve([]policy.Linear{{Path: "w", In: 64, Out: 64}})
		require.NoError(t, err)
		return p
	}
	require.NoError(t, CheckNative(backend, table("f32")))
	for _, name := range policy.Names() {
		if name == "f32" {
			continue
		}
		var missing *NotNativeError
		err := CheckNative(backend, table(name))
		require.ErrorAs(t, err, &missing, name)
		require.Equal(t, backend.Name(), missing.Backend)
		require.NotEmpty(t, missing.Missing)
	}
	require.ErrorContains(t, CheckNative(backend, table("nvfp4")), "nvfp4: ")
	require.ErrorContains(t, CheckNative(backend, table("ternary")), "ternary: no tensor type holds it")
	// Each format once.
	require.Len(t, CheckNative(backend, table("mxfp8")).(*NotNativeError).Missing, 1)
}
