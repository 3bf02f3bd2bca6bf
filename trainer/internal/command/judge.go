package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/cargo"
	"github.com/nanochat-go/nanochat/evalrust/diag"
	"github.com/nanochat-go/nanochat/evalrust/humaneval"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// verifier opens the judge that the options ask for.
func verifier(o cli.JudgeOptions) (*evalrust.Verifier, error) {
	v := evalrust.Options{Backend: o.Backend, Workers: o.Workers, Cache: o.Cache, NoCache: o.NoCache}
	if v.Cache == "" && !v.NoCache {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("%w; give --cache DIR or --no-cache", err)
		}
		v.Cache = filepath.Join(dir, "nanochat", "verdicts")
	}
	return evalrust.NewVerifier(v)
}

// HumanEvalVerdict is the verdict of one completion.
type HumanEvalVerdict struct {
	ID      string          `json:"id"`
	TaskID  string          `json:"task_id"`
	Verdict evalrust.Class  `json:"verdict"`
	Status  evalrust.Status `json:"status"`
	Code    string          `json:"code"`
	Exploit bool            `json:"exploit"`
}

// HumanEvalResult is what judge humaneval reports.
type HumanEvalResult struct {
	Problems int                `json:"problems"` // with completions
	Passed   int                `json:"passed"`   // completions
	Seconds  float64            `json:"seconds"`
	Verdicts []HumanEvalVerdict `json:"verdicts"`
}

// JudgeHumanEval is the command judge humaneval.
func JudgeHumanEval(ctx context.Context, o cli.JudgeOptions) (any, error) {
	start := time.Now()
	set, err := readProblems(o.Problems)
	if err != nil {
		return nil, err
	}
	samples, err := readCompletions(o.Completions, o.In)
	if err != nil {
		return nil, err
	}
	v, err := verifier(o)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	o.Notice("%d completions, %s, contained by %s", len(samples), v.Compiler(), v.Info().Backend)
	options := humaneval.Options{Mode: humaneval.Mode(o.Mode), Protocol: humaneval.Protocol(o.Protocol), Edition: o.Edition}
	verdicts, err := humaneval.Judge(ctx, v, set, samples, options)
	if verdicts == nil || ctx.Err() != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	r, e := humaneval.Summarise(v, set, samples, verdicts, options, time.Since(start))
	if e != nil {
		return nil, errors.Join(err, e)
	}
	if e := selfCheck(ctx, v, o, set, samples, verdicts); e != nil {
		return nil, errors.Join(err, e)
	}
	if o.Report != "" {
		if e := writeReport(o.Report, r); e != nil {
			return nil, errors.Join(err, e)
		}
	}
	printScores(o, r)
	out := &HumanEvalResult{Problems: r.Problems, Passed: r.Passed, Seconds: time.Since(start).Seconds(), Verdicts: []HumanEvalVerdict{}}
	for i, s := range samples {
		got := verdicts[i]
		out.Verdicts = append(out.Verdicts, HumanEvalVerdict{s.ID, s.TaskID, got.Class, got.Status, got.Code, got.Exploit})
	}
	return out, err
}

// selfCheck looks at the problems that nobody solves. One that no completion
// can solve is worth a notice; prompts that do not compile make every score
// meaningless.
func selfCheck(ctx context.Context, v *evalrust.Verifier, o cli.JudgeOptions, set *humaneval.Set, samples []humaneval.Sample, verdicts []evalrust.Verdict) error {
	flaws, err := humaneval.SelfCheck(ctx, v, humaneval.Unsolved(set, samples, verdicts))
	if err != nil {
		return err
	}
	var fatal error
	for _, f := range flaws {
		if f.Fatal {
			fatal = errors.Join(fatal, fmt.Errorf("problem %s of %s: %s", f.Problem, o.Problems, f.Reason))
		} else {
			o.Notice("%s cannot be solved: %s", f.Problem, f.Reason)
		}
	}
	return fatal
}

func readProblems(path string) (*humaneval.Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return humaneval.Load(f)
}

// readCompletions reads a JSON object a line.
func readCompletions(path string, in io.Reader) ([]humaneval.Sample, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var samples []humaneval.Sample
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var s humaneval.Sample
			if e := json.Unmarshal(line, &s); e != nil {
				return nil, fmt.Errorf("%s, line %d: %w", path, n, e)
			}
			samples = append(samples, s)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("%s holds no completions", path)
	}
	return samples, nil
}

func writeReport(path string, r *humaneval.Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func printScores(o cli.JudgeOptions, r *humaneval.Report) {
	o.Printf("%d problems, %d completions, %d compile, %d pass, %d exploits, %.1f s\n", r.Problems, r.Samples, r.Compiled, r.Passed, r.Exploits, r.Seconds)
	for _, k := range []int{1, 10, 100} {
		if s, ok := r.PassAt[k]; ok {
			o.Printf("pass@%d %.3f (95 %% interval %.3f to %.3f, %s)\n", k, s.Value, s.Interval[0], s.Interval[1], s.Method)
		}
	}
	for status, n := range r.Statuses {
		o.Printf("  %-18s %d\n", status, n)
	}
}

// FileVerdict is the verdict of one file.
type FileVerdict struct {
	File        string            `json:"file"`
	Verdict     evalrust.Class    `json:"verdict"`
	Status      evalrust.Status   `json:"status"`
	Code        string            `json:"code"`
	Reason      string            `json:"reason,omitempty"`
	Errors      int               `json:"errors"`
	Diagnostics []diag.Diagnostic `json:"diagnostics,omitempty"`
}

// CheckResult is what judge check reports.
type CheckResult struct {
	Files    int           `json:"files"`
	Passed   int           `json:"passed"`
	Seconds  float64       `json:"seconds"`
	Verdicts []FileVerdict `json:"verdicts"`
}

// JudgeCheck is the command judge check.
func JudgeCheck(ctx context.Context, o cli.JudgeOptions) (any, error) {
	start := time.Now()
	var sources []evalrust.Source
	for _, path := range o.Files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, evalrust.Source{Text: string(data)})
	}
	v, err := verifier(o)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	verdicts, err := v.CheckAll(ctx, sources)
	if err != nil {
		return nil, err
	}
	r := &CheckResult{Files: len(sources), Verdicts: []FileVerdict{}}
	for i, got := range verdicts {
		if got.Passed() {
			r.Passed++
			o.Printf("%s: compiles\n", o.Files[i])
		} else {
			o.Printf("%s: %s\n", o.Files[i], got.Reason)
		}
		r.Verdicts = append(r.Verdicts, FileVerdict{o.Files[i], got.Class, got.Status, got.Code, got.Reason, got.Errors, got.Diagnostics})
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// CargoResult is what judge cargo reports.
type CargoResult struct {
	Dir     string  `json:"dir"`
	Seconds float64 `json:"seconds"`
	Cached  bool    `json:"cached"`
	evalrust.Verdict
}

// JudgeCargo is the command judge cargo.
func JudgeCargo(ctx context.Context, o cli.JudgeOptions) (any, error) {
	start := time.Now()
	v, err := verifier(o)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	got, err := cargo.Run(ctx, v, o.Dir, cargo.Options{Command: o.Command})
	if err != nil {
		return nil, err
	}
	o.Printf("%s: %s", o.Dir, got.Class)
	if got.Reason != "" {
		o.Printf(", %s", got.Reason)
	}
	o.Printf("\n")
	return &CargoResult{Dir: o.Dir, Seconds: time.Since(start).Seconds(), Cached: got.Cached, Verdict: got}, nil
}

// ProbeResult is what judge probe reports.
type ProbeResult struct {
	Usable   bool              `json:"usable"` // programs can be compiled and run
	Compiler string            `json:"compiler,omitempty"`
	Sandbox  *sandbox.Info     `json:"sandbox,omitempty"` // what is used
	Works    []sandbox.Info    `json:"works"`             // every way that contains a program
	Failed   []sandbox.Attempt `json:"failed"`            // and those that do not
	Missing  []string          `json:"missing,omitempty"` // what to do about it
}

// JudgeProbe is the command judge probe.
func JudgeProbe(_ context.Context, o cli.JudgeOptions) (any, error) {
	r := &ProbeResult{Works: []sandbox.Info{}, Failed: []sandbox.Attempt{}}
	c, err := rustc.New(rustc.Options{})
	if err != nil {
		r.Missing = append(r.Missing, err.Error())
	} else {
		r.Compiler = c.Version()
		o.Printf("compiler: %s\n", r.Compiler)
	}
	for _, backend := range []string{"namespaces", "bwrap", "landlock"} {
		box, err := sandbox.New(sandbox.Options{Backend: backend, Workers: 1})
		var none *sandbox.UnavailableError
		switch {
		case errors.As(err, &none):
			r.Failed = append(r.Failed, none.Attempts...)
			continue
		case err != nil:
			return nil, err
		}
		r.Works = append(r.Works, box.Info())
		if err := box.Close(); err != nil {
			return nil, err
		}
	}
	for i, w := range r.Works {
		if i == 0 {
			r.Sandbox = &r.Works[0]
			r.Missing = append(r.Missing, w.Missing...)
		}
		o.Printf("works: %s, as %s, Landlock %d, memory by %s\n", w.Backend, w.User, w.Landlock, w.Memory)
	}
	for _, f := range r.Failed {
		o.Printf("does not work: %s: %s", f.Backend, f.Error)
		if f.Advice != "" {
			o.Printf(" (%s)", f.Advice)
		}
		o.Printf("\n")
		if len(r.Works) == 0 && f.Advice != "" {
			r.Missing = append(r.Missing, f.Backend+": "+f.Advice)
		}
	}
	for _, m := range r.Missing {
		o.Printf("missing: %s\n", m)
	}
	r.Usable = r.Compiler != "" && len(r.Works) > 0
	return r, nil
}
