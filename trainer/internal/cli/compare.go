package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

// CompareOptions are the flags of compare.
type CompareOptions struct {
	TrainOptions
	// Variants are names of recipes, or settings KEY=VALUE.
	Variants []string
	Seeds    int
	Workers  int
}

func (a *app) compare() *cobra.Command {
	f := a.trainFlags()
	var o CompareOptions
	c := &cobra.Command{
		Use: "compare A,B[,C…] | KEY=VALUE KEY=VALUE…", Short: "Train variants on the same seeds and compare their losses",
		Long: `compare trains one model in several variants, each on the same seeds, and prints the
loss of each on validation text, its difference to the first variant within seeds with a
95 % interval, the time of a step, and the bits of a weight of the linears.

A variant is a recipe of precision (bf16, nvfp4, fp8_tensor …; fp4 and fp8 stand for
nvfp4 and fp8_tensor) or a setting as in --set. Settings are given as arguments of their
own, because their values may have commas. Formats below float32 are emulated: their loss
is that of the format, their time is not.

Runs are kept in --out; the same command goes on with what is not there.`,
		Example: `  trainer compare bf16,fp4 --preset crates --steps 500 --out runs/fp4
  trainer compare optim.rule=adamw optim.rule=muon --data src --steps 300 --seeds 5 --out runs/rules`,
		Args: cobra.MinimumNArgs(1),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return run(a, a.h.Compare, func() (CompareOptions, error) {
			var err error
			if o.TrainOptions, err = f.withData(a); err != nil {
				return o, err
			}
			if o.Variants = args; len(args) == 1 && !strings.Contains(args[0], "=") {
				o.Variants = strings.Split(args[0], ",")
			}
			if len(o.Variants) < 2 {
				return o, errors.New("want at least two variants to compare, like bf16,nvfp4")
			}
			return o, nil
		})(cmd, args)
	}
	f.add(c, "data", "budget", "seed", "backend", "set")
	c.Flags().StringVar(&f.o.Preset, "preset", "", "start from the preset `NAME`")
	c.Flags().StringVar(&f.o.Run, "out", "", "keep runs and results in `DIR`")
	c.Flags().IntVar(&o.Seeds, "seeds", 3, "train each variant on `N` seeds, from --seed on")
	c.Flags().IntVar(&o.Workers, "workers", 1, "make `N` runs at a time")
	_ = c.MarkFlagRequired("out")
	return c
}
