package cli

import "github.com/spf13/cobra"

// BenchOptimOptions are the flags of bench optim.
type BenchOptimOptions struct {
	Common
	Matrices        string
	Optimizers      []string
	Rank, Every     int
	Rounds, Updates int
	Backend         string
	Peer            string
	PeerNames       []string
	LossGuard       bool
}

func (a *app) benchOptim() *cobra.Command {
	var o BenchOptimOptions
	c := &cobra.Command{
		Use: "optim", Short: "Time the update of optimizers, without a model", Args: cobra.NoArgs,
		Long: `optim times the update of each optimizer on matrices whose gradients are there
already, all of them in turn, several rounds, and reports the median of the rounds,
their range, the state in bytes, and the time against the first optimizer's, which is
the median of the ratios within rounds. An optimizer is a name like adamw, muon8 or
galore2+muon8; a wrong one lists them all.

--peer also runs a program with the arguments MATRICES, UPDATES and NAMES, which says
"ready" and then answers every line on its standard input with a JSON object of the
seconds that one of its updates took, by name; see trainer/bench/peers/optim_speed.py.
A script that ends in .py is run by the Python that PEER_PYTHON names.`,
		Example: `  trainer bench optim --optimizer adamw,muon,muon8 --rounds 5
  trainer bench optim --optimizer muon --peer trainer/bench/peers/optim_speed.py --peer-names "optax muon"
  trainer bench optim --optimizer galore --matrices 1x1024x4096 --rank 256 --every 1`,
		RunE: run(a, a.h.BenchOptim, func() (BenchOptimOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringVar(&o.Matrices, "matrices", "16x512x512,12x512x2048,4x1024x1024,2x1024x2048", "update the matrices `LIST` of COUNTxROWSxCOLUMNS")
	c.Flags().StringSliceVar(&o.Optimizers, "optimizer", []string{"adamw", "adamw8", "muon", "muon8", "galore", "foam"}, "time the optimizers `NAMES`, separated by commas")
	c.Flags().IntVar(&o.Rank, "rank", 128, "rank `N` of galore and its relatives")
	c.Flags().IntVar(&o.Every, "every", 1_000_000, "refresh subspaces every `N` updates; by default none after the first is timed")
	c.Flags().IntVar(&o.Rounds, "rounds", 5, "time `N` rounds")
	c.Flags().IntVar(&o.Updates, "updates", 3, "`N` updates of each optimizer in a round")
	c.Flags().StringVar(&o.Backend, "backend", "auto", "run on `NAME`: auto, xla or go")
	c.Flags().StringVar(&o.Peer, "peer", "", "also time the program `FILE`")
	c.Flags().BoolVar(&o.LossGuard, "loss-guard", false, "look only at the loss for a step to skip, as a peer does that takes no norm of the gradients")
	c.Flags().StringSliceVar(&o.PeerNames, "peer-names", []string{"optax muon", "optax adamw"}, "what the peer is to time: `NAMES`, separated by commas")
	return c
}
