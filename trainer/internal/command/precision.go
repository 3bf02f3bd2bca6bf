package command

import (
	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/quant"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// newModel is the model of a configuration for training on a backend, in the
// precision that it asks for.
func newModel(b compute.Backend, c config.Config, vocab int) (*lm.Model, error) {
	cfg := c.LM(vocab)
	table, err := c.Linears(cfg)
	if err != nil {
		return nil, err
	}
	if c.Precision.Mode == "native" {
		if err := quant.CheckNative(b, table); err != nil {
			return nil, err
		}
	}
	return lm.New(cfg, lm.WithPolicy(table), lm.WithShards(backend.Shards(b, c.Train.Batch*c.Model.Context)))
}
