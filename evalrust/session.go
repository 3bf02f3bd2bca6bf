package evalrust

import (
	"context"
	"fmt"
	"time"

	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// Session is a place in the sandbox where one program is built and run. It is
// for one goroutine.
type Session struct {
	v   *Verifier
	job *sandbox.Job
}

// Session waits for a free worker.
func (v *Verifier) Session(ctx context.Context) (*Session, error) {
	job, err := v.box.Job(ctx)
	if err != nil {
		return nil, err
	}
	return &Session{v, job}, nil
}

// Close gives the worker back.
func (s *Session) Close() { s.job.Close() }

// Do runs a step of another kind in the session's directory.
func (s *Session) Do(ctx context.Context, step sandbox.Step) (sandbox.Result, []sandbox.File, error) {
	return s.job.Run(ctx, step)
}

// Dir is the session's directory, Scratch one that is emptied before each
// command, both as programs see them.
func (s *Session) Dir() string { return s.job.Dir() }

// Scratch is for files of one command.
func (s *Session) Scratch() string { return s.job.Scratch() }

// Program is a crate.
type Program struct {
	Root    string // the file that it begins with
	Files   []sandbox.File
	Edition string // "" is 2021
	Link    bool   // makes a program to run; else only checks it, as a library
}

// binary is the name of a linked program.
const binary = "program"

// Build compiles a program. The error says nothing about the program.
func (s *Session) Build(ctx context.Context, p Program) (rustc.Verdict, error) {
	verdict, _, err := s.build(ctx, p)
	return verdict, err
}

func (s *Session) build(ctx context.Context, p Program) (rustc.Verdict, sandbox.Result, error) {
	start := time.Now()
	limits := s.v.scaled(s.v.opts.Build)
	res, _, err := s.job.Run(ctx, sandbox.Step{Files: p.Files, Command: &sandbox.Command{
		Args: s.args(p), Build: true, Limits: limits,
		Env: []string{"PATH=/usr/bin:/bin", "TMPDIR=" + s.job.Scratch(), "RUST_BACKTRACE=0", "LC_ALL=C"},
	}})
	if err != nil {
		return rustc.Verdict{}, res, err
	}
	hungry := res.Signal != "" && res.Peak >= limits.Memory/10*9
	verdict, err := rustc.Conclude(rustc.Ending{Output: res.Stderr, Exit: res.Exit, Signal: res.Signal, Overtime: res.Timeout, Overflow: res.Overflow,
		Starved: res.OutOfMemory || hungry}, s.v.opts.Diagnostics)
	verdict.Duration = time.Since(start)
	return verdict, res, err
}

func (s *Session) args(p Program) []string {
	edition := p.Edition
	if edition == "" {
		edition = "2021"
	}
	args := []string{s.v.compiler.Path(), "--edition", edition, "--crate-name", "sample", "--error-format=json", "-A", "warnings",
		"--sysroot", s.v.compiler.Sysroot(), "--remap-path-prefix=" + s.job.Dir() + "=.", p.Root}
	if !p.Link {
		return append(args, "--crate-type", "lib", "--emit=metadata", "-o", "sample.rmeta")
	}
	args = append(args, "--crate-type", "bin", "-C", "debuginfo=0", "-C", "codegen-units=1", "-C", "strip=symbols", "-C", "prefer-dynamic", "-o", binary)
	if s.v.linker != "" {
		args = append(args, "-C", "linker="+s.v.linker)
	}
	return args
}

// Run is one execution of the program that was built.
type Run struct {
	Args    []string
	Stdin   []byte
	Results bool // descriptor 3 is a pipe, whose text is in the result
}

// Run runs the program that was built last.
func (s *Session) Run(ctx context.Context, r Run) (sandbox.Result, error) {
	c := &sandbox.Command{
		Path: s.job.Dir() + "/" + binary, Args: append([]string{binary}, r.Args...), Stdin: r.Stdin, Results: r.Results,
		Env: []string{"LD_LIBRARY_PATH=" + s.v.libs, "RUST_BACKTRACE=0"}, Limits: s.v.scaled(s.v.opts.Run),
	}
	s.v.alone.RLock()
	res, _, err := s.job.Run(ctx, sandbox.Step{Command: c})
	s.v.alone.RUnlock()
	if err != nil || !res.Timeout || res.CPU > c.Limits.Time/2 {
		return res, err
	}
	// It was asleep most of its time, or the machine was: once more, alone.
	s.v.alone.Lock()
	defer s.v.alone.Unlock()
	res, _, err = s.job.Run(ctx, sandbox.Step{Command: c})
	return res, err
}

// attempts is how often a program is judged when the sandbox fails.
const attempts = 3

// Within runs f in a session, and again in another one when the sandbox fails.
func (v *Verifier) Within(ctx context.Context, f func(*Session) error) (err error) {
	for range attempts {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = v.once(ctx, f); err == nil {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("evalrust: %d attempts: %w", attempts, err)
}

func (v *Verifier) once(ctx context.Context, f func(*Session) error) error {
	s, err := v.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}
