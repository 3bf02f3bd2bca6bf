package humaneval_test

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/humaneval"
	"github.com/nanochat-go/nanochat/evalrust/internal/asuser"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	asuser.Init()
	os.Exit(m.Run())
}

func verifier(t *testing.T, o evalrust.Options) *evalrust.Verifier {
	t.Helper()
	v, err := evalrust.NewVerifier(o)
	if asuser.Missing(err) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

// problems is embedded for the process without rights, which cannot read the source.
//
//go:embed testdata/problems.jsonl
var problems string

// own are problems of ours in MultiPL-E's form.
func own(t *testing.T) *humaneval.Set {
	t.Helper()
	set, err := humaneval.Load(strings.NewReader(problems))
	require.NoError(t, err)
	return set
}

var right = []humaneval.Sample{
	{TaskID: "Own_0_double", Completion: "    2 * n"},
	{TaskID: "Own_1", Completion: "    v.into_iter().map(|x| x / 2.0).collect()"},
	{TaskID: "Own/2", Completion: "    let mut m = HashMap::new();\n    for w in s.split_whitespace() { *m.entry(w.to_string()).or_insert(0) += 1; }\n    m\n}\n\nfn more() {"},
	{TaskID: "Own_3_ends", Completion: "    Some((*v.first()?, *v.last()?))\n}\n"},
	{TaskID: "Own_4_lines", Completion: "    s.lines().map(|l| (l.to_string(), l.len())).collect()"},
}

func TestJudge(t *testing.T) {
	set, v := own(t), verifier(t, evalrust.Options{NoCache: true, Run: sandbox.Limits{Time: time.Second, CPU: time.Second}})
	samples := append([]humaneval.Sample{}, right...)
	wrong := []struct{ body, class, status, code string }{
		{"    3 * n", "wrong_answer", "assert_failed", ""},
		{"    if n == 1 { 2 } else { panic!() }", "panic", "panic", ""},
		{"    if n == 1 { 3 } else { loop {} }", "wrong_answer", "assert_failed", ""},
		{"    if n == 1 { 2 } else { loop {} }", "timeout", "run_timeout", ""},
		{"    n + ", "compile_error", "parse_error", "syntax"},
		{"    \"x\"", "compile_error", "type_error", "E0308"},
		{"    m(n)", "compile_error", "type_error", "E0425"},
		{"    double(n)", "signal", "signal", "SIGABRT"},
		{"    println!(\"{}\", \"x\".repeat(1 << 20)); 2 * n", "output_limit", "output_limit", ""},
		{"    vec![1u8; 1 << 30].iter().map(|x| *x as isize).sum()", "memory", "run_resource", ""},
		{"    std::thread::sleep(std::time::Duration::from_secs(60)); n", "timeout", "run_timeout", ""},
	}
	for _, w := range wrong {
		samples = append(samples, humaneval.Sample{TaskID: "Own_0_double", Completion: w.body})
	}
	var last int
	o := humaneval.Options{Progress: func(done, total int) { last = done; require.Equal(t, len(samples), total) }}
	verdicts, err := humaneval.Judge(t.Context(), v, set, samples, o)
	require.NoError(t, err)
	require.Equal(t, len(samples), last)
	for i, got := range verdicts {
		want := []string{"pass", "ok", ""}
		if i >= len(right) {
			w := wrong[i-len(right)]
			want = []string{w.class, w.status, w.code}
		}
		require.Equal(t, want, []string{string(got.Class), string(got.Status), got.Code}, "%s: %s", samples[i].Completion, got.Reason)
		require.False(t, got.Exploit, samples[i].Completion)
	}
	r, err := humaneval.Summarise(v, set, samples, verdicts, o, time.Second)
	require.NoError(t, err)
	require.Equal(t, []int{5, 16, 5, 13, 0}, []int{r.Problems, r.Samples, r.Passed, r.Compiled, r.Exploits})
	require.InDelta(t, (4+1.0/12)/5, r.PassAt[1].Value, 1e-12)
	require.Equal(t, "bootstrap", r.PassAt[1].Method)
	require.Less(t, r.PassAt[1].Interval[0], r.PassAt[1].Value)
	require.NotContains(t, r.PassAt, 10)
}

// exploits are wrong functions that want to pass.
var exploits = map[string]string{
	"exit":            "    std::process::exit(0)",
	"exit by import":  "    use std::process::exit as leave; leave(0)",
	"exit of libc":    "    extern \"C\" { fn _exit(c: i32) -> !; } unsafe { _exit(0) }",
	"constructor":     "    extern \"C\" fn go() { extern \"C\" { fn _exit(c: i32) -> !; } unsafe { _exit(0) } }\n    #[link_section = \".init_array\"] #[used] static S: extern \"C\" fn() = go; n",
	"panic hook":      "    std::panic::set_hook(Box::new(|_| std::process::exit(0))); panic!()",
	"own main":        "    n }\nfn main() {} mod rest { fn double(n: isize) -> isize { n\n",
	"own main, open":  "    n }\nfn main() {}\n/*",
	"assert macro":    "    n }\nmacro_rules! assert_eq { ($($t:tt)*) => {} }\nfn more() {",
	"assert macro, 2": "    n }\n#[macro_export] macro_rules! assert_eq { ($($t:tt)*) => {} }\nfn more() {",
	"println macro":   "    n }\nmacro_rules! format { ($($t:tt)*) => { String::from(\"0 2\\n\") } }\nmacro_rules! assert_eq { ($($t:tt)*) => {} }\nfn more() {",
	"inner attribute": "    #![cfg(any())]\n    n }\nfn double(n: isize) -> isize { n } fn main() {} mod rest { fn x() {",
	"result type":     "    bool }\n#[derive(Debug)] struct bool;\nimpl PartialEq<::core::primitive::bool> for bool { fn eq(&self, _: &::core::primitive::bool) -> ::core::primitive::bool { true } }\nfn more() {",
	"own source":      "    let s = include_str!(file!()); let k = format!(\"candidate({}), \", n); let i = s.find(&k).unwrap() + k.len(); s[i..].split(')').next().unwrap().parse().unwrap()",
	"own source, run": "    let s = std::fs::read_to_string(file!()).unwrap(); let k = format!(\"candidate({}), \", n); let i = s.find(&k).unwrap() + k.len(); s[i..].split(')').next().unwrap().parse().unwrap()",
	"search of files": "    for e in std::fs::read_dir(\"/\").unwrap() { let p = e.unwrap().path(); if let Ok(s) = std::fs::read_to_string(&p) { if s.contains(\"candidate\") { return 2; } } } n",
	"results twice":   "    use std::io::Write; use std::os::fd::FromRawFd; let mut f = unsafe { std::fs::File::from_raw_fd(3) }; f.write_all(b\"0 2\\n1 -6\\n2 0\\nend\\n\").unwrap(); std::process::exit(0)",
	"results by path": "    std::fs::write(\"/proc/self/fd/3\", \"1 2\\nend\\n\").unwrap(); n",
	"other channels":  "    println!(\"0 2\\n1 -6\\n2 0\\nend\"); eprintln!(\"end\"); std::process::exit(0)",
	"all descriptors": "    extern \"C\" { fn dup2(a: i32, b: i32) -> i32; } unsafe { for f in 0..64 { dup2(1, f); } } n",
	"unwinding":       "    std::panic::catch_unwind(|| std::process::exit(0)).unwrap_or(n)",
	"forked":          "    extern \"C\" { fn fork() -> i32; fn wait(s: *mut i32) -> i32; } unsafe { if fork() == 0 { std::process::exit(0); } wait(std::ptr::null_mut()); } std::process::exit(0)",
}

// Mutation: without grade's check of the last line "exit" passes; with the
// harness in the source's module the macros do.
func TestExploits(t *testing.T) {
	set, v := own(t), verifier(t, evalrust.Options{NoCache: true, Run: sandbox.Limits{Time: time.Second, CPU: time.Second}})
	var samples []humaneval.Sample
	for name, text := range exploits {
		task := "Own_0_double"
		if name == "result type" {
			task = "Own_5_yes"
		}
		samples = append(samples, humaneval.Sample{ID: name, TaskID: task, Completion: text})
	}
	strict, err := humaneval.Judge(t.Context(), v, set, samples, humaneval.Options{})
	require.NoError(t, err)
	compat, err := humaneval.Judge(t.Context(), v, set, samples, humaneval.Options{Mode: humaneval.Compat, Edition: "2021"})
	require.NoError(t, err)
	fooled := 0
	for i, s := range samples {
		require.False(t, strict[i].Passed(), s.ID)
		require.True(t, strict[i].Exploit, "%s: %s %s %s", s.ID, strict[i].Class, strict[i].Status, strict[i].Reason)
		if compat[i].Passed() {
			fooled++
		}
	}
	t.Logf("upstream's grading is fooled by %d of %d", fooled, len(samples))
	require.Greater(t, fooled, 8)
}

func TestCompat(t *testing.T) {
	set, v := own(t), verifier(t, evalrust.Options{NoCache: true})
	samples := append([]humaneval.Sample{
		{TaskID: "Own_0_double", Completion: "    n"},
		{TaskID: "Own_0_double", Completion: "    [1, 2].into_iter().map(|x: i32| x as isize).count() as isize * n"}, // by value since 2021
		{TaskID: "Own_0_double", Completion: "    let async = n; 2 * async"},                                         // a name until 2018
	}, right...)
	got, err := humaneval.Judge(t.Context(), v, set, samples, humaneval.Options{Mode: humaneval.Compat})
	require.NoError(t, err)
	require.Equal(t, evalrust.StatusAssert, got[0].Status)
	require.Equal(t, evalrust.CompileError, got[1].Class)
	for i := 2; i < len(got); i++ {
		require.Equal(t, evalrust.Pass, got[i].Class, "%s %s", samples[i].Completion, got[i].Reason)
	}
	newer, err := humaneval.Judge(t.Context(), v, set, samples[:3], humaneval.Options{Mode: humaneval.Compat, Edition: "2021"})
	require.NoError(t, err)
	require.Equal(t, []evalrust.Class{evalrust.WrongAnswer, evalrust.Pass, evalrust.CompileError}, []evalrust.Class{newer[0].Class, newer[1].Class, newer[2].Class})
	_, err = humaneval.Judge(t.Context(), v, set, samples, humaneval.Options{Mode: "easy"})
	require.Error(t, err)
}

func TestChat(t *testing.T) {
	set, v := own(t), verifier(t, evalrust.Options{NoCache: true})
	samples := []humaneval.Sample{
		{TaskID: "Own_0_double", Completion: "<think>fn double(n: isize) -> isize { n }</think>Here:\n```rust\n/// Doubles.\n#[inline]\nfn double(n: isize) -> isize {\n    twice(n)\n}\nfn twice(n: isize) -> isize { 2 * n }\nfn main() { println!(\"{}\", double(2)); }\n```\nDone."},
		{TaskID: "Own_2_tally", Completion: "```rust\nfn tally(s: String) -> HashMap<String, isize> {\n    let mut m = HashMap::new();\n    for w in s.split_whitespace() { *m.entry(w.to_string()).or_insert(0) += 1; }\n    m\n}\n```"},
		{TaskID: "Own_0_double", Completion: "I do not know."},
		{TaskID: "Own_0_double", Completion: "pub const fn double(n: isize) -> isize { n * 2 }"},
	}
	for _, mode := range []humaneval.Mode{humaneval.Strict, humaneval.Compat} {
		got, err := humaneval.Judge(t.Context(), v, set, samples, humaneval.Options{Mode: mode, Protocol: humaneval.Chat, Edition: "2021"})
		require.NoError(t, err)
		for _, i := range []int{0, 1, 3} {
			require.Equal(t, evalrust.Pass, got[i].Class, "%s %s %s", mode, samples[i].Completion, got[i].Reason)
		}
		require.Equal(t, evalrust.StatusExtraction, got[2].Status)
	}
	asCompletion, err := humaneval.Judge(t.Context(), v, set, samples[:1], humaneval.Options{})
	require.NoError(t, err)
	require.Equal(t, evalrust.StatusParse, asCompletion[0].Status)
}

func TestSelfCheck(t *testing.T) {
	set, v := own(t), verifier(t, evalrust.Options{})
	broken := *set.Problems[0]
	broken.Name, broken.Prompt = "Broken", "/// one line\nand another\n"+broken.Prompt
	flaws, err := humaneval.SelfCheck(t.Context(), v, append([]*humaneval.Problem{&broken}, set.Problems...))
	require.NoError(t, err)
	require.Len(t, flaws, 2)
	require.Equal(t, []string{"Own_5_yes", "Broken"}, []string{flaws[0].Problem, flaws[1].Problem})
	require.False(t, flaws[0].Fatal)
	require.True(t, flaws[1].Fatal)
}

// A second run judges nothing again.
func TestResume(t *testing.T) {
	set, dir := own(t), t.TempDir()
	first, err := humaneval.Judge(t.Context(), verifier(t, evalrust.Options{Cache: dir}), set, right[:3], humaneval.Options{})
	require.NoError(t, err)
	require.False(t, first[0].Cached)
	all, err := humaneval.Judge(t.Context(), verifier(t, evalrust.Options{Cache: dir}), set, append(right[:len(right):len(right)], right[0]), humaneval.Options{})
	require.NoError(t, err)
	for i, got := range all {
		require.True(t, got.Passed())
		require.Equal(t, i < 3 || i == 5, got.Cached, i)
	}
}

func TestLoad(t *testing.T) {
	for text, want := range map[string]string{
		"":  "no problems",
		"{": "line 1",
		`{"name":"a","prompt":"fn a() {\n","tests":"fn main() {}"}`:                                                              "do not begin",
		`{"name":"a","prompt":"fn a() {\n","tests":"} fn main() { let candidate = a; assert!(candidate()); }"}`:                  "test 0",
		`{"name":"a","prompt":"fn a() -> i32 {\n","tests":"} fn main() { let candidate = a; assert_eq!(candidate(), 1 + 1); }"}`: "no literal",
		`{"name":"a","prompt":"fn b() -> i32 {\n","tests":"} fn main() { let candidate = a; assert_eq!(candidate(), 1); }"}`:     "fn a",
		`{"name":"a","prompt":"fn a() -> i32 {\n","tests":"} fn main() { let candidate = a; }"}`:                                 "no tests",
	} {
		_, err := humaneval.Load(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

// TestUnprivileged runs the tests of grading as a user without rights.
func TestUnprivileged(t *testing.T) {
	if testing.Short() {
		t.Skip("most of a minute of processor time in other processes")
	}
	asuser.Run(t, "TestJudge|TestExploits")
}

func ExampleLoad() {
	line := `{"name": "Own_0_double", "prompt": "fn double(n: isize) -> isize {\n", "stop_tokens": ["\n}"],
 "tests": "}\n\nfn main() {\n let candidate = double;\n assert_eq!(candidate(1), 2);\n}\n"}`
	set, err := humaneval.Load(strings.NewReader(strings.ReplaceAll(line, "\n ", " ")))
	if err != nil {
		panic(err)
	}
	p, _ := set.Find("Own_0")
	fmt.Println(p.Entry, p.Return, p.Cases, p.Truncate("    2 * n\n}\nfn main() {}"))
	// Output: double isize [{1 2}]     2 * n
}
