package cli

import "github.com/spf13/cobra"

// BenchGridOptions are the flags of bench grid.
type BenchGridOptions struct {
	Common
	Protocol, Out string
	Workers       int
}

func (a *app) benchGrid() *cobra.Command {
	var o BenchGridOptions
	c := &cobra.Command{
		Use: "grid", Short: "Compare training methods over learning rates and seeds", Args: cobra.NoArgs,
		Long: `grid makes the runs that a protocol asks for and compares their validation losses:
every method on a grid of learning rates of the same size with the first seed, then on
the other seeds at its best rate. Methods compare by differences within seeds, with 95 %
intervals. Runs that are in --out already are not made again, so that an interrupted
grid goes on where it was, and a protocol that grew runs only what is new. The table is
printed, and results.json in --out holds it with every run.

The protocol is a TOML file:

  question = "does muon learn faster than adamw?"
  set = ["data.sources=[{dir=\"prepared\"}]", "train.steps=500"]  # of all runs, as in --set of train
  rates = [0.001, 0.002, 0.004]                                   # optim.lr
  seeds = [1, 2, 3]
  base = "adamw"
  [[methods]]
  name = "adamw"
  set = ["optim.rule=adamw"]
  [[methods]]
  name = "muon, fewer steps"
  set = ["optim.rule=muon", "train.steps=375"]

A method may have rates of its own (as many as the others), seeds of its own (with the
same first), follows = "METHOD" to take that one's best rate without a grid, and
against = "METHOD" to be compared with another than base.`,
		Example: `  trainer bench grid --protocol muon.toml --out runs/muon-grid --workers 2`,
		RunE:    run(a, a.h.BenchGrid, func() (BenchGridOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringVar(&o.Protocol, "protocol", "", "read the protocol `FILE`")
	c.Flags().StringVar(&o.Out, "out", "", "keep runs and results in `DIR`")
	c.Flags().IntVar(&o.Workers, "workers", 1, "make `N` runs at a time; on small models 2 use two cores better than 1")
	_ = c.MarkFlagRequired("protocol")
	_ = c.MarkFlagRequired("out")
	return c
}
