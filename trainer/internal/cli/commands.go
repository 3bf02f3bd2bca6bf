package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
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
			return usageError{fmt.Errorf("%s: which one? %s", cmd.Name(), names(commands))}
		}}
	c.AddCommand(commands...)
	return c
}

// addGroup adds commands under a title of the help text.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
	}
	root.AddCommand(commands...)
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
	addGroup(root, "Train:", a.train(), a.compare(), a.plan(), a.config())
	addGroup(root, "Text:", a.data(), a.tokenizer())
	addGroup(root, "Use a model:", a.generate(), a.eval(), a.judge(), a.export(), a.report())
	addGroup(root, "This machine:", a.backends(), a.bench())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

// trainFlags are the flags of train, plan, config, data and the journey; each
// stands for a configuration key.
type trainFlags struct {
	o       TrainOptions
	data    []string
	ext     []string
	column  string
	steps   int
	tokens  int64
	time    time.Duration
	seed    int64
	backend string
	cmd     *cobra.Command
}

func (a *app) trainFlags() *trainFlags { return &trainFlags{} }

// The help of the flags that say what to read.
const (
	dataHelp   = "read documents from `PATH`: a directory, a parquet file, a list of crates, a prepared folder; may be repeated"
	extHelp    = "read the files of directories with these `ENDINGS`, like rs,md (default rs)"
	columnHelp = "take the text of parquet files from column `NAME` (default content, text or code)"
)

// add registers the named groups of flags.
func (f *trainFlags) add(cmd *cobra.Command, groups ...string) {
	f.cmd = cmd
	flags := cmd.Flags()
	for _, g := range groups {
		switch g {
		case "config":
			flags.StringVar(&f.o.Preset, "preset", "", "start from the preset `NAME`: "+strings.Join(config.Presets(), " or "))
			flags.StringVar(&f.o.File, "config", "", "read the configuration `FILE`")
		case "data":
			flags.StringArrayVar(&f.data, "data", nil, dataHelp)
			flags.StringSliceVar(&f.ext, "ext", nil, extHelp)
			flags.StringVar(&f.column, "column", "", columnHelp)
		case "budget":
			flags.IntVar(&f.steps, "steps", 0, "end after `N` updates")
			flags.Int64Var(&f.tokens, "tokens", 0, "end after `N` tokens")
			flags.DurationVar(&f.time, "time", 0, "end after the `TIME` of training, like 90s or 20m")
		case "seed":
			flags.Int64Var(&f.seed, "seed", 0, "seed `N` of everything random")
		case "backend":
			flags.StringVar(&f.backend, "backend", "", "run on `NAME`: auto, xla or go (default auto); see trainer backends")
		case "run":
			flags.StringVar(&f.o.Run, "run", "", "work in the directory `DIR` (default runs/<preset>-<time>)")
		case "resume":
			flags.BoolVar(&f.o.Resume, "resume", false, "go on from the last checkpoint in --run, or begin if there is none")
		case "set":
			flags.StringArrayVar(&f.o.Set, "set", nil, "set a configuration key: `KEY=VALUE`, may be repeated; trainer config lists the keys")
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
	if len(f.data) == 0 && (f.column != "" || len(f.ext) > 0) {
		return o, errors.New("--column and --ext say how to read --data, which is not given")
	}
	if len(f.data) > 0 {
		list, err := config.PathSources(f.data, f.column, f.ext)
		if err != nil {
			return o, err
		}
		set = append(set, "data.sources="+config.FormatSources(list))
	}
	o.Set = append(set, o.Set...)
	return o, nil
}

// withData is options for a command that needs to be told what to read.
func (f *trainFlags) withData(a *app) (TrainOptions, error) {
	o, err := f.options(a)
	if err == nil && !o.choosesData() {
		err = errors.New("which documents? give --data PATH, --preset NAME or --config FILE")
	}
	return o, err
}

func (a *app) train() *cobra.Command {
	f := a.trainFlags()
	c := &cobra.Command{
		Use: "train", Short: "Train a model into a run directory", Args: cobra.NoArgs,
		Long: `train makes or continues a run: data, tokenizer, training with checkpoints and
evaluation, samples, export and a report, all in one run directory.

The effective configuration is the defaults, then --preset, then --config, then the
flags, then --set; trainer config shows it. It is saved as config.toml in the run
directory, and training from that file repeats the run. Training ends after --steps,
--tokens or --time. An interrupt saves a checkpoint first.

A directory that holds a run already is only touched with --resume, which needs no
other flag: the run keeps its configuration, only its end and its backend may change.`,
		Example: `  trainer train --preset quickstart --run runs/first
  trainer train --data src --time 20m --set model.dim=384 --run runs/mine
  trainer train --resume --run runs/mine`,
		RunE: run(a, a.h.Train, func() (TrainOptions, error) {
			switch {
			case !f.o.Resume:
				return f.withData(a)
			case f.o.Run == "":
				return f.o, errors.New("--resume needs --run, the directory of the run to go on with")
			}
			return f.options(a)
		}),
	}
	f.add(c, "config", "data", "budget", "seed", "backend", "run", "resume", "set")
	return c
}

func (a *app) plan() *cobra.Command {
	f := a.trainFlags()
	c := &cobra.Command{
		Use: "plan", Short: "Show parameters, memory and time of a run without training", Args: cobra.NoArgs,
		Long: `plan prints, without reading any data, what a configuration amounts to: parameters
by class, the optimizer of each parameter, bytes by component (weights, gradients,
optimizer state, activations, cache), operations per token, and how long the run
takes on this machine, from the measured speed of a matrix product on the backend
and the share of it that training usually reaches.

It takes the flags of train.`,
		Example: `  trainer plan --preset quickstart
  trainer plan --set model.dim=768 --set model.layers=12 --tokens 1000000000`,
		RunE: run(a, a.h.Plan, func() (TrainOptions, error) { return f.options(a) }),
	}
	f.add(c, "config", "data", "budget", "seed", "backend", "set")
	return c
}

func (a *app) config() *cobra.Command {
	f := a.trainFlags()
	c := &cobra.Command{
		Use: "config", Short: "Print the effective configuration, or every key with its meaning", Args: cobra.NoArgs,
		Long: `config without flags prints every configuration key with its default and its
meaning, as a file that --config takes. With the flags of train it prints the
configuration that they lead to.`,
		Example: `  trainer config > run.toml
  trainer config --preset quickstart --set model.ternary=false`,
		RunE: run(a, a.h.Config, func() (TrainOptions, error) { return f.options(a) }),
	}
	f.add(c, "config", "data", "budget", "seed", "backend", "set")
	return c
}

func (a *app) data() *cobra.Command {
	return group("data", "Documents: prepare, crates, stats", a.dataPrepare(), a.dataCrates(), a.dataStats())
}

func (a *app) dataPrepare() *cobra.Command {
	f := a.trainFlags()
	var out string
	c := &cobra.Command{
		Use: "prepare", Short: "Filter, split and tokenize documents into shards", Args: cobra.NoArgs,
		Long: `prepare reads the documents, leaves out what the filters remove (by size, invalid
UTF-8, minified and generated files, duplicates), trains the tokenizer, and writes
training and validation shards to a new folder, which --data of train takes. train
does the same inside its run directory; a folder of its own serves many runs.

With --json it prints documents, bytes and what was removed by reason.`,
		Example: `  trainer data prepare --data src --data docs.parquet --column text --out prepared
  trainer data prepare --data notes --ext md,txt --set tokenizer.vocab=2048 --out prepared`,
		RunE: run(a, a.h.DataPrepare, func() (DataOptions, error) {
			o, err := f.withData(a)
			return DataOptions{Common: o.Common, ConfigOptions: o.ConfigOptions, Out: out}, err
		}),
	}
	f.add(c, "config", "data", "seed", "set")
	c.Flags().StringVar(&out, "out", "", "write the folder `DIR`, which must be new or empty")
	_ = c.MarkFlagRequired("out")
	return c
}

func (a *app) dataStats() *cobra.Command {
	f := a.trainFlags()
	c := &cobra.Command{
		Use: "stats", Short: "Count documents, bytes and what the filters remove", Args: cobra.NoArgs,
		Long: `stats reads the documents as prepare does and writes nothing: documents and bytes
kept, what the filters remove by reason, the split, origins and licences.`,
		Example: `  trainer data stats --data src`,
		RunE: run(a, a.h.DataStats, func() (DataOptions, error) {
			o, err := f.withData(a)
			return DataOptions{Common: o.Common, ConfigOptions: o.ConfigOptions}, err
		}),
	}
	f.add(c, "config", "data", "seed", "set")
	return c
}

func (a *app) dataCrates() *cobra.Command {
	var o CratesOptions
	c := &cobra.Command{
		Use: "crates", Short: "Fetch crates with cargo and keep their Rust files", Args: cobra.NoArgs,
		Long: `crates fetches the listed crates with your cargo, which keeps them in its own cache,
and writes the .rs files that pass the filters to a folder, with a manifest of
origins and licences. The folder can be given to --data.

A line of the list is: name, version, licence, files, bytes, SHA-256 of the .crate
file, separated by tabs; # begins a comment.`,
		Example: `  trainer data crates --list crates.txt --out crates`,
		RunE:    run(a, a.h.DataCrates, func() (CratesOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringVar(&o.List, "list", "", "read the crates from `FILE`")
	c.Flags().StringVar(&o.Out, "out", "", "write the folder `DIR`, which must be new, empty or of the same list")
	_ = c.MarkFlagRequired("list")
	_ = c.MarkFlagRequired("out")
	return c
}
