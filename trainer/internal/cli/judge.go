package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// JudgeOptions are the flags of the judge commands.
type JudgeOptions struct {
	Common
	Workers int
	Backend string // of the sandbox
	Cache   string
	NoCache bool

	Files []string // check

	Dir     string // cargo
	Command string

	Problems, Completions string // humaneval
	Mode, Protocol        string
	Edition               string
	Report                string
}

func (a *app) judge() *cobra.Command {
	return group("judge", "Judge Rust programs in a sandbox: humaneval, check, cargo, probe",
		a.judgeHumanEval(), a.judgeCheck(), a.judgeCargo(), a.judgeProbe())
}

// judgeFlags registers the flags that the commands share.
func (o *JudgeOptions) judgeFlags(c *cobra.Command) {
	c.Flags().IntVar(&o.Workers, "workers", 0, "judge `N` programs at a time (default the number of processors)")
	c.Flags().StringVar(&o.Backend, "sandbox", "", "contain programs with `NAME`: namespaces, bwrap or landlock (default the best that works)")
	c.Flags().StringVar(&o.Cache, "cache", "", "keep verdicts in the directory `DIR` (default in the user's cache)")
	c.Flags().BoolVar(&o.NoCache, "no-cache", false, "judge everything anew and keep nothing")
}

// judging adapts a handler to cobra; take fills the options from the arguments.
func (a *app) judging(o *JudgeOptions, f func(context.Context, JudgeOptions) (any, error), take func([]string)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		take(args)
		return run(a, f, func() (JudgeOptions, error) { o.Common = a.common; return *o, nil })(cmd, args)
	}
}

func (a *app) judgeHumanEval() *cobra.Command {
	var o JudgeOptions
	c := &cobra.Command{
		Use: "humaneval", Short: "Grade completions of HumanEval-Rust", Args: cobra.NoArgs,
		Long: `humaneval grades what a model wrote for the problems of MultiPL-E's HumanEval-Rust.

--completions has a JSON object a line: "task_id", "completion" and, if wanted, "id".
--problems is MultiPL-E's file, which does not belong to this program and may not be
used as training data.

--mode strict, the default, is blind: a program prints what each call gives and never
sees the values that are wanted; --mode compat is upstream's way, by exit status, and
is easy to fool. A sample that fails and reaches for the grader, or would have passed
upstream, is counted as an exploit.

Verdicts are kept as they are found, so the same command goes on where a killed one
stopped. Problems that no sample solves are checked themselves.

With --json it prints problems, passed, seconds and the verdict of every completion;
--report writes pass@k with intervals and counts by status and error code to a file.`,
		Example: `  trainer judge humaneval --problems humaneval_rs.jsonl --completions samples.jsonl
  trainer judge humaneval --problems humaneval_rs.jsonl --completions - --mode compat --json`,
		RunE: run(a, a.h.JudgeHumanEval, func() (JudgeOptions, error) {
			o.Common = a.common
			if o.Problems == "" || o.Completions == "" {
				return o, errors.New("give --problems FILE and --completions FILE")
			}
			return o, nil
		}),
	}
	o.judgeFlags(c)
	c.Flags().StringVar(&o.Problems, "problems", "", "read the problems from `FILE`")
	c.Flags().StringVar(&o.Completions, "completions", "", "read the completions from `FILE`, - for standard input")
	c.Flags().StringVar(&o.Mode, "mode", "strict", "grade in `MODE` strict or compat")
	c.Flags().StringVar(&o.Protocol, "protocol", "completion", "take what the model wrote as `KIND`: completion continues the prompt, chat is an answer with the function in it")
	c.Flags().StringVar(&o.Edition, "edition", "", "compile as Rust of the edition `YEAR` (default 2021, and 2015 with --mode compat)")
	c.Flags().StringVar(&o.Report, "report", "", "write the scores to the JSON `FILE`")
	return c
}

func (a *app) judgeCheck() *cobra.Command {
	var o JudgeOptions
	c := &cobra.Command{
		Use: "check FILE...", Short: "Say whether Rust files compile", Args: cobra.MinimumNArgs(1),
		Long: `check compiles every file alone, to metadata only, in the sandbox, and says which
compile and why the others do not.

With --json it prints "verdicts", with file, verdict, status, code and the compiler's
messages for each.`,
		Example: `  trainer judge check src/*.rs
  trainer judge check sample.rs --json`,
		RunE: a.judging(&o, a.h.JudgeCheck, func(args []string) { o.Files = args }),
	}
	o.judgeFlags(c)
	return c
}

func (a *app) judgeCargo() *cobra.Command {
	var o JudgeOptions
	c := &cobra.Command{
		Use: "cargo DIR", Short: "Check a package with its vendored dependencies, offline", Args: cobra.ExactArgs(1),
		Long: `cargo runs a cargo command on a copy of the package in the sandbox, without network.
Dependencies come from its folder vendor, as cargo vendor makes it. Build scripts and
procedural macros are contained as any program.`,
		Example: `  trainer judge cargo path/to/package
  trainer judge cargo path/to/package --command test --json`,
		RunE: a.judging(&o, a.h.JudgeCargo, func(args []string) { o.Dir = args[0] }),
	}
	o.judgeFlags(c)
	c.Flags().StringVar(&o.Command, "command", "check", "run the cargo `COMMAND` check, build, test or clippy")
	return c
}

func (a *app) judgeProbe() *cobra.Command {
	var o JudgeOptions
	c := &cobra.Command{
		Use: "probe", Short: "Say what contains programs on this machine, and what is missing", Args: cobra.NoArgs,
		Long: `probe tries every way of containing a program, with a program that tries to get out,
and says which work, what the others lack and how to get it, and whether there is a
Rust compiler.`,
		Example: `  trainer judge probe
  trainer judge probe --json`,
		RunE: run(a, a.h.JudgeProbe, func() (JudgeOptions, error) { o.Common = a.common; return o, nil }),
	}
	return c
}
