package evalrust

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/nanochat-go/nanochat/evalrust/cache"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// Version is of the rules by which verdicts are made: a part of the key under
// which they are cached.
const Version = 1

// Options configure a Verifier. The zero value has usable defaults.
type Options struct {
	Rustc       string         // path of the compiler, "" looks it up in PATH
	Backend     string         // of the sandbox, "" takes the best that works here
	Workers     int            // programs at a time, 0 is the number of processors
	Build       sandbox.Limits // of the compiler, zero fields as in BuildLimits
	Run         sandbox.Limits // of programs, zero fields as in sandbox.DefaultLimits
	MaxSource   int            // bytes, 0 is 1 MiB
	Diagnostics int            // kept for a verdict, 0 is 20
	Cache       string         // directory of verdicts, "" keeps them in memory
	NoCache     bool           // judges everything anew
	TempDir     string         // for backends that need one, "" is the system's
}

// BuildLimits are the limits of the compiler and linker.
var BuildLimits = sandbox.Limits{
	Time: 20 * time.Second, CPU: 15 * time.Second, Memory: 3 << 30, Address: 3 << 30, FileSize: 64 << 20, Scratch: 256 << 20,
	Processes: 64, OpenFiles: 256, Output: 1 << 20,
}

// Verifier compiles and runs programs in a sandbox. It is safe for concurrent
// use.
type Verifier struct {
	opts     Options
	compiler *rustc.Compiler
	box      *sandbox.Box
	linker   string
	libs     string // directory of the standard library's shared objects
	scale    float64
	verdicts *cache.Cache[Verdict]

	// Programs hold it shared; one that is judged again for its time is alone.
	alone sync.RWMutex
}

// NewVerifier finds a compiler and a sandbox and tries both. The error is a
// *rustc.NotFoundError or a *sandbox.UnavailableError when one is missing. main
// must have called sandbox.Init.
func NewVerifier(opts Options) (*Verifier, error) {
	if opts.Workers <= 0 {
		opts.Workers = runtime.NumCPU()
	}
	if opts.MaxSource == 0 {
		opts.MaxSource = 1 << 20
	}
	if opts.Diagnostics == 0 {
		opts.Diagnostics = 20
	}
	opts.Build, opts.Run = fillLimits(opts.Build, BuildLimits), fillLimits(opts.Run, sandbox.DefaultLimits)
	v := &Verifier{opts: opts, scale: 1}
	var err error
	if v.compiler, err = rustc.New(rustc.Options{Path: opts.Rustc}); err != nil {
		return nil, err
	}
	v.linker = findLinker()
	if v.libs, err = libraries(v.compiler.Sysroot()); err != nil {
		return nil, &rustc.NotFoundError{Path: v.compiler.Path(), Cause: err}
	}
	if !opts.NoCache {
		if v.verdicts, err = cache.Open[Verdict](opts.Cache); err != nil {
			return nil, err
		}
	}
	show := []string{v.compiler.Sysroot()}
	if v.linker != "" {
		show = append(show, filepath.Dir(v.linker))
	}
	v.box, err = sandbox.New(sandbox.Options{Backend: opts.Backend, Workers: opts.Workers, ReadOnly: show, TempDir: opts.TempDir})
	if err != nil {
		return nil, err
	}
	if err := v.calibrate(); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

func fillLimits(l, d sandbox.Limits) sandbox.Limits {
	fill(&l.Time, d.Time)
	fill(&l.CPU, d.CPU)
	fill(&l.Memory, d.Memory)
	fill(&l.Address, d.Address)
	fill(&l.FileSize, d.FileSize)
	fill(&l.Scratch, d.Scratch)
	fill(&l.Processes, d.Processes)
	fill(&l.OpenFiles, d.OpenFiles)
	fill(&l.Output, d.Output)
	return l
}

func fill[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// findLinker resolves the system's C compiler, by which rustc links: behind the
// links that a system makes to choose one, which do not exist inside. "" leaves
// it to rustc.
func findLinker() string {
	path, err := exec.LookPath("cc")
	if err != nil {
		return ""
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return ""
	}
	return path
}

// libraries is where the toolchain keeps the shared standard library.
func libraries(sysroot string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(sysroot, "lib", "rustlib", "*", "lib", "libstd-*.so"))
	if len(found) == 0 {
		return "", fmt.Errorf("no standard library in %s", sysroot)
	}
	return filepath.Dir(found[0]), nil
}

// reference is the processor time that the calibration takes on the machine
// that the limits are made for.
const reference = 60 * time.Millisecond

// calibrate compiles a fixed program, which must work, and scales the limits by
// the processor time that it took, from 1 to 8.
func (v *Verifier) calibrate() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := v.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	got, res, err := s.build(ctx, Program{Root: "main.rs", Files: []sandbox.File{{Name: "main.rs", Data: []byte(calibration)}}, Link: true})
	if err != nil {
		return err
	}
	if !got.Compiled {
		return fmt.Errorf("evalrust: a correct program does not compile in the sandbox: %s", got.Reason())
	}
	ran, err := s.Run(ctx, Run{})
	if err != nil {
		return err
	}
	if string(ran.Stdout) != "42\n" {
		return fmt.Errorf("evalrust: a correct program does not run in the sandbox: status %d %s %q", ran.Exit, ran.Signal, ran.Stderr)
	}
	v.scale = min(max(float64(res.CPU)/float64(reference), 1), 8)
	return nil
}

const calibration = "fn main() {\n    let v: Vec<u32> = (1..=8).collect();\n    println!(\"{}\", v.iter().sum::<u32>() + 6);\n}\n"

// scaled are limits on this machine.
func (v *Verifier) scaled(l sandbox.Limits) sandbox.Limits {
	l.Time = time.Duration(float64(l.Time) * v.scale)
	l.CPU = time.Duration(float64(l.CPU) * v.scale)
	return l
}

// Info says what contains programs.
func (v *Verifier) Info() sandbox.Info { return v.box.Info() }

// Compiler is the compiler's version.
func (v *Verifier) Compiler() string { return v.compiler.Version() }

// Toolchain is where the compiler's directory is, what it links with ("" for
// its own choice), and the target that it compiles for.
func (v *Verifier) Toolchain() (sysroot, linker, target string) {
	return v.compiler.Sysroot(), v.linker, filepath.Base(filepath.Dir(v.libs))
}

// BuildLimits are the limits of the compiler on this machine.
func (v *Verifier) BuildLimits() sandbox.Limits { return v.scaled(v.opts.Build) }

// Workers is how many programs are judged at a time.
func (v *Verifier) Workers() int { return v.opts.Workers }

// RunLimits are the limits of programs.
func (v *Verifier) RunLimits() sandbox.Limits { return v.opts.Run }

// Close ends the sandbox.
func (v *Verifier) Close() error { return v.box.Close() }

// Key is the cache key of what depends on the parts, on the compiler and on the
// limits.
func (v *Verifier) Key(parts ...any) string {
	return cache.Key(append([]any{Version, v.compiler.Version(), v.opts.Build, v.opts.Run, v.opts.Diagnostics}, parts...)...)
}

// Cached returns a verdict of an earlier time.
func (v *Verifier) Cached(key string) (Verdict, bool) {
	got, ok := v.verdicts.Get(key)
	got.Cached = ok
	return got, ok
}

// Keep remembers a verdict, unless it says nothing about the program.
func (v *Verifier) Keep(key string, verdict Verdict) error {
	if verdict.Class == InfraError {
		return nil
	}
	return v.verdicts.Put(key, verdict)
}
