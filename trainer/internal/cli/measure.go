package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) eval() *cobra.Command {
	var b, r EvalOptions
	bpb := &cobra.Command{
		Use: "bpb", Short: "Bits per byte of a run's model on its validation text or on other data", Args: cobra.NoArgs,
		RunE: run(a, a.h.EvalBPB, func() (EvalOptions, error) { b.Common = a.common; return b, nil }),
	}
	bpb.Flags().StringVar(&b.Run, "run", "", "run directory")
	bpb.Flags().StringArrayVar(&b.Data, "data", nil, "directory or parquet file; default: the run's validation text")
	bpb.Flags().StringVar(&b.Column, "column", "", "text column of the parquet files")
	bpb.Flags().StringVar(&b.Backend, "backend", "auto", "auto, xla or go")
	_ = bpb.MarkFlagRequired("run")
	rust := &cobra.Command{
		Use: "rust", Short: "Share of a model's samples that rustc compiles", Args: cobra.NoArgs,
		Long: `rust samples programs from the model, cuts each after its last complete item and
compiles it with rustc, without ever running it. A sample that would read files, the
environment or load procedural macros is refused and counts as not compiled. The rate
comes with its 95 % Wilson interval, and with how many of the compiled programs occur
nowhere in the training text.`,
		RunE: run(a, a.h.EvalRust, func() (EvalOptions, error) { r.Common = a.common; return r, nil }),
	}
	rust.Flags().StringVar(&r.Run, "run", "", "run directory")
	rust.Flags().IntVar(&r.Samples, "samples", 64, "number of samples")
	rust.Flags().Int64Var(&r.Seed, "seed", 1, "seed of the samples")
	rust.Flags().Float64Var(&r.Temperature, "temperature", 0.8, "sampling temperature")
	rust.Flags().IntVar(&r.MaxTokens, "max-tokens", 0, "longest sample (0: the model's context)")
	_ = rust.MarkFlagRequired("run")
	return group("eval", "Measure a model: bpb, rust", bpb, rust)
}

func (a *app) generate() *cobra.Command {
	var o GenerateOptions
	c := &cobra.Command{
		Use: "generate", Short: "Continue a prompt", Args: cobra.NoArgs,
		Example: `  trainer generate --run runs/first --prompt "/// Returns" --max-tokens 120 --temperature 0.8`,
		RunE:    run(a, a.h.Generate, func() (GenerateOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringVar(&o.Run, "run", "", "run directory")
	c.Flags().StringVar(&o.Prompt, "prompt", "", "text to continue; empty starts a new document")
	c.Flags().IntVar(&o.MaxTokens, "max-tokens", 128, "longest continuation")
	c.Flags().Float64Var(&o.Temperature, "temperature", 0.8, "0 takes the most likely token each time")
	c.Flags().IntVar(&o.TopK, "top-k", 0, "sample among the k most likely (0: all)")
	c.Flags().Float64Var(&o.TopP, "top-p", 1, "sample among the most likely with this much probability")
	c.Flags().Int64Var(&o.Seed, "seed", 1, "seed of the sample")
	_ = c.MarkFlagRequired("run")
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
		RunE: run(a, a.h.ExportHF, func() (ExportOptions, error) { o.Common = a.common; return o, nil }),
	}
	hf.Flags().StringVar(&o.Run, "run", "", "run directory")
	hf.Flags().StringVar(&o.Out, "out", "", "folder to write")
	hf.Flags().BoolVar(&o.Dequantised, "dequantised", false, "write ternary weights as dequantised values")
	hf.Flags().BoolVar(&o.Overwrite, "overwrite", false, "replace the folder if it exists")
	_ = hf.MarkFlagRequired("run")
	_ = hf.MarkFlagRequired("out")
	return group("export", "Write the model for other programs: hf", hf)
}

func (a *app) backends() *cobra.Command {
	return &cobra.Command{
		Use: "backends", Short: "What can run here, why not, and how to get it", Args: cobra.NoArgs,
		RunE: run(a, a.h.Backends, func() (Common, error) { return a.common, nil }),
	}
}

func (a *app) bench() *cobra.Command {
	var t BenchTrainOptions
	train := &cobra.Command{
		Use: "train", Short: "Time training steps on random tokens", Args: cobra.NoArgs,
		RunE: run(a, a.h.BenchTrain, func() (BenchTrainOptions, error) { t.Common = a.common; return t, nil }),
	}
	flags := train.Flags()
	flags.IntVar(&t.Layers, "layers", 4, "blocks")
	flags.IntVar(&t.Dim, "dim", 256, "width of the residual stream")
	flags.IntVar(&t.Heads, "heads", 4, "query heads")
	flags.IntVar(&t.KVHeads, "kv-heads", 0, "key-value heads (0: as many)")
	flags.IntVar(&t.Vocab, "vocab", 4096, "vocabulary")
	flags.IntVar(&t.Seq, "seq", 256, "tokens in a row")
	flags.IntVar(&t.Batch, "batch", 8, "rows")
	flags.IntVar(&t.Steps, "steps", 20, "timed steps, after one that compiles")
	flags.StringVar(&t.MLP, "mlp", "silu", "swiglu, relu2 or silu")
	flags.BoolVar(&t.Ternary, "ternary", false, "b1.58 linears")
	flags.StringVar(&t.Backend, "backend", "auto", "auto, xla or go")
	var k BenchTokenizerOptions
	tok := &cobra.Command{
		Use: "tokenizer", Short: "Time training and encoding of the tokenizer on a text", Args: cobra.NoArgs,
		RunE: run(a, a.h.BenchTokenizer, func() (BenchTokenizerOptions, error) { k.Common = a.common; return k, nil }),
	}
	tok.Flags().StringArrayVar(&k.Text, "text", nil, "file or directory of text; may be repeated")
	tok.Flags().IntVar(&k.Vocab, "vocab", 32768, "vocabulary")
	tok.Flags().IntVar(&k.Threads, "threads", 2, "threads")
	_ = tok.MarkFlagRequired("text")
	return group("bench", "Measure: train, tokenizer", train, tok)
}
