package cargo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// Options say what to do with a package.
type Options struct {
	Command string        // check, build, test or clippy; "" is check
	Time    time.Duration // of the whole command, 0 is 2 minutes
	Memory  int64         // bytes, 0 is 3 GiB
}

// maxFiles and maxBytes bound a package with its vendored dependencies.
const (
	maxFiles = 20_000
	maxBytes = 200 << 20
)

// Run runs a cargo command on the package in a directory of this machine, which
// is copied into the sandbox and not changed. Dependencies come from its folder
// vendor, as cargo vendor writes it; there is no network. Build scripts and
// procedural macros run in the sandbox like everything else.
func Run(ctx context.Context, v *evalrust.Verifier, dir string, o Options) (evalrust.Verdict, error) {
	if o.Command == "" {
		o.Command = "check"
	}
	switch o.Command {
	case "check", "build", "test", "clippy":
	default:
		return evalrust.Verdict{}, fmt.Errorf("cargo: command %q, want check, build, test or clippy", o.Command)
	}
	files, err := collect(dir)
	if err != nil {
		return evalrust.Verdict{}, err
	}
	key := v.Key("cargo", o, files)
	if got, ok := v.Cached(key); ok {
		return got, nil
	}
	var got evalrust.Verdict
	err = v.Within(ctx, func(s *evalrust.Session) (err error) {
		got, err = run(ctx, v, s, files, o)
		return err
	})
	if err != nil {
		return evalrust.Verdict{Class: evalrust.InfraError, Status: evalrust.StatusInfra, Reason: err.Error()}, err
	}
	return got, v.Keep(key, got)
}

// collect reads the files of a package: regular ones, without what cargo and
// version control put there.
func collect(dir string) ([]sandbox.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cargo: %w", err)
	}
	defer root.Close()
	if _, err := root.Stat("Cargo.toml"); err != nil {
		return nil, fmt.Errorf("cargo: %s is no package: %w", dir, err)
	}
	var files []sandbox.File
	total := 0
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path == "target" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		if total += len(data); total > maxBytes || len(files) >= maxFiles {
			return fmt.Errorf("more than %d files or %d MiB", maxFiles, maxBytes>>20)
		}
		files = append(files, sandbox.File{Name: filepath.ToSlash(path), Data: data})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cargo: reading %s: %w", dir, err)
	}
	return files, nil
}

func run(ctx context.Context, v *evalrust.Verifier, s *evalrust.Session, files []sandbox.File, o Options) (evalrust.Verdict, error) {
	start := time.Now()
	res, _, err := s.Do(ctx, sandbox.Step{Files: files, Command: command(v, s, files, o)})
	if err != nil {
		return evalrust.Verdict{}, err
	}
	return conclude(res, time.Since(start), o)
}

// command is the call of cargo.
func command(v *evalrust.Verifier, s *evalrust.Session, files []sandbox.File, o Options) *sandbox.Command {
	sysroot, linker, target := v.Toolchain()
	limits := v.BuildLimits()
	limits.Processes, limits.OpenFiles, limits.Output = 128, 1024, 8<<20
	limits.Time, limits.CPU = 2*time.Minute, 2*time.Minute
	if o.Time > 0 {
		limits.Time, limits.CPU = o.Time, o.Time
	}
	if o.Memory > 0 {
		limits.Memory = o.Memory
	}
	args := []string{"cargo", o.Command, "--offline", "--message-format=json", "--manifest-path", s.Dir() + "/Cargo.toml"}
	if vendored(files) {
		args = append(args, "--config", `source.crates-io.replace-with="vendored"`, "--config", `source.vendored.directory="`+s.Dir()+`/vendor"`)
	}
	env := []string{
		"PATH=" + filepath.Join(sysroot, "bin") + ":/usr/bin:/bin", "CARGO_HOME=" + s.Dir() + "/.cargo-home", "CARGO_TARGET_DIR=" + s.Dir() + "/target",
		"TMPDIR=" + s.Scratch(), "RUST_BACKTRACE=0", "LC_ALL=C", "CARGO_TERM_COLOR=never", "CARGO_INCREMENTAL=0",
		"CARGO_PROFILE_DEV_DEBUG=0", "CARGO_PROFILE_TEST_DEBUG=0",
	}
	if linker != "" {
		env = append(env, "CARGO_TARGET_"+strings.ToUpper(strings.ReplaceAll(target, "-", "_"))+"_LINKER="+linker)
	}
	return &sandbox.Command{Path: filepath.Join(sysroot, "bin", "cargo"), Args: args, Env: env, Build: true, Limits: limits}
}

// vendored says whether the package brings its dependencies and does not say
// itself how to find them.
func vendored(files []sandbox.File) bool {
	vendor, config := false, false
	for _, f := range files {
		vendor = vendor || strings.HasPrefix(f.Name, "vendor/")
		if f.Name == ".cargo/config.toml" || f.Name == ".cargo/config" {
			config = bytes.Contains(f.Data, []byte("replace-with"))
		}
	}
	return vendor && !config
}

// messages takes the compiler's objects out of cargo's.
func messages(output []byte) (compiler []byte, rest string) {
	var text strings.Builder
	for line := range bytes.Lines(output) {
		var m struct {
			Reason  string
			Message json.RawMessage
		}
		if json.Unmarshal(line, &m) != nil || m.Reason == "" {
			text.Write(line)
			continue
		}
		if m.Reason == "compiler-message" {
			compiler = append(append(compiler, m.Message...), '\n')
		}
	}
	return compiler, text.String()
}

// conclude turns the end of a command into a verdict.
func conclude(res sandbox.Result, took time.Duration, o Options) (evalrust.Verdict, error) {
	compiler, rest := messages(res.Stdout)
	stderr := evalrust.Text(res.Stderr)
	tested := strings.Contains(rest, "test result:") || strings.Contains(stderr, "error: test failed")
	script := strings.Contains(stderr, "failed to run custom build command")
	ending := rustc.Ending{Output: compiler, Exit: res.Exit, Signal: res.Signal, Overtime: res.Timeout, Overflow: res.Overflow, Starved: res.OutOfMemory}
	failed := !res.OK()
	if failed && res.Exit > 0 {
		ending.Exit = 1 // cargo says 101 for errors; a crash of rustc shows in the messages
	}
	got, err := rustc.Conclude(ending, 20)
	if err == nil && !(failed && got.Errors == 0 && res.Exit > 0) {
		got.Duration = took
		return evalrust.Compiled(got), nil
	}
	v := evalrust.Verdict{Class: evalrust.CompileError, Exit: res.Exit, Stdout: rest, Stderr: tail(stderr), Compile: took, Reason: reason(stderr)}
	switch {
	case tested && o.Command == "test":
		v.Class, v.Status, v.Reason = evalrust.WrongAnswer, evalrust.StatusAssert, "a test failed"
	case script:
		v.Status = evalrust.StatusPanic
	case strings.Contains(stderr, "SIGSEGV") || strings.Contains(stderr, "SIGABRT") || strings.Contains(stderr, "internal compiler error"):
		v.Status = evalrust.StatusCompilerCrash
	default: // dependencies that are not there, a manifest that is wrong
		v.Class, v.Status = evalrust.Rejected, evalrust.StatusExtraction
	}
	return v, nil
}

// reason is the first line of cargo's own error.
func reason(stderr string) string {
	for line := range strings.Lines(stderr) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "error: "); ok {
			return text
		}
	}
	return "cargo failed"
}

// tail is the end of a text.
func tail(s string) string {
	const most = 4 << 10
	if len(s) > most {
		return s[len(s)-most:]
	}
	return s
}
