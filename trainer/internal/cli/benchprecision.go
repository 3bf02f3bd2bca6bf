package cli

import "github.com/spf13/cobra"

// BenchPrecisionOptions are the flags of bench precision.
type BenchPrecisionOptions struct {
	Common
	Formats                []string
	Values, Rounds, Passes int
	Peer                   string
}

func (a *app) benchPrecision() *cobra.Command {
	var o BenchPrecisionOptions
	c := &cobra.Command{
		Use: "precision", Short: "Time conversions of float32 to small formats and back", Args: cobra.NoArgs,
		Long: `precision times the encoding and the decoding of each format on one thread, all of
them in turn, several rounds, and reports GB/s of the float32 side: the median of the
rounds, their range, and by which instructions. A build with GOEXPERIMENT=simd encodes
with AVX2 where the processor has it.

--peer also runs a program with the arguments VALUES, PASSES and NAMES, such as
"e4m3 encode,e4m3 decode", which says "ready" and then answers every line on its
standard input with a JSON object of the seconds that one of its passes took, by name;
see trainer/bench/peers/codecs.py. The ratio is how many times as fast as the peer a
conversion is, the median of the ratios within rounds. A script that ends in .py is run
by the Python that PEER_PYTHON names.`,
		Example: `  trainer bench precision
  trainer bench precision --formats e4m3,mxfp4 --values 65536 --passes 100
  trainer bench precision --peer trainer/bench/peers/codecs.py --rounds 7 --json`,
		RunE: run(a, a.h.BenchPrecision, func() (BenchPrecisionOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringSliceVar(&o.Formats, "formats", nil, "convert to the formats `NAMES`, separated by commas (default all)")
	c.Flags().IntVar(&o.Values, "values", 1<<22, "convert `N` values, a multiple of 256")
	c.Flags().IntVar(&o.Rounds, "rounds", 5, "time `N` rounds")
	c.Flags().IntVar(&o.Passes, "passes", 3, "`N` passes over the values for each conversion in a round")
	c.Flags().StringVar(&o.Peer, "peer", "", "also time the program `FILE`")
	return c
}
