package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) eval() *cobra.Command {
	var b, r EvalOptions
	bpb := &cobra.Command{
		Use: "bpb", Short: "Bits per byte of a model on validation text or other data", Args: cobra.NoArgs,
		Long: `bpb measures how well a run's model predicts text: the sum of -log2 p over all tokens,
divided by the bytes of the text, so that models with different tokenizers compare.
The text is the run's validation part, or all documents of --data.`,
		Example: `  trainer eval bpb --run runs/first
  trainer eval bpb --run runs/first --data src`,
		RunE: run(a, a.h.EvalBPB, func() (EvalOptions, error) { b.Common = a.common; return b, nil }),
	}
	bpb.Flags().StringVar(&b.Run, "run", "", "use the model of the run directory `DIR`")
	bpb.Flags().StringArrayVar(&b.Data, "data", nil, "read text from `PATH` as train does (default the run's validation text); may be repeated")
	bpb.Flags().StringSliceVar(&b.Ext, "ext", nil, extHelp)
	bpb.Flags().StringVar(&b.Column, "column", "", columnHelp)
	bpb.Flags().StringVar(&b.Backend, "backend", "auto", "run on `NAME`: auto, xla or go")
	_ = bpb.MarkFlagRequired("run")
	rust := &cobra.Command{
		Use: "rust", Short: "Share of a model's samples that rustc compiles", Args: cobra.NoArgs,
		Long: `rust samples programs from the model, cuts each after its last complete item and
compiles it with rustc, without ever running it. A sample that would read files, the
environment or load procedural macros is refused and counts as not compiled. The rate
comes with its 95 % Wilson interval, and with how many of the compiled programs occur
nowhere in the training text.`,
		Example: `  trainer eval rust --run runs/first --samples 200`,
		RunE:    run(a, a.h.EvalRust, func() (EvalOptions, error) { r.Common = a.common; return r, nil }),
	}
	rust.Flags().StringVar(&r.Run, "run", "", "use the model of the run directory `DIR`")
	rust.Flags().IntVar(&r.Samples, "samples", 64, "draw `N` samples")
	rust.Flags().Int64Var(&r.Seed, "seed", 1, "seed `N` of the samples")
	rust.Flags().Float64Var(&r.Temperature, "temperature", 0.8, "sample with temperature `T`; 0 takes the most likely token each time")
	rust.Flags().IntVar(&r.MaxTokens, "max-tokens", 0, "end a sample after `N` tokens (0: the model's context)")
	_ = rust.MarkFlagRequired("run")
	return group("eval", "Measure a model: bpb, rust", bpb, rust)
}

func (a *app) generate() *cobra.Command {
	var o GenerateOptions
	c := &cobra.Command{
		Use: "generate [MODEL]", Short: "Continue a prompt",
		Long: `generate samples from a model and prints the prompt with its continuation. The same
seed gives the same text. MODEL is a run, whose newest checkpoint is used, a folder of
Hugging Face's layout, or a GGUF file, whose products are rounded as llama.cpp does.`,
		Example: `  trainer generate --run runs/first --prompt "/// Returns" --max-tokens 120 --temperature 0.8
  trainer generate models/SmolLM2-135M --prompt "fn main() {" --temperature 0
  trainer generate model-TQ2_0.gguf --prompt "fn main() {"`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args)+min(len(o.Run), 1) != 1:
				return usageError{errors.New("generate: which model? give one MODEL, or --run DIR")}
			case len(args) == 1:
				o.Run = args[0]
			}
			return nil
		},
		RunE: run(a, a.h.Generate, func() (GenerateOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringVar(&o.Run, "run", "", "use the model of the run directory `DIR`")
	c.Flags().StringVar(&o.Prompt, "prompt", "", "continue `TEXT`; empty starts a new document")
	c.Flags().IntVar(&o.MaxTokens, "max-tokens", 128, "end after `N` tokens")
	c.Flags().Float64Var(&o.Temperature, "temperature", 0.8, "sample with temperature `T`; 0 takes the most likely token each time")
	c.Flags().IntVar(&o.TopK, "top-k", 0, "sample among the `K` most likely tokens (0: all)")
	c.Flags().IntVar(&o.Depth, "depth", 0, "make `N` passes of a looped model; 0: as many as it was trained with")
	c.Flags().Float64Var(&o.Exit, "exit", 0, "end the passes of a token when its gate says with probability `Q` that they have; 0: never")
	c.Flags().IntVar(&o.Draft, "draft", 0, "draft `N` tokens at a time and verify them together; 0: none")
	c.Flags().IntVar(&o.DraftDepth, "draft-depth", 0, "let a looped model draft with `N` passes; 0: heads for later tokens draft")
	c.Flags().Float64Var(&o.TopP, "top-p", 1, "sample among the fewest tokens that share the probability `P`")
	c.Flags().Int64Var(&o.Seed, "seed", 1, "seed `N` of the sample")
	return c
}

func (a *app) export() *cobra.Command {
	var o ExportOptions
	hf := &cobra.Command{
		Use: "hf", Short: "Write a folder that Hugging Face transformers loads", Args: cobra.NoArgs,
		Long: `hf writes config.json, model.safetensors, tokenizer.json, tokenizer_config.json and
generation_config.json, reads them back and compares them before it reports success.
A model with ternary linears is exported with --dequantised: every weight as the value
it has in training, activations in full precision. What transformers has no class for
is refused by name.`,
		Example: `  trainer export hf --run runs/first --out model --dequantised`,
		RunE:    run(a, a.h.ExportHF, func() (ExportOptions, error) { o.Common = a.common; return o, nil }),
	}
	hf.Flags().StringVar(&o.Run, "run", "", "use the model of the run directory `DIR`")
	hf.Flags().StringVar(&o.Out, "out", "", "write the folder `DIR`")
	hf.Flags().BoolVar(&o.Dequantised, "dequantised", false, "write ternary weights as dequantised values")
	hf.Flags().BoolVar(&o.Overwrite, "overwrite", false, "replace the folder if it exists")
	_ = hf.MarkFlagRequired("run")
	_ = hf.MarkFlagRequired("out")
	return group("export", "Write the model for other programs: hf, gguf", hf, a.exportGGUF())
}

func (a *app) exportGGUF() *cobra.Command {
	var o ExportGGUFOptions
	c := &cobra.Command{
		Use: "gguf", Short: "Write files that llama.cpp loads", Args: cobra.NoArgs,
		Long: `gguf writes a GGUF file for each type, reads it back, compares every weight with the
trained one, and writes what was equal beside it (.proof.json), with the logits of a
few prompts.

Types are those of llama.cpp: tq2_0, tq1_0 and q2_0 hold ternary weights, f32, f16,
bf16, q8_0, q6_k, q4_k, q4_1, q4_0, mxfp4 and nvfp4 any. Without --type a ternary model
is written as tq2_0, or as q2_0 where its rows are no multiples of 256 (llama.cpp of
2026 and later), another as f16. Matrices whose rows are no whole blocks become f16.

The ternary types keep the scale of a matrix in 16 bits; --exact keeps all 32, for
llama.cpp of 2026 and later. A model that llama.cpp does not compute is refused with
every reason.`,
		Example: `  trainer export gguf --run runs/first --out model
  trainer export gguf --run runs/first --out model --type tq2_0,tq1_0,q8_0`,
		RunE: run(a, a.h.ExportGGUF, func() (ExportGGUFOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringVar(&o.Run, "run", "", "use the model of the run directory `DIR`")
	c.Flags().StringVar(&o.Out, "out", "", "write the files into the folder `DIR`")
	c.Flags().StringSliceVar(&o.Types, "type", nil, "write matrices as the `TYPES`, separated by commas, a file for each")
	c.Flags().StringVar(&o.Embedding, "embedding", "", "write embedding and head as `TYPE` (default f16 beside ternary types, else that of the matrices)")
	c.Flags().StringVar(&o.Name, "name", "", "call the model and the files `NAME` (default: the run's)")
	c.Flags().BoolVar(&o.Exact, "exact", false, "keep the scales of ternary matrices as float32")
	c.Flags().BoolVar(&o.Overwrite, "overwrite", false, "replace files that exist")
	_ = c.MarkFlagRequired("run")
	_ = c.MarkFlagRequired("out")
	return c
}

func (a *app) report() *cobra.Command {
	var o ReportOptions
	c := &cobra.Command{
		Use: "report", Short: "Write a run's report.html again", Args: cobra.NoArgs,
		Long: `report writes report.html of a run from its metrics as they are now. Curves of other
programs on the same task are shown beside the run's own when they lie in its
folder peers, one JSON file for each with name, command, and the lists seconds
(of training) and bpb (validation bits per byte).`,
		Example: `  trainer report --run runs/first`,
		RunE:    run(a, a.h.Report, func() (ReportOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringVar(&o.Run, "run", "", "write the report of the run directory `DIR`")
	_ = c.MarkFlagRequired("run")
	return c
}

func (a *app) backends() *cobra.Command {
	return &cobra.Command{
		Use: "backends", Short: "What can run here, why not, and how to get it", Args: cobra.NoArgs,
		Long: `backends lists the engines that can train: go, which is part of the program, and
xla, which needs a PJRT plugin and is several times faster. It says which one
--backend auto takes, and how to get what is missing. It downloads nothing.`,
		Example: `  trainer backends`,
		RunE:    run(a, a.h.Backends, func() (Common, error) { return a.common, nil }),
	}
}

func (a *app) bench() *cobra.Command {
	var t BenchTrainOptions
	train := &cobra.Command{
		Use: "train", Short: "Time training steps on random tokens", Args: cobra.NoArgs,
		Long: `train builds a model of the given shape and times whole training steps on random
tokens: forward, backward and update. It reports tokens per second of the median and
of the fastest step, the share of the measured peak of a matrix product (MFU), and
the time of the first step, which compiles.

With several optimizers, step by step in turn, it also compares the time of a step
with each to that with the first, the median of the ratios. Subspaces are not
refreshed after the first step.`,
		Example: `  trainer bench train --layers 4 --dim 256 --heads 4 --vocab 4096 --seq 256 --batch 8 --steps 20 --backend go --json
  trainer bench train --optimizer adamw,galore,muon8 --rank 64`,
		RunE: run(a, a.h.BenchTrain, func() (BenchTrainOptions, error) { t.Common = a.common; return t, nil }),
	}
	flags := train.Flags()
	flags.IntVar(&t.Layers, "layers", 4, "`N` blocks")
	flags.IntVar(&t.Dim, "dim", 256, "residual stream of width `N`")
	flags.IntVar(&t.Heads, "heads", 4, "`N` query heads")
	flags.IntVar(&t.KVHeads, "kv-heads", 0, "`N` key-value heads (0: as many as query heads)")
	flags.IntVar(&t.Vocab, "vocab", 4096, "vocabulary of `N` ids")
	flags.IntVar(&t.Seq, "seq", 256, "rows of `N` tokens")
	flags.IntVar(&t.Batch, "batch", 8, "`N` rows in a step")
	flags.IntVar(&t.Steps, "steps", 20, "time `N` steps, after one that compiles")
	flags.StringVar(&t.MLP, "mlp", "silu", "MLP of kind `NAME`: swiglu, relu2 or silu")
	flags.BoolVar(&t.Ternary, "ternary", false, "ternary (b1.58) linears inside the blocks")
	flags.StringSliceVar(&t.Optimizers, "optimizer", []string{"adamw"}, "train with the optimizers `NAMES`, separated by commas")
	flags.IntVar(&t.Rank, "rank", 128, "rank `N` of galore and its relatives")
	flags.StringVar(&t.Backend, "backend", "auto", "run on `NAME`: auto, xla or go")
	var k BenchTokenizerOptions
	tok := &cobra.Command{
		Use: "tokenizer", Short: "Time training and encoding of the tokenizer on a text", Args: cobra.NoArgs,
		Long: `tokenizer trains a tokenizer on the text and then encodes all of it three times. It
reports the seconds that training took and the megabytes (10^6 bytes) per second of
the fastest encoding. Reading the files is not timed.`,
		Example: `  trainer bench tokenizer --text src --vocab 32768 --threads 2 --json`,
		RunE:    run(a, a.h.BenchTokenizer, func() (BenchTokenizerOptions, error) { k.Common = a.common; return k, nil }),
	}
	tok.Flags().StringArrayVar(&k.Text, "text", nil, "read the file or directory `PATH`; may be repeated")
	tok.Flags().IntVar(&k.Vocab, "vocab", 32768, "train a vocabulary of `N` ids")
	tok.Flags().IntVar(&k.Threads, "threads", 2, "use `N` threads")
	_ = tok.MarkFlagRequired("text")
	return group("bench", "Measure: train, optim, memory, precision, kernels, decode, tokenizer, grid", train, a.benchOptim(), a.benchMemory(), a.benchPrecision(), a.benchKernels(), a.benchDecode(), tok, a.benchGrid())
}
