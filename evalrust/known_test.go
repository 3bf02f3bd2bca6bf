package evalrust_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/rustgen"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

const (
	knownPrompt = "fn f(n: isize) -> isize {\n"
	knownTests  = "\n}\n\nfn main() {\n    let candidate = f;\n    assert_eq!(candidate(1), 2);\n    assert_eq!(candidate(-1), 0);\n}\n"
)

// TestKnownAnswers: programs around one function, with the outcome that each
// must have. Mutation: any rule of Compiled or Ran left out fails one.
func TestKnownAnswers(t *testing.T) {
	v := verifier(t, evalrust.Options{Run: sandbox.Limits{Time: time.Second, CPU: time.Second}})
	for _, c := range []struct{ body, class, status, code string }{
		{"    n + 1", "pass", "ok", ""},
		{"    n + 2", "wrong_answer", "assert_failed", ""},
		{"    todo!()", "panic", "panic", ""},
		{`    panic!("x")`, "panic", "panic", ""},
		{`    "a"`, "compile_error", "type_error", "E0308"},
		{"    let x: isize = isize::MAX; x + n", "panic", "panic", ""},
		{"    n + 1\n}", "compile_error", "parse_error", "syntax"},
		{"    g(n)\n}\nfn g(n: isize) -> isize { n + 1", "pass", "ok", ""},
		{"    g(n)", "compile_error", "type_error", "E0425"},
		{"```rust\n    n + 1\n```", "compile_error", "parse_error", "syntax"},
		{"    std::process::exit(0)", "pass", "ok", ""}, // by exit status; package humaneval sees through it
		{"    f(n)", "signal", "signal", "SIGABRT"},
		{"    loop {}", "timeout", "run_timeout", ""},
		{"    let v = vec![1]; let w = v; v.len() as isize + w[0] + n", "compile_error", "borrow_error", "E0382"},
		{"    let x: u8 = 300; x as isize + n", "compile_error", "lint_error", "overflowing_literals"},
		{"    let r; { let x = 1; r = &x; } *r + n", "compile_error", "borrow_error", "E0597"},
		{"    fn pick(a: &str, b: &str) -> &str { a } n", "compile_error", "type_error", "E0106"},
		{"    const fn g(n: u32) -> u32 { 1 / n } const X: u32 = g(0); X as isize + n", "compile_error", "type_error", "E0080"},
		{"    std::process::abort()", "signal", "signal", "SIGABRT"},
		{"    std::process::exit(7)", "panic", "panic", ""},
		{"    let v: Vec<isize> = vec![]; v[n as usize]", "panic", "panic", ""},
		{"    let a = n; let b = 0 * a; a / b", "panic", "panic", ""},
		{`    Err::<isize, _>("no").unwrap()`, "panic", "panic", ""},
	} {
		t.Run(c.body, func(t *testing.T) {
			got, err := v.Check(t.Context(), evalrust.Source{Text: knownPrompt + c.body + knownTests, Mode: evalrust.Execute})
			require.NoError(t, err)
			require.Equal(t, []string{c.class, c.status, c.code}, []string{string(got.Class), string(got.Status), got.Code}, "%s %s", got.Reason, got.Stderr)
		})
	}
}

// A batch says of every source what it is alone.
func TestCheckAll(t *testing.T) {
	v := verifier(t, evalrust.Options{NoCache: true})
	g, err := rustgen.New(rustgen.Config{Seed: 1, Level: 3})
	require.NoError(t, err)
	var sources []evalrust.Source
	for i := range uint64(40) {
		sources = append(sources, evalrust.Source{Text: string(g.At(i).Text)})
	}
	sources = append(sources,
		evalrust.Source{Text: "pub fn f() -> i32 { \"a\" }"},
		evalrust.Source{Text: "pub fn f() -> i32 { g() }"},
		evalrust.Source{Text: "pub fn f(v: Vec<i32>) -> Vec<i32> { let w = v; v }"},
		evalrust.Source{Text: "pub fn f( {"},
		evalrust.Source{Text: "fn main() { println!(\"hi\"); }"},
		evalrust.Source{Text: "pub fn f() -> i32 { crate::m0::x() }"}, // would find a neighbour
		evalrust.Source{Text: "pub fn f() -> i32 { super::m1::x() }"},
		evalrust.Source{Text: "#![no_std]\npub fn f() {}"},
		evalrust.Source{Text: "pub fn f() {} /* open"},
		evalrust.Source{Text: "}\npub mod y {"},
		evalrust.Source{Text: "pub fn f() -> i32 { 1 }"},
		evalrust.Source{Text: "pub fn f() -> i32 { 1 }"},
		evalrust.Source{Text: "pub fn gen() {}", Edition: "2024"},
		evalrust.Source{Text: "pub fn gen() {}", Edition: "2015"},
	)
	all, err := v.CheckAll(t.Context(), sources)
	require.NoError(t, err)
	failed := 0
	for i, got := range all {
		alone, err := v.Check(t.Context(), sources[i])
		require.NoError(t, err)
		require.Equal(t, []any{alone.Class, alone.Status, alone.Code}, []any{got.Class, got.Status, got.Code}, "%s", sources[i].Text)
		if !got.Passed() {
			failed++
		}
	}
	require.Equal(t, 9, failed)
}

func TestModular(t *testing.T) {
	for source, want := range map[string]bool{
		"fn f() {}": true, "use std::collections::HashMap;": true, "#[derive(Debug)] struct S;": true, "fn f() { x! = 1 }": true,
		"#![allow(x)]": false, "fn f() { crate::g() }": false, "fn f() { super::g() }": false, "#[macro_export] macro_rules! m { () => {} }": false,
		"#[no_mangle] fn f() {}": false, "extern \"C\" { }": false, "fn f() { include_str!(\"x\") }": false, "/* open": false, "fn f() {": false, "}": false,
		"#!/bin/sh\nfn f() {}": false, "fn f() { \"crate\" }": true,
	} {
		require.Equal(t, want, evalrust.Modular(source), source)
	}
}

// Cached verdicts come back, from memory and from the directory, and only for
// the same source, mode and limits.
func TestCache(t *testing.T) {
	dir := t.TempDir()
	source := evalrust.Source{Text: "pub fn f() -> i32 { \"a\" }"}
	v := verifier(t, evalrust.Options{Cache: dir})
	first, err := v.Check(t.Context(), source)
	require.NoError(t, err)
	require.False(t, first.Cached)
	again, err := v.Check(t.Context(), source)
	require.NoError(t, err)
	require.True(t, again.Cached)
	built, err := v.Check(t.Context(), evalrust.Source{Text: source.Text, Mode: evalrust.Build})
	require.NoError(t, err)
	require.False(t, built.Cached)

	v = verifier(t, evalrust.Options{Cache: dir})
	again, err = v.Check(t.Context(), source)
	require.NoError(t, err)
	require.True(t, again.Cached)
	again.Cached = false
	require.Equal(t, first, again)

	v = verifier(t, evalrust.Options{Cache: dir, Diagnostics: 1})
	again, err = v.Check(t.Context(), source)
	require.NoError(t, err)
	require.False(t, again.Cached)
}

// TestParallel runs programs of all kinds together, many times: the verdicts do
// not change under contention, and nothing is left.
func TestParallel(t *testing.T) {
	before := leftovers(t)
	t.Run("rounds", func(t *testing.T) {
		o := quick("")
		o.Workers = 4
		v := verifier(t, o)
		kinds := map[string]string{
			"fn main() {}":                    "pass/ok",
			"fn main() { assert_eq!(1, 2); }": "wrong_answer/assert_failed",
			"fn main() { panic!() }":          "panic/panic",
			"fn main() { let v = vec![1u8; 1 << 28]; println!(\"{}\", v.iter().map(|x| *x as u64).sum::<u64>()); }":                         "memory/run_resource",
			"fn f(n: u64) -> u64 { if n == 0 { 0 } else { 1 + f(n + 1) } } fn main() { println!(\"{}\", f(1)); }":                           "signal/signal",
			libc + "fn main() { unsafe { if fork() == 0 { setsid(); loop { std::thread::sleep(std::time::Duration::from_secs(99)); } } } }": "pass/ok",
			"fn main() { std::fs::write(\"/usr/x\", \"\").unwrap() }":                                                                       "sandbox_denied/panic",
			"fn main() { loop { println!(\"{:99}\", 1) } }":                                                                                 "output_limit/output_limit",
		}
		rounds := 3
		if os.Getenv("EVALRUST_ROUNDS") != "" {
			_, err := fmt.Sscan(os.Getenv("EVALRUST_ROUNDS"), &rounds)
			require.NoError(t, err)
		}
		var tasks []func(context.Context) error
		for range rounds {
			for source, want := range kinds {
				tasks = append(tasks, func(ctx context.Context) error {
					got, err := v.Check(ctx, evalrust.Source{Text: source, Mode: evalrust.Execute})
					if outcome := string(got.Class) + "/" + string(got.Status); err == nil && outcome != want {
						return fmt.Errorf("%s: %s %s, want %s", source, outcome, got.Reason, want)
					}
					return err
				})
			}
		}
		require.NoError(t, evalrust.Parallel(t.Context(), 4, tasks))
	})
	require.Eventually(t, func() bool { return leftovers(t) == before }, 5*time.Second, 20*time.Millisecond)
}

// A verifier whose process is killed leaves nothing once the next one starts.
func TestKilled(t *testing.T) {
	if path := os.Getenv("EVALRUST_TEST_HANG"); path != "" {
		v := verifier(t, evalrust.Options{NoCache: true, Backend: os.Getenv("EVALRUST_TEST_BACKEND")})
		go func() { time.Sleep(time.Second); _ = os.WriteFile(path, nil, 0o600) }()
		_, _ = v.Check(t.Context(), evalrust.Source{Text: libc + "fn main() { unsafe { fork(); setsid(); } loop { std::thread::sleep(std::time::Duration::from_secs(60)); } }", Mode: evalrust.Execute})
		return
	}
	for _, backend := range []string{"namespaces", "landlock"} {
		t.Run(backend, func(t *testing.T) {
			verifier(t, evalrust.Options{NoCache: true, Backend: backend, Workers: 1})
			flag := filepath.Join(t.TempDir(), "flag")
			cmd := again(t, "TestKilled")
			cmd.Env = append(os.Environ(), "EVALRUST_TEST_HANG="+flag, "EVALRUST_TEST_BACKEND="+backend)
			require.NoError(t, cmd.Start())
			require.Eventually(t, func() bool { _, err := os.Stat(flag); return err == nil }, time.Minute, 10*time.Millisecond)
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			own := fmt.Sprint(cmd.Process.Pid)
			require.Eventually(t, func() bool { return !strings.Contains(leftovers(t), "program") }, 10*time.Second, 20*time.Millisecond)
			verifier(t, evalrust.Options{NoCache: true, Backend: backend, Workers: 1})
			groups, _ := filepath.Glob("/sys/fs/cgroup/*/evalrust-" + own + "-*")
			files, _ := filepath.Glob(filepath.Join(os.TempDir(), "evalrust-sandbox-"+own+"-*"))
			require.Empty(t, append(groups, files...))
		})
	}
}

// TestManyProcessesOfTheUser: what else the caller runs does not count against a
// program that has no user of its own. Mutation: without others() in the limit not
// even the probe of the sandbox starts.
func TestManyProcessesOfTheUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root: the number of its processes is not limited; TestUnprivileged runs this")
	}
	o := evalrust.Options{Backend: "landlock", NoCache: true, Workers: 4}
	require.NoError(t, verifier(t, o).Close()) // skips where there is none
	for range 80 {                             // more than a build may have
		c := exec.Command("sleep", "60")
		require.NoError(t, c.Start())
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	}
	v, err := evalrust.NewVerifier(o)
	require.NoError(t, err)
	defer v.Close()
	require.Contains(t, strings.Join(v.Info().Missing, "\n"), "one program runs at a time")
	for range 3 {
		got, err := v.Check(t.Context(), evalrust.Source{Text: "fn main() { std::thread::spawn(|| println!(\"hello\")).join().unwrap(); }", Mode: evalrust.Execute})
		require.NoError(t, err)
		require.Equal(t, evalrust.Pass, got.Class, "%s %s", got.Reason, got.Stderr)
	}
}
