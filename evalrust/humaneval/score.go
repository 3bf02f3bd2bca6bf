package humaneval

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/passk"
)

// Score is pass@k with its interval of 95 %.
type Score struct {
	Value    float64    `json:"value"`
	Interval [2]float64 `json:"ci95"`
	Method   string     `json:"method"` // wilson, or bootstrap over problems
}

// Report is what judging samples found out.
type Report struct {
	Mode       Mode                    `json:"mode"`
	Protocol   Protocol                `json:"protocol"`
	Edition    string                  `json:"edition"`
	Dataset    string                  `json:"dataset_sha256"`
	Compiler   string                  `json:"compiler"`
	Problems   int                     `json:"problems"` // with samples
	Samples    int                     `json:"samples"`
	Passed     int                     `json:"passed"` // samples
	Exploits   int                     `json:"exploits"`
	Compiled   int                     `json:"compiled"`
	Seconds    float64                 `json:"seconds"`
	PassAt     map[int]Score           `json:"pass_at"`
	Statuses   map[evalrust.Status]int `json:"status_counts"`
	Codes      map[string]int          `json:"by_code"`
	PerTask    []Task                  `json:"tasks"`
	Unsolvable []string                `json:"unsolvable,omitempty"`
}

// Task is one problem's part of a report.
type Task struct {
	Name    string `json:"name"`
	Samples int    `json:"n"`
	Passed  int    `json:"c"`
}

// compileStages are the statuses of a program that was never run.
var compileStages = []evalrust.Status{evalrust.StatusParse, evalrust.StatusType, evalrust.StatusBorrow, evalrust.StatusLint, evalrust.StatusLink,
	evalrust.StatusCompileTimeout, evalrust.StatusCompileResource, evalrust.StatusCompilerCrash, evalrust.StatusExtraction, evalrust.StatusInfra}

// Summarise scores the verdicts of samples. pass@k is given for those k of 1,
// 10 and 100 for which every problem has samples enough; samples without a
// verdict (infra_error) do not count.
func Summarise(v *evalrust.Verifier, set *Set, samples []Sample, verdicts []evalrust.Verdict, o Options, took time.Duration) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Report{Mode: o.Mode, Protocol: o.Protocol, Edition: o.Edition, Dataset: set.SHA256, Compiler: v.Compiler(), Samples: len(samples),
		Seconds: took.Seconds(), PassAt: map[int]Score{}, Statuses: map[evalrust.Status]int{}, Codes: map[string]int{}}
	at := map[*Problem]int{}
	for i, s := range samples {
		p, ok := set.Find(s.TaskID)
		if !ok {
			return nil, fmt.Errorf("humaneval: no problem %q", s.TaskID)
		}
		k, ok := at[p]
		if !ok {
			k = len(r.PerTask)
			at[p] = k
			r.PerTask = append(r.PerTask, Task{Name: p.Name})
			if c := p.Contradiction(); c != "" {
				r.Unsolvable = append(r.Unsolvable, p.Name+": "+c)
			}
		}
		r.count(&r.PerTask[k], verdicts[i])
	}
	r.Problems = len(r.PerTask)
	return r, r.score()
}

func (r *Report) count(t *Task, v evalrust.Verdict) {
	r.Statuses[v.Status]++
	if v.Code != "" {
		r.Codes[v.Code]++
	}
	if v.Exploit {
		r.Exploits++
	}
	if !slices.Contains(compileStages, v.Status) {
		r.Compiled++
	}
	if v.Class == evalrust.InfraError {
		return
	}
	t.Samples++
	if v.Passed() {
		t.Passed++
		r.Passed++
	}
}

func (r *Report) score() error {
	problems := make([]passk.Problem, 0, len(r.PerTask))
	least := 0
	for i, t := range r.PerTask {
		problems = append(problems, passk.Problem{Samples: t.Samples, Passed: t.Passed})
		if i == 0 || t.Samples < least {
			least = t.Samples
		}
	}
	single := !slices.ContainsFunc(problems, func(p passk.Problem) bool { return p.Samples != 1 })
	for _, k := range []int{1, 10, 100} {
		if k > least {
			break
		}
		value, err := passk.Mean(problems, k)
		if err != nil {
			return err
		}
		s := Score{Value: value, Method: "bootstrap"}
		if single {
			s.Method = "wilson"
			s.Interval[0], s.Interval[1] = passk.Wilson(r.Passed, len(problems), passk.Z95)
		} else if s.Interval[0], s.Interval[1], err = passk.Bootstrap(problems, k, 0.95, 2000, 1); err != nil {
			return err
		}
		r.PassAt[k] = s
	}
	return nil
}

// Flaw is what is wrong with a problem itself.
type Flaw struct {
	Problem string `json:"problem"`
	Reason  string `json:"reason"`
	Fatal   bool   `json:"fatal"` // no completion of the prompt compiles
}

// SelfCheck finds the problems that no completion can solve: the prompt and the
// tests do not compile around a body of todo!(), or two tests contradict each
// other.
func SelfCheck(ctx context.Context, v *evalrust.Verifier, problems []*Problem) ([]Flaw, error) {
	var flaws []Flaw
	sources := make([]evalrust.Source, len(problems))
	for i, p := range problems {
		if c := p.Contradiction(); c != "" {
			flaws = append(flaws, Flaw{Problem: p.Name, Reason: c})
		}
		sources[i] = evalrust.Source{Text: p.Prompt + "    todo!()\n" + p.Tests}
	}
	verdicts, err := v.CheckAll(ctx, sources)
	if err != nil {
		return nil, err
	}
	for i, got := range verdicts {
		if !got.Passed() {
			flaws = append(flaws, Flaw{Problem: problems[i].Name, Reason: "prompt and tests do not compile: " + got.Reason, Fatal: true})
		}
	}
	return flaws, nil
}

// Unsolved are the problems of samples that all fail: those worth a self-check.
func Unsolved(set *Set, samples []Sample, verdicts []evalrust.Verdict) []*Problem {
	solved := map[*Problem]bool{}
	var order []*Problem
	for i, s := range samples {
		p, _ := set.Find(s.TaskID)
		if _, ok := solved[p]; !ok {
			order = append(order, p)
		}
		solved[p] = solved[p] || verdicts[i].Passed()
	}
	return slices.DeleteFunc(order, func(p *Problem) bool { return solved[p] })
}
