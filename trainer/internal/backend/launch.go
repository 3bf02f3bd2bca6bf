package backend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// marker is set for the process that the launcher starts, so that it does not
// start another.
const marker = "NANOCHAT_RELAUNCHED"

// sourceDir is the folder of the trainer's main package, "" when the program
// was built with -trimpath or its source is gone.
func sourceDir() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return ""
	}
	dir := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if _, err := os.Stat(filepath.Join(dir, "main.go")); err != nil {
		return ""
	}
	return dir
}

// simdMissing says why a SIMD build cannot be had, "" if it can or is there.
func simdMissing() string {
	switch {
	case runtime.GOARCH != "amd64":
		return "Go's SIMD kernels are for amd64"
	case runtime.GOOS == "windows":
		return "a process cannot replace itself on Windows"
	case simdBuild:
		return ""
	case sourceDir() == "":
		return "the source of the program is not here: start it with GOEXPERIMENT=simd go run ./trainer"
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "the go command is not on PATH"
	}
	return ""
}

// Relaunch replaces the process by one with SIMD and the environment that it
// needs. It returns, with the reason, only if that cannot be done or has been.
func Relaunch(ctx context.Context, notice func(string)) string {
	if os.Getenv(marker) != "" {
		if simdBuild {
			return ""
		}
		return "the rebuilt program has none"
	}
	if why := simdMissing(); why != "" {
		return why
	}
	binary, err := os.Executable()
	if !simdBuild {
		binary, err = buildSIMD(ctx, notice)
	}
	if err != nil {
		return err.Error()
	}
	env := withSetting(os.Environ(), marker, "1")
	debug := os.Getenv("GODEBUG")
	if !strings.Contains(debug, "cpu.fma=") {
		env = withSetting(env, "GODEBUG", strings.TrimPrefix(debug+",cpu.fma=off", ","))
	}
	err = syscall.Exec(binary, append([]string{os.Args[0]}, os.Args[1:]...), env)
	return fmt.Sprintf("starting %s: %v", binary, err)
}

// tunables are glibc's settings for XLA. It allocates the temporary memory of
// every step anew, some hundred megabytes: filling it page by page took a fifth
// of a step where this was measured, so the kernel is asked for huge pages. Its
// results come from many threads, and a heap for each of them keeps what earlier
// steps have freed. Two heaps take little more than one, which made a step
// slower, see docs/results/heaps.json.
var tunables = []string{"glibc.malloc.hugetlb=1", "glibc.malloc.arena_max=2"}

// schedule keeps XLA from computing first what many later operations could share
// the processors for: such an order keeps the intermediate values of all matrices
// of an update at once, where one after the other would do.
const schedule = "--xla_cpu_enable_concurrency_optimized_scheduler=false"

// relaunchTuned replaces the process by one whose C library and XLA have these
// settings.
// It returns if that has been done, is the user's own choice already or cannot
// be done; then XLA is only slower and larger.
func relaunchTuned() {
	env, ok := tuned(os.Environ())
	if !ok || os.Getenv(marker) != "" || runtime.GOOS != "linux" {
		return
	}
	if binary, err := os.Executable(); err == nil {
		_ = syscall.Exec(binary, append([]string{os.Args[0]}, os.Args[1:]...), withSetting(env, marker, "1"))
	}
}

// tuned returns env with the settings that it does not have itself, and whether
// there were any. Other C libraries ignore theirs.
func tuned(env []string) ([]string, bool) {
	env, tunable := withDefaults(env, "GLIBC_TUNABLES", ":", tunables...)
	env, flag := withDefaults(env, "XLA_FLAGS", " ", schedule)
	return env, tunable || flag
}

// withDefaults adds settings NAME=VALUE to a variable that lists such, unless it
// has the name, and reports whether there were any to add.
func withDefaults(env []string, variable, separator string, settings ...string) ([]string, bool) {
	value, added := "", false
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, variable+"="); ok {
			value = v
			break
		}
	}
	for _, s := range settings {
		name, _, _ := strings.Cut(s, "=")
		if !strings.Contains(value, name+"=") {
			value, added = strings.TrimPrefix(value+separator+s, separator), true
		}
	}
	if !added {
		return env, false
	}
	return withSetting(env, variable, value), true
}

// withSetting replaces or adds a variable; a second entry would be ignored.
func withSetting(env []string, name, value string) []string {
	out := make([]string, 0, len(env)+1)
	for _, e := range env {
		if !strings.HasPrefix(e, name+"=") {
			out = append(out, e)
		}
	}
	return append(out, name+"="+value)
}

// buildSIMD builds the program into the user's cache and returns its path. The
// go command's own cache makes a second build take a moment.
func buildSIMD(ctx context.Context, notice func(string)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "nanochat-go")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	source := sourceDir()
	sum := sha256.Sum256([]byte(source))
	target := filepath.Join(dir, "trainer-simd-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(target); err != nil {
		notice("building once with SIMD for the Go backend, about half a minute")
	}
	tmp := fmt.Sprintf("%s.%d.tmp", target, os.Getpid()) // two processes may build at once
	defer os.Remove(tmp)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", tmp, ".")
	cmd.Dir = source
	cmd.Env = withSetting(os.Environ(), "GOEXPERIMENT", "simd")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
		return "", fmt.Errorf("building with SIMD: %w: %s", err, first)
	}
	if err := os.Rename(tmp, target); err != nil {
		return "", err
	}
	return target, nil
}
