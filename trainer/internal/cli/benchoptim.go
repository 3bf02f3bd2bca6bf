package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) benchMemory() *cobra.Command {
	f := a.trainFlags()
	var o BenchMemoryOptions
	c := &cobra.Command{
		Use: "memory", Short: "Compare the memory of a training step between optimizers", Args: cobra.NoArgs,
		Long: `memory plans the bytes of a training step of the configured model with each of the
named optimizers, and what they save against the first. With --measure it also
trains a few steps on random tokens with each, in a process of its own, and reports
the largest resident size of a step and how much of the planned saving it shows. The
first two steps, one of which compiles, are not in it.

An optimizer is a name like adamw, muon8 or galore-muon8; a wrong one lists them all.
Rank, refreshes, level and block are those of optim.space and optim.state_block.`,
		Example: `  trainer bench memory --config run.toml --optimizer adamw,muon8,galore2+muon8
  trainer bench memory --preset crates --set optim.space.rank=64 --optimizer adamw,galore --measure`,
		RunE: run(a, a.h.BenchMemory, func() (BenchMemoryOptions, error) {
			t, err := f.options(a)
			o.Common, o.ConfigOptions = t.Common, t.ConfigOptions
			return o, err
		}),
	}
	f.add(c, "config", "backend", "set")
	c.Flags().StringSliceVar(&o.Optimizers, "optimizer", []string{"adamw", "muon", "muon8", "galore", "galore-muon8", "foam"}, "compare the optimizers `NAMES`, separated by commas")
	c.Flags().BoolVar(&o.Measure, "measure", false, "train and measure too")
	c.Flags().IntVar(&o.Updates, "updates", 5, "measure `N` updates")
	c.Flags().BoolVar(&o.Here, "here", false, "train in this process")
	_ = c.Flags().MarkHidden("here")
	return c
}
