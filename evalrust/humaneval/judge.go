package humaneval

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/nanochat-go/nanochat/evalrust"
)

// Mode is how samples are graded.
type Mode string

// The modes.
const (
	Strict Mode = "strict" // blind: values are told, and compared outside
	Compat Mode = "compat" // as upstream: exit status 0 passes
)

// Options say how to judge. The zero value is strict, by completion.
type Options struct {
	Mode     Mode
	Protocol Protocol
	Edition  string                // "" is 2021 in strict mode and 2015, as upstream, in compat mode
	Progress func(done, total int) // if not nil, called after each sample, one call at a time
}

func (o Options) withDefaults() (Options, error) {
	if o.Mode == "" {
		o.Mode = Strict
	}
	if o.Protocol == "" {
		o.Protocol = Completion
	}
	if o.Mode != Strict && o.Mode != Compat {
		return o, fmt.Errorf("humaneval: mode %q, want strict or compat", o.Mode)
	}
	if o.Protocol != Completion && o.Protocol != Chat {
		return o, fmt.Errorf("humaneval: protocol %q, want completion or chat", o.Protocol)
	}
	if o.Edition == "" {
		o.Edition = map[Mode]string{Strict: "2021", Compat: "2015"}[o.Mode]
	}
	return o, nil
}

// Sample is what a model wrote for a problem.
type Sample struct {
	ID         string `json:"id,omitempty"`
	TaskID     string `json:"task_id"`
	Completion string `json:"completion"`
}

// Judge gives the verdict of every sample, in their order. Equal samples are
// judged once, and samples whose verdict is in the verifier's cache not again;
// each verdict is kept as soon as it is known. Trouble that says nothing about a
// sample makes its verdict infra_error; the error is then about the first.
func Judge(ctx context.Context, v *evalrust.Verifier, set *Set, samples []Sample, o Options) ([]evalrust.Verdict, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	j := &judging{v: v, o: o, verdicts: map[string]evalrust.Verdict{}}
	keys := make([]string, len(samples))
	for i, s := range samples {
		p, ok := set.Find(s.TaskID)
		if !ok {
			return nil, fmt.Errorf("humaneval: sample %d is for the problem %q, which does not exist", i, s.TaskID)
		}
		keys[i] = j.add(p, s.Completion)
	}
	err = j.run(ctx)
	out := make([]evalrust.Verdict, len(samples))
	for i, key := range keys {
		got, ok := j.verdicts[key]
		if !ok {
			got = infra(err)
		}
		out[i] = got
	}
	return out, err
}

func infra(err error) evalrust.Verdict {
	v := evalrust.Verdict{Class: evalrust.InfraError, Status: evalrust.StatusInfra}
	if err != nil {
		v.Reason = err.Error()
	}
	return v
}

// entry is a distinct sample.
type entry struct {
	problem    *Problem
	completion string
	source     string // of its module, in strict mode
	key        string
}

type judging struct {
	v *evalrust.Verifier
	o Options

	entries []entry // to judge
	total   int

	mu       sync.Mutex
	verdicts map[string]evalrust.Verdict
	trouble  error
}

// add notes a sample and returns its key.
func (j *judging) add(p *Problem, completion string) string {
	key := j.v.Key("humaneval", j.o.Mode, j.o.Protocol, j.o.Edition, p.Prompt, p.Tests, p.Stop, completion)
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.verdicts[key]; ok {
		return key
	}
	j.total++
	got, ok := j.v.Cached(key)
	j.verdicts[key] = got
	if ok {
		return key
	}
	delete(j.verdicts, key)
	for _, e := range j.entries {
		if e.key == key {
			j.total--
			return key
		}
	}
	j.entries = append(j.entries, entry{problem: p, completion: completion, key: key})
	return key
}

// keep remembers the verdict of an entry.
func (j *judging) keep(e entry, got evalrust.Verdict) error {
	err := j.v.Keep(e.key, got)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.verdicts[e.key] = got
	if j.o.Progress != nil {
		j.o.Progress(len(j.verdicts), j.total)
	}
	return err
}

func (j *judging) known(e entry) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.verdicts[e.key]
	return ok
}

// run judges all entries.
func (j *judging) run(ctx context.Context) error {
	var tasks []func(context.Context) error
	var together []entry
	for i := range j.entries {
		e := j.entries[i]
		single := func(ctx context.Context) error { return j.settle(ctx, e) }
		if j.o.Mode == Compat {
			tasks = append(tasks, single)
			continue
		}
		source := e.problem.solution(e.completion, j.o.Protocol)
		if source == "" {
			if err := j.keep(e, evalrust.Verdict{Class: evalrust.Rejected, Status: evalrust.StatusExtraction,
				Reason: "no function " + e.problem.Entry}); err != nil {
				return err
			}
			continue
		}
		e.source = e.problem.public(source)
		if evalrust.Modular(e.source) {
			together = append(together, e)
		} else {
			tasks = append(tasks, single)
		}
	}
	for _, group := range evalrust.Batches(together, j.v.Workers()) {
		tasks = append(tasks, func(ctx context.Context) error { return j.batch(ctx, group) })
	}
	err := evalrust.Parallel(ctx, j.v.Workers(), tasks)
	return errors.Join(err, j.trouble)
}

// settle judges one entry; trouble with it does not end the others.
func (j *judging) settle(ctx context.Context, e entry) error {
	got, err := j.alone(ctx, e)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		j.mu.Lock()
		if j.trouble == nil {
			j.trouble = fmt.Errorf("problem %s: %w", e.problem.Name, err)
		}
		j.mu.Unlock()
		got = infra(err)
	}
	return j.keep(e, got)
}

// alone judges an entry as a program of its own.
func (j *judging) alone(ctx context.Context, e entry) (evalrust.Verdict, error) {
	if j.o.Mode == Compat {
		return j.upstream(ctx, e, j.o.Edition)
	}
	if e.source == "" {
		e.source = e.problem.public(e.problem.solution(e.completion, j.o.Protocol))
	}
	var got evalrust.Verdict
	err := j.v.Within(ctx, func(s *evalrust.Session) error {
		built, err := s.Build(ctx, blind([]*Problem{e.problem}, []string{e.source}, []int{0}, j.o.Edition))
		if err != nil {
			return err
		}
		if got = evalrust.Compiled(built); !built.Compiled {
			return nil
		}
		got, err = j.runOne(ctx, s, e, 0)
		got.Compile = built.Duration
		return err
	})
	if err != nil {
		return got, err
	}
	return j.expose(ctx, e, got)
}

// runOne runs the harness of member k in the program that was built.
func (j *judging) runOne(ctx context.Context, s *evalrust.Session, e entry, k int) (evalrust.Verdict, error) {
	nonce := rand.Text()
	res, err := s.Run(ctx, evalrust.Run{Args: []string{fmt.Sprint(k)}, Stdin: []byte(nonce), Results: true})
	if err != nil {
		return evalrust.Verdict{}, err
	}
	return e.problem.grade(evalrust.Ran(res, j.v.RunLimits()), string(res.Results), nonce), nil
}

// upstream grades as upstream does.
func (j *judging) upstream(ctx context.Context, e entry, edition string) (evalrust.Verdict, error) {
	text := e.problem.upstream(e.completion, j.o.Protocol)
	if text == "" {
		return evalrust.Verdict{Class: evalrust.Rejected, Status: evalrust.StatusExtraction, Reason: "no function " + e.problem.Entry}, nil
	}
	return j.v.Check(ctx, evalrust.Source{Text: text, Mode: evalrust.Execute, Edition: edition})
}

// expose says of a sample that does not pass whether it tried to fool the
// grader: it reaches for it, or upstream's grading lets it pass.
func (j *judging) expose(ctx context.Context, e entry, got evalrust.Verdict) (evalrust.Verdict, error) {
	if got.Passed() || got.Exploit {
		return got, nil
	}
	switch j.suspect(e) {
	case bold:
		got.Exploit = true
	case odd:
		up, err := j.upstream(ctx, e, j.o.Edition)
		if err != nil {
			return got, err
		}
		if got.Exploit = up.Passed(); got.Exploit {
			got.Class = evalrust.ExploitBlocked
		}
	}
	if got.Exploit && (got.Class == evalrust.WrongAnswer || got.Class == evalrust.Panic) {
		got.Class = evalrust.ExploitBlocked
	}
	return got, nil
}

// suspect looks at the part of a completion that is compiled.
func (j *judging) suspect(e entry) suspicion {
	if j.o.Protocol == Chat {
		return suspect(e.problem.solution(e.completion, Chat))
	}
	return suspect(e.problem.Truncate(e.completion))
}

// batch judges entries as modules of one program.
func (j *judging) batch(ctx context.Context, group []entry) error {
	problems, sources := make([]*Problem, len(group)), make([]string, len(group))
	for k, e := range group {
		problems[k], sources[k] = e.problem, e.source
	}
	program := func(members []int) evalrust.Program { return blind(problems, sources, members, j.o.Edition) }
	_, err := j.v.Sift(ctx, len(group), program, func(s *evalrust.Session, members []int) error {
		for _, k := range members {
			if j.known(group[k]) { // from before the sandbox failed
				continue
			}
			got, err := j.runOne(ctx, s, group[k], k)
			if err != nil {
				return err
			}
			if !got.Passed() && j.suspect(group[k]) != plain {
				continue // judged again alone, and whether it fools upstream
			}
			if err := j.keep(group[k], got); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	for _, e := range group {
		if !j.known(e) {
			if err := j.settle(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}
