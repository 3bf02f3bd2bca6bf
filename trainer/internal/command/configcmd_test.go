package command

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Mutation: printing the reference when only --set is given makes TestConfig
// fail.

func TestConfig(t *testing.T) {
	c, out, _ := common("")
	got, err := Config(context.Background(), cli.TrainOptions{Common: c})
	require.NoError(t, err)
	require.Equal(t, string(config.Reference()), out.String())
	require.Equal(t, config.Entries(), got)

	for _, o := range []cli.TrainOptions{
		{ConfigOptions: cli.ConfigOptions{Preset: "quickstart", Set: []string{"model.dim=64"}}},
		{ConfigOptions: cli.ConfigOptions{Set: []string{"model.dim=64"}}},
	} {
		want, err := config.Load(o.Preset, o.File, o.Set)
		require.NoError(t, err)
		o.Common, out, _ = common("")
		got, err := Config(context.Background(), o)
		require.NoError(t, err)
		require.Equal(t, string(want.TOML()), out.String(), "a file that --config takes")
		require.EqualValues(t, 64, got.(map[string]any)["model"].(map[string]any)["dim"])
	}
	_, err = Config(context.Background(), cli.TrainOptions{Common: c, ConfigOptions: cli.ConfigOptions{Set: []string{"model.dim=-1"}}})
	require.ErrorContains(t, err, "dimension -1")
}
