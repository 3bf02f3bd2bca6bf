package command

import (
	"context"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Config is the command config: the effective configuration as TOML or, with
// --json, as the same tables in JSON; without a choice on the command line the
// reference of all keys.
func Config(_ context.Context, o cli.TrainOptions) (any, error) {
	if o.Preset == "" && o.File == "" && len(o.Set) == 0 {
		o.Printf("%s", config.Reference())
		return config.Entries(), nil
	}
	c, err := config.Load(o.Preset, o.File, o.Set)
	if err != nil {
		return nil, err
	}
	o.Printf("%s", c.TOML())
	return c.Tables(), nil
}
