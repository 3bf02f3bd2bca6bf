package cli

import "github.com/spf13/cobra"

// BenchDecodeOptions are the flags of bench decode.
type BenchDecodeOptions struct {
	Common
	Weights         []string
	Batch, Threads  []int
	Model           string
	Tokens, Rounds  int
	Peer, PeerModel string
}

func (a *app) benchDecode() *cobra.Command {
	var o BenchDecodeOptions
	c := &cobra.Command{
		Use: "decode", Short: "Time the inference engine, token by token", Args: cobra.NoArgs,
		Long: `decode times the inference engine on a model of random weights: --tokens tokens one after
the other from an empty context, for one row or several rows in a step, with each kind of weights and
number of threads in turn, several rounds. It reports the median of the rounds in
tokens a second of all rows together, their range, and two ratios within rounds: to
one row, and to the first kind of weights.

--peer also runs a program with the arguments --peer-model and the numbers of threads,
joined by commas, in every round; it is asked as bench kernels asks it, and what it
calls "decode 2" is compared with one row on two threads.`,
		Example: `  trainer bench decode --weights f32,ternary --batch 1,8
  trainer bench decode --weights f32 --peer trainer/bench/peers/llamacpp.mjs --peer-model f32.gguf --json`,
		RunE: run(a, a.h.BenchDecode, func() (BenchDecodeOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringSliceVar(&o.Weights, "weights", []string{"f32", "bf16", "ternary"}, "decode with the kinds `LIST` of weights: f32, bf16, ternary")
	c.Flags().IntSliceVar(&o.Batch, "batch", []int{1, 8}, "decode `LIST` rows in a step")
	c.Flags().IntSliceVar(&o.Threads, "threads", []int{1, 2}, "run on `LIST` threads")
	c.Flags().StringVar(&o.Model, "model", "8,512,8,1408,512", "a model of `LAYERS,DIM,HEADS,HIDDEN,VOCAB`")
	c.Flags().IntVar(&o.Tokens, "tokens", 64, "decode `N` tokens a row")
	c.Flags().IntVar(&o.Rounds, "rounds", 5, "time `N` rounds")
	c.Flags().StringVar(&o.Peer, "peer", "", "also run the program `FILE`")
	c.Flags().StringVar(&o.PeerModel, "peer-model", "", "what the peer is to run: `FILE`")
	return c
}
