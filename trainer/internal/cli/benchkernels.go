package cli

import "github.com/spf13/cobra"

// BenchKernelsOptions are the flags of bench kernels.
type BenchKernelsOptions struct {
	Common
	Shapes          []string
	Batch, Threads  []int
	Model           string
	Rounds          int
	Peer, PeerModel string
}

func (a *app) benchKernels() *cobra.Command {
	var o BenchKernelsOptions
	c := &cobra.Command{
		Use: "kernels", Short: "Time products of ternary weights and int8 activations", Args: cobra.NoArgs,
		Long: `kernels times the products with ternary weights that inference on the CPU makes, with
the quantisation of their activations: by shape, rows of activations and threads, all
in turn, several rounds. It reports the median of the rounds, their range and GOPS,
10^9 operations a second at two for each weight and row.

--model adds all linears of a transformer of that shape, one call for each linear, as
tokens a second: "decode" one token at a time, "prompt" 64 at a time. Norms, attention
and the head are not in it.

--peer also runs a program with the arguments --peer-model and the numbers of threads,
joined by commas, in every round of --model. It says "ready" and then answers every
line on its standard input with a JSON object of tokens a second by name, like
"decode 2" for two threads; see trainer/bench/peers/llamacpp.mjs. A script that ends
in .mjs is run by node, one in .py by the Python that PEER_PYTHON names.`,
		Example: `  trainer bench kernels --threads 1,2 --json
  trainer bench kernels --shapes 4096x4096 --batch 1 --model ""
  trainer bench kernels --shapes "" --model 12,768,2048 --peer trainer/bench/peers/llamacpp.mjs --peer-model ternary.gguf`,
		RunE: run(a, a.h.BenchKernels, func() (BenchKernelsOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringSliceVar(&o.Shapes, "shapes", []string{"768x768", "2048x768", "768x2048", "4096x4096", "4096x16384"}, "multiply with weights of the shapes `LIST` of OUTPUTSxINPUTS")
	c.Flags().IntSliceVar(&o.Batch, "batch", []int{1, 8, 64}, "multiply `LIST` rows of activations at once")
	c.Flags().IntSliceVar(&o.Threads, "threads", []int{1, 2}, "run on `LIST` threads")
	c.Flags().StringVar(&o.Model, "model", "12,768,2048", "also time the linears of `LAYERS,DIM,HIDDEN`; empty for none")
	c.Flags().IntVar(&o.Rounds, "rounds", 5, "time `N` rounds")
	c.Flags().StringVar(&o.Peer, "peer", "", "also run the program `FILE`")
	c.Flags().StringVar(&o.PeerModel, "peer-model", "", "what the peer is to run: `FILE`")
	return c
}
