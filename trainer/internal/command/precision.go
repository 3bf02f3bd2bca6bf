package command

import (
	"strings"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/quant"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// newModel is the model of a configuration for training on a backend, in the
// precision that it asks for.
func newModel(b compute.Backend, c config.Config, vocab int) (*lm.Model, error) {
	table, err := c.Linears(c.LM(vocab))
	if err != nil {
		return nil, err
	}
	return modelOf(b, c, vocab, table)
}

// lateModel is newModel for the end of a run, nil if that has none of its own.
func lateModel(b compute.Backend, c config.Config, vocab int) (*lm.Model, error) {
	table, err := c.LateLinears(c.LM(vocab))
	if table == nil || err != nil {
		return nil, err
	}
	return modelOf(b, c, vocab, table)
}

func modelOf(b compute.Backend, c config.Config, vocab int, table policy.Table) (*lm.Model, error) {
	if c.Precision.Mode == "native" {
		if err := quant.CheckNative(b, table); err != nil {
			return nil, err
		}
	}
	return lm.New(c.LM(vocab), lm.WithPolicy(table), lm.WithShards(backend.Shards(b, c.Train.Batch*c.Model.Context)))
}

// precisionTable is what a configuration makes of the linears, as text, and their
// mean size in bits.
func precisionTable(c config.Config, m lm.Config) (string, float64, error) {
	table, err := c.Linears(m)
	if err != nil {
		return "", 0, err
	}
	var text strings.Builder
	if err := table.Print(&text); err != nil {
		return "", 0, err
	}
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "  " + line
		}
	}
	return strings.Join(lines, "\n") + "\n", table.Bits(), nil
}
