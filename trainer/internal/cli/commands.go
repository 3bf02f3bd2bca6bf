package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// noCommand refuses a word that is no command and suggests one.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
	}
	return usageError{err}
}

// group returns a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noCommand, SuggestionsMinimumDistance: 3,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("%s: which one? %s", cmd.CommandPath(), names(commands))}
		}}
	c.AddCommand(commands...)
	return c
}

func names(commands []*cobra.Command) string {
	var list []string
	for _, c := range commands {
		list = append(list, c.Name())
	}
	return strings.Join(list, ", ")
}

// root builds the whole tree.
func (a *app) root() *cobra.Command {
	quick := a.trainFlags()
	quick.o.Preset = "quickstart"
	root := &cobra.Command{
		Use:   "trainer",
		Short: "Train small and ternary language models of Rust code",
		Long: `trainer trains small language models on Rust code, measures them and exports them.

Without a command it makes the whole journey on generated text, without any
network: corpus, tokenizer, a ternary transformer, bits per byte, samples checked
with rustc, an exported model and a report, in a few minutes.`,
		Example: `  trainer                                    the whole journey
  trainer data crates --list crates.txt --out crates
  trainer train --preset crates --data crates --run runs/crates
  trainer generate --run runs/crates --prompt "fn main() {"`,
		Args:          noCommand,
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 3,
		RunE: run(a, a.h.Quickstart, func() (TrainOptions, error) { return quick.options(a) }),
	}
	root.PersistentFlags().BoolVar(&a.common.JSON, "json", false, "print one JSON object with the results to standard output")
	root.PersistentFlags().BoolVarP(&a.common.Quiet, "quiet", "q", false, "no progress and no notices")
	root.PersistentFlags().BoolVar(&a.common.NoReexec, "no-reexec", false, "do not rebuild with SIMD for the Go backend")
	quick.add(root, "backend", "run", "seed", "set", "budget")
	root.AddCommand(a.train(), a.plan(), a.data(), a.tokenizer(), a.eval(), a.generate(), a.export(), a.bench(), a.config(), a.backends())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

// trainFlags are the flags of train, plan and the journey; each stands for a
// configuration key.
type trainFlags struct {
	o       TrainOptions
	data    []string
	column  string
	steps   int
	tokens  int64
	time    time.Duration
	seed    int64
	backend string
	cmd     *cobra.Command
}

func (a *app) trainFlags() *trainFlags { return &trainFlags{} }

// add registers the named groups of flags.
func (f *trainFlags) add(cmd *cobra.Command, groups ...string) {
	f.cmd = cmd
	flags := cmd.Flags()
	for _, g := range groups {
		switch g {
		case "config":
			flags.StringVar(&f.o.Preset, "preset", "", "start from a preset: quickstart or crates")
			flags.StringVar(&f.o.File, "config", "", "read this configuration file")
		case "data":
			flags.StringArrayVar(&f.data, "data", nil, "train on this directory, parquet file or prepared folder; may be repeated")
			flags.StringVar(&f.column, "column", "", "text column of the parquet files")
		case "budget":
			flags.IntVar(&f.steps, "steps", 0, "end after this many updates")
			flags.Int64Var(&f.tokens, "tokens", 0, "end after this many tokens")
			flags.DurationVar(&f.time, "time", 0, "end after this time of training, like 20m")
		case "seed":
			flags.Int64Var(&f.seed, "seed", 0, "seed of everything random")
		case "backend":
			flags.StringVar(&f.backend, "backend", "", "auto, xla or go")
		case "run":
			flags.StringVar(&f.o.Run, "run", "", "run directory (default runs/<name>-<time>)")
		case "resume":
			flags.BoolVar(&f.o.Resume, "resume", false, "go on from the run directory's last checkpoint, or start it")
		case "set":
			flags.StringArrayVar(&f.o.Set, "set", nil, "set a configuration key: model.layers=6; may be repeated")
		}
	}
}

// options turns flags into settings, which stand before those of --set.
func (f *trainFlags) options(a *app) (TrainOptions, error) {
	o := f.o
	o.Common = a.common
	var set []string
	changed := func(name string) bool { fl := f.cmd.Flags().Lookup(name); return fl != nil && fl.Changed }
	for _, s := range []struct {
		flag, key string
		value     any
	}{
		{"steps", "train.steps", f.steps}, {"tokens", "train.tokens", f.tokens}, {"time", "train.time", f.time},
		{"seed", "seed", f.seed}, {"backend", "train.backend", f.backend},
	} {
		if changed(s.flag) {
			set = append(set, fmt.Sprintf("%s=%v", s.key, s.value))
		}
	}
	budgets := 0
	for _, b := range []string{"steps", "tokens", "time"} {
		if changed(b) {
			budgets++
		}
	}
	if budgets > 1 {
		return o, errors.New("give only one of --steps, --tokens and --time")
	}
	if len(f.data) > 0 {
		set = append(set, "data.sources="+sources(f.data, f.column))
	}
	o.Set = append(set, o.Set...)
	return o, nil
}

// sources is the TOML list of data sources for paths: parquet files by their
// ending, directories otherwise.
func sources(paths []string, column string) string {
	var list []string
	for _, p := range paths {
		if strings.HasSuffix(p, ".parquet") {
			if column == "" {
				column = "text"
			}
			list = append(list, fmt.Sprintf("{parquet = %q, column = %q}", p, column))
		} else {
			list = append(list, fmt.Sprintf("{dir = %q}", p))
		}
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (a *app) train() *cobra.Command {
	f := a.trainFlags()
	c := &cobra.Command{
		Use: "train", Short: "Train a model into a run directory", Args: cobra.NoArgs,
		Long: `train makes or continues a run: data, tokenizer, training with checkpoints and
evaluation, samples, export and a report, all in one run directory.

The effective configuration is a preset, then --config, then the flags, then --set;
it is saved as config.toml in the run directory, and training from that file repeats
the run. A directory that holds a run already is only touched with --resume.`,
		Example: `  trainer train --preset quickstart --run runs/first
  trainer train --data src --time 20m --set model.dim=384 --run runs/mine
  trainer train --config runs/mine/config.toml --run runs/mine --resume`,
		RunE: run(a, a.h.Train, func() (TrainOptions, error) { return f.options(a) }),
	}
	f.add(c, "config", "data", "budget", "seed", "backend", "run", "resume", "set")
	return c
}

func (a *app) plan() *cobra.Command {
	f := a.trainFlags()
	c := &cobra.Command{
		Use: "plan", Short: "Parameters, memory and operations of a configuration, without training", Args: cobra.NoArgs,
		RunE: run(a, a.h.Plan, func() (TrainOptions, error) { return f.options(a) }),
	}
	f.add(c, "config", "data", "budget", "seed", "backend", "set")
	return c
}

func (a *app) config() *cobra.Command {
	f := a.trainFlags()
	c := &cobra.Command{
		Use: "config", Short: "Print the effective configuration; without flags, every key with its meaning", Args: cobra.NoArgs,
		RunE: run(a, a.h.Config, func() (TrainOptions, error) { return f.options(a) }),
	}
	f.add(c, "config", "data", "budget", "seed", "backend", "set")
	return c
}

func (a *app) data() *cobra.Command {
	prepare, stats := a.trainFlags(), a.trainFlags()
	var out string
	p := &cobra.Command{
		Use: "prepare", Short: "Filter, split and tokenize documents into shards", Args: cobra.NoArgs,
		Example: `  trainer data prepare --data src --data docs.parquet --column text --out prepared`,
		RunE: run(a, a.h.DataPrepare, func() (DataOptions, error) {
			o, err := prepare.options(a)
			return DataOptions{Common: o.Common, ConfigOptions: o.ConfigOptions, Out: out}, err
		}),
	}
	prepare.add(p, "config", "data", "seed", "set")
	p.Flags().StringVar(&out, "out", "", "folder to write")
	_ = p.MarkFlagRequired("out")
	s := &cobra.Command{
		Use: "stats", Short: "Count documents, bytes and what the filters remove", Args: cobra.NoArgs,
		RunE: run(a, a.h.DataStats, func() (DataOptions, error) {
			o, err := stats.options(a)
			return DataOptions{Common: o.Common, ConfigOptions: o.ConfigOptions}, err
		}),
	}
	stats.add(s, "config", "data", "seed", "set")
	var crates CratesOptions
	c := &cobra.Command{
		Use: "crates", Short: "Fetch crates with cargo and keep their Rust files", Args: cobra.NoArgs,
		Long: `crates fetches the listed crates with your cargo and writes the .rs files that
pass the filters to a folder, with a manifest of origins and licences. The folder
can be given to --data. A line of the list is: name, version, licence, files, bytes,
SHA-256 of the .crate file, separated by tabs; # begins a comment.`,
		RunE: run(a, a.h.DataCrates, func() (CratesOptions, error) { crates.Common = a.common; return crates, nil }),
	}
	c.Flags().StringVar(&crates.List, "list", "", "file that lists the crates")
	c.Flags().StringVar(&crates.Out, "out", "", "folder to write")
	_ = c.MarkFlagRequired("list")
	_ = c.MarkFlagRequired("out")
	return group("data", "Documents: prepare, crates, stats", p, c, s)
}

func (a *app) tokenizer() *cobra.Command {
	var t TokenizerTrainOptions
	train := &cobra.Command{
		Use: "train", Short: "Train a byte-level BPE tokenizer on files or directories", Args: cobra.NoArgs,
		RunE: run(a, a.h.TokenizerTrain, func() (TokenizerTrainOptions, error) { t.Common = a.common; return t, nil }),
	}
	train.Flags().StringArrayVar(&t.Text, "text", nil, "file or directory of text; may be repeated")
	train.Flags().IntVar(&t.Vocab, "vocab", 4096, "number of ids")
	train.Flags().StringVar(&t.Split, "split", "llama3", "gpt2, cl100k or llama3")
	train.Flags().IntVar(&t.Threads, "threads", 0, "threads (0: all)")
	train.Flags().StringVar(&t.Out, "out", "tokenizer.json", "file to write")
	_ = train.MarkFlagRequired("text")
	var e, d TokenizerOptions
	encode := &cobra.Command{
		Use: "encode TEXT", Short: "Print the ids of a text (- reads standard input)", Args: cobra.ExactArgs(1),
		PreRun: func(_ *cobra.Command, args []string) { e.Input = args[0] },
		RunE:   run(a, a.h.TokenizerEncode, func() (TokenizerOptions, error) { e.Common = a.common; return e, nil }),
	}
	encode.Flags().StringVar(&e.Tokenizer, "tokenizer", "tokenizer.json", "tokenizer file")
	decode := &cobra.Command{
		Use: "decode ID...", Short: "Print the text of ids", Args: cobra.MinimumNArgs(1),
		PreRun: func(_ *cobra.Command, args []string) { d.Input = strings.Join(args, " ") },
		RunE:   run(a, a.h.TokenizerDecode, func() (TokenizerOptions, error) { d.Common = a.common; return d, nil }),
	}
	decode.Flags().StringVar(&d.Tokenizer, "tokenizer", "tokenizer.json", "tokenizer file")
	return group("tokenizer", "Byte-level BPE: train, encode, decode", train, encode, decode)
}
