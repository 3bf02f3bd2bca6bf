package evalrust

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/nanochat-go/nanochat/evalrust/diag"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/rustlex"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// Mode is how far a program is taken.
type Mode int

// The modes.
const (
	Check   Mode = iota // metadata only: types and borrows, without code
	Build               // to a linked program, which sees what instantiation and linking say
	Execute             // and run; exit status 0 passes
)

// Source is a program in one file.
type Source struct {
	Text    string
	Mode    Mode
	Edition string // "" is 2021
	Stdin   []byte // for Execute
}

// Check judges a source. The error is trouble that says nothing about it, after
// a retry; everything about the source is in the verdict.
func (v *Verifier) Check(ctx context.Context, src Source) (Verdict, error) {
	key := v.Key("source", src)
	if got, ok := v.Cached(key); ok {
		return got, nil
	}
	verdict, err := v.check(ctx, src)
	if err != nil {
		return Verdict{Class: InfraError, Status: StatusInfra, Reason: err.Error()}, err
	}
	return verdict, v.Keep(key, verdict)
}

func (v *Verifier) check(ctx context.Context, src Source) (verdict Verdict, err error) {
	if len(src.Text) > v.opts.MaxSource {
		return Verdict{Class: Rejected, Status: StatusExtraction, Reason: fmt.Sprintf("source of %d bytes, more than %d", len(src.Text), v.opts.MaxSource)}, nil
	}
	err = v.Within(ctx, func(s *Session) error {
		got, err := s.Build(ctx, Program{Root: "sample.rs", Edition: src.Edition, Link: src.Mode != Check,
			Files: []sandbox.File{{Name: "sample.rs", Data: []byte(src.Text)}}})
		if err != nil {
			return err
		}
		verdict = Compiled(got)
		if !got.Compiled || src.Mode != Execute {
			return nil
		}
		res, err := s.Run(ctx, Run{Stdin: src.Stdin})
		if err != nil {
			return err
		}
		verdict = Ran(res, v.opts.Run)
		verdict.Compile = got.Duration
		return nil
	})
	return verdict, err
}

// batchSize is how many sources are checked as modules of one crate: enough to
// spread the start of the compiler, few enough that a bad one costs little.
const batchSize = 48

// CheckAll judges many sources, several at a time, and returns the verdicts in
// their order. Sources to be checked only are checked as modules of one crate
// where that cannot change the verdict; those that fail there are judged alone.
// The first error ends the work.
func (v *Verifier) CheckAll(ctx context.Context, sources []Source) ([]Verdict, error) {
	verdicts := make([]Verdict, len(sources))
	var together, single []int
	first := map[string]int{}
	same := make([]int, len(sources))
	for i, src := range sources {
		key := v.Key("source", src)
		if j, ok := first[key]; ok {
			same[i] = j
			continue
		}
		first[key], same[i] = i, i
		if got, ok := v.Cached(key); ok {
			verdicts[i] = got
		} else if src.Mode == Check && len(src.Text) <= v.opts.MaxSource && Modular(src.Text) {
			together = append(together, i)
		} else {
			single = append(single, i)
		}
	}
	var tasks []func(context.Context) error
	for _, list := range editions(sources, together) {
		for _, group := range Batches(list, v.opts.Workers) {
			tasks = append(tasks, func(ctx context.Context) error { return v.checkBatch(ctx, sources, group, verdicts) })
		}
	}
	for _, i := range single {
		tasks = append(tasks, func(ctx context.Context) (err error) {
			verdicts[i], err = v.Check(ctx, sources[i])
			return err
		})
	}
	err := Parallel(ctx, v.opts.Workers, tasks)
	for i, j := range same {
		verdicts[i] = verdicts[j]
	}
	return verdicts, err
}

// editions deals indices to lists of one edition.
func editions(sources []Source, indices []int) map[string][]int {
	lists := map[string][]int{}
	for _, i := range indices {
		lists[sources[i].Edition] = append(lists[sources[i].Edition], i)
	}
	return lists
}

// Batches deals items to batches of a size that keeps the workers busy.
func Batches[T any](items []T, workers int) [][]T {
	size := max(1, min(batchSize, (len(items)+workers-1)/workers))
	return slices.Collect(slices.Chunk(items, size))
}

// checkBatch checks sources as modules of one crate. Modules with errors are
// taken out until the others compile, and judged alone.
func (v *Verifier) checkBatch(ctx context.Context, sources []Source, group []int, verdicts []Verdict) error {
	texts := make([]string, len(group))
	for k, i := range group {
		texts[k] = sources[i].Text
	}
	good, err := v.Sift(ctx, len(group), func(members []int) Program {
		p := Program{Root: "batch.rs", Edition: sources[group[0]].Edition}
		var root []byte
		for _, k := range members {
			name := ModuleName(k)
			root = fmt.Appendf(root, "mod %s;\n", name)
			p.Files = append(p.Files, sandbox.File{Name: name + ".rs", Data: []byte(texts[k])})
		}
		p.Files = append(p.Files, sandbox.File{Name: "batch.rs", Data: root})
		return p
	}, nil)
	if err != nil {
		return err
	}
	for k, i := range group {
		if good[k] {
			verdicts[i] = Verdict{Class: Pass, Status: StatusOK}
			err = v.Keep(v.Key("source", sources[i]), verdicts[i])
		} else {
			verdicts[i], err = v.Check(ctx, sources[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ModuleName names the module of a member of a batch.
func ModuleName(k int) string { return fmt.Sprintf("m%d", k) }

// Sift finds the members of a batch of n that compile together: it builds all,
// takes out those whose files (ModuleName.rs, ModuleName_….rs) the errors name, and repeats; errors that name
// none halve the batch. done, if not nil, is called in the session in which a
// batch was built, with its members.
func (v *Verifier) Sift(ctx context.Context, n int, program func(members []int) Program, done func(*Session, []int) error) ([]bool, error) {
	good := make([]bool, n)
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return good, v.sift(ctx, all, program, done, good)
}

func (v *Verifier) sift(ctx context.Context, members []int, program func([]int) Program, done func(*Session, []int) error, good []bool) error {
	for len(members) > 0 {
		var got rustc.Verdict
		err := v.Within(ctx, func(s *Session) (err error) {
			if got, err = s.Build(ctx, program(members)); err != nil || !got.Compiled || done == nil {
				return err
			}
			return done(s, members)
		})
		if err != nil {
			return err
		}
		if got.Compiled {
			for _, k := range members {
				good[k] = true
			}
			return nil
		}
		bad := culprits(got)
		var left []int
		for _, k := range members {
			if !bad[ModuleName(k)] {
				left = append(left, k)
			}
		}
		if len(left) == len(members) { // no error names a member
			if len(members) == 1 {
				return nil
			}
			half := len(members) / 2
			return errors.Join(v.sift(ctx, members[:half], program, done, good), v.sift(ctx, members[half:], program, done, good))
		}
		members = left
	}
	return nil
}

// culprits are the members whose files errors point into: those that begin with
// the member's name, which ends at a dot or an underscore.
func culprits(got rustc.Verdict) map[string]bool {
	members := map[string]bool{}
	for _, d := range got.Diagnostics {
		if d.Span != nil && d.Level == diag.Error {
			name := d.Span.File
			if end := strings.IndexAny(name, "._"); end > 0 {
				name = name[:end]
			}
			members[name] = true
		}
	}
	return members
}

// solitary are the names by which a source may depend on the crate around it,
// or change it.
var solitary = map[string]bool{
	"crate": true, "super": true, "macro_export": true, "no_mangle": true, "export_name": true, "link_section": true, "link": true, "link_name": true,
	"extern": true, "asm": true, "global_asm": true, "naked_asm": true, "include": true, "include_str": true, "include_bytes": true, "path": true,
	"global_allocator": true, "panic_handler": true, "used": true, "file": true, "module_path": true, "line": true, "column": true,
	"proc_macro": true, "proc_macro_derive": true, "env": true, "option_env": true, "macro_use": true,
}

// Modular says whether a source means the same as a module among others: it
// has no attribute for the whole crate, names no crate, exports nothing and
// ends inside no token.
func Modular(source string) bool {
	tokens := rustlex.Lex(source)
	var before rustlex.Token
	for _, t := range tokens {
		if t.Open || t.Kind == rustlex.Shebang || solitary[t.Name()] || t.Is('!') && before.Is('#') {
			return false
		}
		if !t.Trivia() {
			before = t
		}
	}
	return balanced(tokens)
}

// balanced says whether every delimiter closes the one opened last.
func balanced(tokens []rustlex.Token) bool {
	var open []byte
	closes := map[byte]byte{')': '(', ']': '[', '}': '{'}
	for _, t := range tokens {
		if t.Kind != rustlex.Punct {
			continue
		}
		switch c := t.Text[0]; c {
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != closes[c] {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}

// Parallel runs tasks, so many at a time, until the first error.
func Parallel(ctx context.Context, workers int, tasks []func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if workers <= 0 {
		workers = runtime.NumCPU()
	}
	jobs := make(chan func(context.Context) error)
	var wait sync.WaitGroup
	for range min(workers, len(tasks)) {
		wait.Go(func() {
			for task := range jobs {
				if ctx.Err() == nil {
					if err := task(ctx); err != nil {
						cancel(err)
					}
				}
			}
		})
	}
	for _, task := range tasks {
		jobs <- task
	}
	close(jobs)
	wait.Wait()
	return context.Cause(ctx)
}
