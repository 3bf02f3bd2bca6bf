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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mutation: dropping Setpgid in isolate makes TestFake_LeavesNoProcess fail;
// dropping cmd.Env in run makes TestFake_Environment fail; dropping RLIMIT_AS
// in limit makes TestHostile/memory fail.

// compiler returns a judge with its private directories under dir, or skips.
func compiler(t testing.TB, o Options) (*Compiler, string) {
	t.Helper()
	o.TempDir = t.TempDir()
	c, err := New(o)
	var missing *NotFoundError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return c, o.TempDir
}

func requireEmpty(t testing.TB, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "files are left behind")
}

func TestCheck(t *testing.T) {
	c, dir := compiler(t, Options{})
	for _, x := range []struct{ name, src, code string }{
		{"function", "/// Adds.\npub fn add(a: i32, b: i32) -> i32 { a + b }", ""},
		{"program", "fn main() { println!(\"{}\", 1) }", ""},
		{"warnings", "fn unused() { let x = 1; }", ""},
		{"tests inside", "pub fn f() -> u8 { 1 }\n#[cfg(test)] mod tests { #[test] fn t() { assert_eq!(super::f(), 1) } }", ""},
		{"standard library", "use std::collections::HashMap;\npub fn f(s: &str) -> HashMap<char, usize> { let mut m = HashMap::new(); for c in s.chars() { *m.entry(c).or_insert(0) += 1 } m }", ""},
		{"macro", "macro_rules! sq { ($x:expr) => { $x * $x } } pub fn f() -> i32 { sq!(2) }", ""},
		{"type", "pub fn f() -> i32 { \"a\" }", "E0308"},
		{"borrow", "pub fn f() -> usize { let s = String::new(); let t = s; s.len() + t.len() }", "E0382"},
		{"name", "pub fn f() -> i32 { x }", "E0425"},
		{"syntax", "pub fn f( {", "syntax"},
		{"macro name", "pub fn f() { nothing!() }", "resolve"},
		{"denied lint", "pub fn f() -> u8 { 300u8 }", "overflowing_literals"},
		{"lint denied by the source", "#![deny(unused_variables)]\npub fn f() { let x = 1; }", "unused_variables"},
		{"crate type in the source", "#![crate_type = \"proc-macro\"]\npub fn f() {}", ""},
		{"missing module", "mod elsewhere;", "E0583"},
		{"nul byte", "pub fn f() {}\x00", "syntax"},
		{"invalid utf-8", "pub fn f() {}\xff", "syntax"},
		{"refused", "pub const A: &str = include_str!(\"/etc/passwd\");", "refused"},
		{"procedural macro", "extern crate proc_macro;", "refused"},
	} {
		t.Run(x.name, func(t *testing.T) {
			v, err := c.Check(t.Context(), x.src)
			require.NoError(t, err)
			require.Equal(t, x.code, v.Code(), v.Reason())
			require.Equal(t, x.code == "", v.Compiled)
			require.Equal(t, x.code == "", v.Reason() == "")
			requireEmpty(t, dir)
		})
	}
}

func TestOptions(t *testing.T) {
	const warning = "pub fn f() { let x = 1; }"
	const old = "pub fn f() { let async = 1; let _ = async; }" // a keyword since 2018
	c, _ := compiler(t, Options{DenyWarnings: true, MaxSource: 100, MaxDiagnostics: 1})
	v, err := c.Check(t.Context(), warning)
	require.NoError(t, err)
	require.Equal(t, "unused_variables", v.Code())
	v, err = c.Check(t.Context(), strings.Repeat(" ", 101))
	require.NoError(t, err)
	require.Equal(t, "refused", v.Code())
	v, err = c.Check(t.Context(), "pub fn f() -> u8 { a } pub fn g() -> u8 { b }")
	require.NoError(t, err)
	require.Len(t, v.Diagnostics, 1)
	require.Equal(t, 2, v.Errors)
	require.True(t, v.Truncated)
	v, err = c.Check(t.Context(), old)
	require.NoError(t, err)
	require.Equal(t, "syntax", v.Code())

	c, _ = compiler(t, Options{Edition: "2015"})
	v, err = c.Check(t.Context(), old)
	require.NoError(t, err)
	require.True(t, v.Compiled, v.Reason())
	require.Contains(t, c.Version(), "rustc ")
	require.FileExists(t, c.Path())
}

// TestHostile gives the compiler what exhausts or breaks it: each must end in
// its class within the limits, with nothing left behind.
func TestHostile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("resource limits are set on linux only")
	}
	c, dir := compiler(t, Options{CPU: 2 * time.Second, Timeout: 15 * time.Second, Memory: 1 << 30, MaxOutput: 256 << 10})
	long := strings.Repeat("x", 900_000)
	for _, x := range []struct {
		name, src string
		codes     []string
	}{
		{"endless constant", "#![allow(long_running_const_eval)]\npub const A: u64 = { let mut i = 0u64; loop { i += 1; if i == u64::MAX { break } } i };", []string{"timeout"}},
		{"endless macro", "#![recursion_limit = \"1000000000\"]\nmacro_rules! m { ($($x:tt)*) => { m!($($x)* 1); } }\nm!();", []string{"timeout", "memory", "crash"}},
		{"memory", "pub static A: [u8; 1 << 33] = [1; 1 << 33];", []string{"memory"}},
		{"doubling macro", "#![recursion_limit = \"1000\"]\nmacro_rules! m { ($($x:tt)*) => { m!($($x)* $($x)*); } }\nm!(1 1);", []string{"timeout", "memory", "crash"}},
		{"deep nesting", "pub fn f() {" + strings.Repeat("(", 200_000) + strings.Repeat(")", 200_000) + "}", []string{"crash"}},
		{"many errors", strings.Repeat("const A: u8 = \"\";\n", 20_000), []string{"E0428", "E0308"}},
		{"long literal in an error", "pub fn f() -> u8 { \"" + long + "\" }", []string{"E0308", "crash"}},
		{"bidirectional override", "pub fn f() -> u8 { /* \u202e */ 1 }", []string{"text_direction_codepoint_in_comment"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			start := time.Now()
			v, err := c.Check(t.Context(), x.src)
			require.NoError(t, err)
			require.False(t, v.Compiled)
			require.Contains(t, x.codes, v.Code(), v.Reason())
			require.Less(t, time.Since(start), 20*time.Second)
			require.LessOrEqual(t, len(v.Diagnostics), 20)
			requireEmpty(t, dir)
		})
	}
}

func TestNew_Missing(t *testing.T) {
	_, err := New(Options{Path: filepath.Join(t.TempDir(), "rustc")})
	var missing *NotFoundError
	require.ErrorAs(t, err, &missing)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Contains(t, err.Error(), "install Rust")
	require.NotContains(t, err.Error(), "\n")
}

// fake returns a judge whose compiler is a shell script that gets the source's
// name as its last argument.
func fake(t *testing.T, o Options, script string) *Compiler {
	t.Helper()
	if _, err := exec.LookPath("/bin/sh"); err != nil || runtime.GOOS != "linux" {
		t.Skip("needs linux and /bin/sh")
	}
	path := filepath.Join(t.TempDir(), "rustc")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	o.TempDir = t.TempDir()
	t.Cleanup(func() { requireEmpty(t, o.TempDir) })
	return &Compiler{opts: o.withDefaults(), binary: path}
}

func TestNew_Useless(t *testing.T) {
	c := fake(t, Options{}, "exit 0")
	_, err := New(Options{Path: c.binary})
	var missing *NotFoundError
	require.ErrorAs(t, err, &missing, "a compiler that accepts everything is no judge")
}

func TestFake_Trouble(t *testing.T) {
	for _, x := range []struct{ name, script, want string }{
		{"no message", "echo unknown flag >&2; exit 1", "unknown flag"},
		{"full disk", `echo '{"message":"failed to write: No space left on device (os error 28)","code":null,"level":"error","spans":[]}' >&2; exit 1`, "os error 28"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := fake(t, Options{}, x.script).Check(t.Context(), "fn f() {}")
			require.ErrorContains(t, err, x.want)
		})
	}
	_, err := (&Compiler{opts: Options{TempDir: filepath.Join(t.TempDir(), "none")}.withDefaults()}).Check(t.Context(), "fn f() {}")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFake_Crash(t *testing.T) {
	v, err := fake(t, Options{}, "kill -SEGV $$").Check(t.Context(), "fn f() {}")
	require.NoError(t, err)
	require.Equal(t, "SIGSEGV", v.Crashed)
	v, err = fake(t, Options{}, "echo thread panicked >&2; exit 101").Check(t.Context(), "fn f() {}")
	require.NoError(t, err)
	require.Equal(t, "crash", v.Code())
	v, err = fake(t, Options{}, "echo memory allocation of 1 bytes failed >&2; kill -ABRT $$").Check(t.Context(), "fn f() {}")
	require.NoError(t, err)
	require.True(t, v.OutOfMemory)
}

func TestFake_Environment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_CALLER", "1")
	out := filepath.Join(t.TempDir(), "env")
	v, err := fake(t, Options{}, "/usr/bin/env > "+out+"; ulimit -a >> "+out+"; /bin/pwd >> "+out).Check(t.Context(), "fn f() {}")
	require.NoError(t, err)
	require.True(t, v.Compiled)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NotContains(t, string(text), "SECRET")
	require.NotContains(t, string(text), "HOME=")
	require.Contains(t, string(text), "TMPDIR=")
	require.Contains(t, string(text), "rustc-check-")
}

// running says whether a process whose command line holds text is there.
func running(t *testing.T, text string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(strings.ReplaceAll(string(b), "\x00", " "), text) {
			return true
		}
	}
	return false
}

func TestFake_LeavesNoProcess(t *testing.T) {
	for i, x := range []struct {
		name, script string
		timeout      bool
	}{
		{"child that stays", "sleep %d & exit 0", false},
		{"child that holds the pipe", "sleep %d >&2 & exit 0", false},
		{"hangs", "sleep %d", true},
		{"hangs with children", "trap '' TERM; sleep %d & wait", true},
		{"fills the output", "sleep %d & while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >&2; done", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			seconds := 7_000_000 + os.Getpid()*10 + i
			c := fake(t, Options{Timeout: 500 * time.Millisecond, MaxOutput: 1000}, "PATH=/bin:/usr/bin\n"+fmt.Sprintf(x.script, seconds))
			if strings.HasPrefix(x.name, "fills") {
				c.opts.Timeout = 10 * time.Second
			}
			start := time.Now()
			v, err := c.Check(t.Context(), "fn f() {}")
			require.NoError(t, err)
			require.Equal(t, x.timeout, v.Timeout)
			require.Less(t, time.Since(start), 5*time.Second)
			require.Eventually(t, func() bool { return !running(t, fmt.Sprintf("sleep %d", seconds)) }, 2*time.Second, 10*time.Millisecond)
			if strings.HasPrefix(x.name, "fills") {
				require.True(t, v.Truncated)
				require.False(t, v.Compiled)
			}
		})
	}
}

func TestFake_ProcessorTime(t *testing.T) {
	c := fake(t, Options{CPU: time.Second}, "while :; do :; done")
	v, err := c.Check(t.Context(), "fn f() {}")
	require.NoError(t, err)
	require.True(t, v.Timeout)
}

func TestFake_Cancel(t *testing.T) {
	c := fake(t, Options{}, "PATH=/bin:/usr/bin; sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Check(ctx, "fn f() {}")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 5*time.Second)
}

// counting is a judge that accepts sources of even length.
type counting struct {
	sync.Mutex
	calls, now, peak int
	fail             string
}

func (j *counting) Check(ctx context.Context, source string) (Verdict, error) {
	j.Lock()
	j.calls++
	j.now++
	j.peak = max(j.peak, j.now)
	j.Unlock()
	time.Sleep(time.Millisecond)
	j.Lock()
	j.now--
	j.Unlock()
	if j.fail != "" && source == j.fail {
		return Verdict{}, errors.New("no disk")
	}
	return Verdict{Compiled: len(source)%2 == 0}, ctx.Err()
}

func TestCheckAll(t *testing.T) {
	sources := []string{"a", "bb", "a", "ccc", "bb", "dddd", "", "e", "ff", "ggg"}
	j := &counting{}
	verdicts, err := CheckAll(t.Context(), j, sources, 3)
	require.NoError(t, err)
	require.Len(t, verdicts, len(sources))
	for i, s := range sources {
		require.Equal(t, len(s)%2 == 0, verdicts[i].Compiled, s)
	}
	require.Equal(t, 8, j.calls, "equal sources are judged once")
	require.LessOrEqual(t, j.peak, 3)
	require.Greater(t, j.peak, 1)

	_, err = CheckAll(t.Context(), &counting{fail: "ccc"}, sources, 2)
	require.ErrorContains(t, err, "no disk")
	verdicts, err = CheckAll(t.Context(), j, nil, 2)
	require.NoError(t, err)
	require.Empty(t, verdicts)
}

func TestCheckAll_Compiler(t *testing.T) {
	c, dir := compiler(t, Options{})
	var sources []string
	for i := range 12 {
		body := "n"
		if i%3 == 0 {
			body = "missing"
		}
		sources = append(sources, fmt.Sprintf("pub fn f%d(n: u32) -> u32 { %s }", i, body))
	}
	verdicts, err := CheckAll(t.Context(), c, sources, 4)
	require.NoError(t, err)
	for i, v := range verdicts {
		require.Equal(t, i%3 != 0, v.Compiled, v.Reason())
		require.Positive(t, v.Duration)
	}
	requireEmpty(t, dir)
}

func BenchmarkCheck(b *testing.B) {
	c, _ := compiler(b, Options{})
	for i := 0; b.Loop(); i++ {
		if _, err := c.Check(b.Context(), fmt.Sprintf("pub fn f(n: u64) -> u64 { (1..=n).filter(|x| x %% 3 == %d).sum() }", i)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "programs/s")
}

// TestFake_DiesWithTheCaller kills a process that is waiting for its compiler.
func TestFake_DiesWithTheCaller(t *testing.T) {
	const variable = "RUSTC_TEST_CALLER"
	if script := os.Getenv(variable); script != "" { // the process that is killed
		c := &Compiler{opts: Options{TempDir: os.Getenv("RUSTC_TEST_DIR")}.withDefaults(), binary: script}
		_, _ = c.Check(t.Context(), "fn f() {}")
		return
	}
	seconds := fmt.Sprint(8_000_000 + os.Getpid())
	c := fake(t, Options{}, "exec /bin/sleep "+seconds)
	caller := exec.Command(os.Args[0], "-test.run=^TestFake_DiesWithTheCaller$")
	caller.Env = append(os.Environ(), variable+"="+c.binary, "RUSTC_TEST_DIR="+t.TempDir())
	require.NoError(t, caller.Start())
	t.Cleanup(func() { _ = caller.Process.Kill() })
	require.Eventually(t, func() bool { return running(t, "sleep "+seconds) }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, caller.Process.Kill())
	_ = caller.Wait()
	require.Eventually(t, func() bool { return !running(t, "sleep "+seconds) }, 5*time.Second, 10*time.Millisecond)
}
