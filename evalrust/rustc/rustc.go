package rustc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Judge says whether sources compile. The error is trouble that says nothing
// about the source; everything about the source is in the verdict.
type Judge interface {
	Check(ctx context.Context, source string) (Verdict, error)
}

// Options are the limits of a Compiler. The zero value has the defaults of the
// package comment.
type Options struct {
	Path           string        // of rustc; "" looks it up in PATH
	Edition        string        // "" is 2021
	Timeout        time.Duration // wall clock, 0 is 20 s
	CPU            time.Duration // processor time, 0 is 10 s; whole seconds
	Memory         int64         // bytes of address space, 0 is 3 GiB
	MaxOutput      int           // bytes of compiler output, 0 is 1 MiB
	MaxSource      int           // bytes, 0 is 1 MiB
	MaxDiagnostics int           // kept for a verdict, 0 is 20
	DenyWarnings   bool          // a warning fails the program
	TempDir        string        // parent of the private directories, "" is the system's
}

func (o Options) withDefaults() Options {
	if o.Edition == "" {
		o.Edition = "2021"
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.CPU == 0 {
		o.CPU = 10 * time.Second
	}
	if o.Memory == 0 {
		o.Memory = 3 << 30
	}
	if o.MaxOutput == 0 {
		o.MaxOutput = 1 << 20
	}
	if o.MaxSource == 0 {
		o.MaxSource = 1 << 20
	}
	if o.MaxDiagnostics == 0 {
		o.MaxDiagnostics = 20
	}
	return o
}

// NotFoundError says that there is no usable Rust compiler. Its text says what
// to install.
type NotFoundError struct {
	Path  string // what was looked for
	Cause error
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("rustc: no usable compiler at %q (%v): install Rust 1.56 or newer, with rustup (then `rustup default stable`) or your system's package rustc",
		e.Path, e.Cause)
}

// Unwrap returns the cause.
func (e *NotFoundError) Unwrap() error { return e.Cause }

// Compiler is the Judge that asks rustc. It is safe for concurrent use.
type Compiler struct {
	opts    Options
	binary  string
	sysroot string
	version string
}

// New finds the compiler and tries it on a program that compiles and on one
// that does not. The error is a *NotFoundError when there is none that works.
func New(opts Options) (*Compiler, error) {
	c := &Compiler{opts: opts.withDefaults()}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := opts.Path
	if name == "" {
		name = "rustc"
	}
	if err := c.locate(ctx, name); err != nil {
		return nil, &NotFoundError{Path: name, Cause: err}
	}
	if err := c.probe(ctx); err != nil {
		return nil, &NotFoundError{Path: c.binary, Cause: err}
	}
	return c, nil
}

// Version is what rustc --version prints.
func (c *Compiler) Version() string { return c.version }

// Path is the compiler's binary, behind any proxy.
func (c *Compiler) Path() string { return c.binary }

// Sysroot is the directory of the toolchain.
func (c *Compiler) Sysroot() string { return c.sysroot }

// locate resolves a proxy, which needs the caller's environment and costs a few
// milliseconds a call, to the compiler behind it.
func (c *Compiler) locate(ctx context.Context, name string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if c.sysroot, err = ask(ctx, path, "--print", "sysroot"); err != nil {
		return err
	}
	c.binary = filepath.Join(c.sysroot, "bin", "rustc")
	if runtime.GOOS == "windows" {
		c.binary += ".exe"
	}
	if _, err := os.Stat(c.binary); err != nil {
		c.binary = path
	}
	c.version, err = ask(ctx, c.binary, "--version")
	return err
}

// ask runs the compiler with the caller's environment and returns its output.
func ask(ctx context.Context, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return "", fmt.Errorf("%s: %w", first, err)
	}
	return strings.TrimSpace(string(out)), err
}

// probe makes sure that verdicts mean something under the limits.
func (c *Compiler) probe(ctx context.Context) error {
	good, err := c.Check(ctx, "pub fn probe(x: i32) -> i32 { x + 1 }\n")
	if err != nil {
		return err
	}
	if !good.Compiled {
		return fmt.Errorf("a correct program does not compile under the limits: %s", good.Reason())
	}
	bad, err := c.Check(ctx, "pub fn probe(x: i32) -> String { x }\n")
	if err != nil {
		return err
	}
	if bad.Compiled || bad.Code() != "E0308" {
		return fmt.Errorf("a program with a type error is judged %q", bad.Code())
	}
	return nil
}

// Check compiles source and returns the verdict. It leaves no process and no
// file behind.
func (c *Compiler) Check(ctx context.Context, source string) (v Verdict, err error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	if len(source) > c.opts.MaxSource {
		return Verdict{Refused: fmt.Sprintf("source of %d bytes, more than %d", len(source), c.opts.MaxSource)}, nil
	}
	if reason := Refusal(source); reason != "" {
		return Verdict{Refused: reason}, nil
	}
	dir, err := os.MkdirTemp(c.opts.TempDir, "rustc-check-")
	if err != nil {
		return Verdict{}, fmt.Errorf("rustc: %w", err)
	}
	defer func() {
		if e := os.RemoveAll(dir); e != nil {
			err = errors.Join(err, fmt.Errorf("rustc: %w", e))
		}
	}()
	file := filepath.Join(dir, "sample.rs")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return Verdict{}, fmt.Errorf("rustc: %w", err)
	}
	start := time.Now()
	res, err := c.run(ctx, dir, "sample.rs")
	if err != nil {
		return Verdict{}, err
	}
	v, err = Conclude(res, c.opts.MaxDiagnostics)
	v.Duration = time.Since(start)
	return v, err
}

// args is the command line behind the binary.
func (c *Compiler) args(file string) []string {
	lints := []string{"-A", "warnings"}
	if c.opts.DenyWarnings {
		lints = []string{"-D", "warnings"}
	}
	return append(lints, "--edition", c.opts.Edition, "--crate-type", "lib", "--crate-name", "sample",
		"--emit=metadata", "--error-format=json", "--out-dir", ".", file)
}
