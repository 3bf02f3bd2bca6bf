package evalrust_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// hostile is a program that wants out, or wants too much. CANARY and PORT in
// its text stand for a file and a listener outside.
type hostile struct {
	name   string
	mode   evalrust.Mode
	source string
	want   string // class/status, several separated by spaces
}

const libc = `
#![allow(unused)]
extern "C" {
    fn fork() -> i32; fn setsid() -> i32; fn kill(p: i32, s: i32) -> i32; fn ptrace(r: i64, p: i32, a: usize, d: usize) -> i64;
    fn syscall(n: i64, ...) -> i64; fn ioctl(f: i32, r: u64, ...) -> i32; fn fcntl(f: i32, c: i32, ...) -> i32; fn close(f: i32) -> i32;
    fn signal(s: i32, h: usize) -> usize; fn unshare(f: i32) -> i32; fn chroot(p: *const u8) -> i32; fn socket(a: i32, b: i32, c: i32) -> i32;
    fn mount(a: *const u8, b: *const u8, c: *const u8, f: u64, d: *const u8) -> i32; fn getppid() -> i32; fn getuid() -> u32;
}
`

var hostiles = []hostile{
	{"include_str", evalrust.Check, `pub const S: &str = include_str!("CANARY");`, "compile_error/parse_error"},
	{"include", evalrust.Check, `include!("CANARY");`, "compile_error/parse_error"},
	{"path module", evalrust.Check, `#[path = "CANARY"] mod x;`, "compile_error/type_error compile_error/parse_error"},
	{"incbin", evalrust.Build, "use std::arch::global_asm as g;\ng!(\".globl c\\nc: .incbin \\\"CANARY\\\"\");\nfn main() {}", "compile_error/parse_error compile_error/compiler_crash"},
	{"environment", evalrust.Execute, `fn main() { assert!(option_env!("HOME").is_none() && option_env!("SECRET").is_none()); for (k, _) in std::env::vars() { assert!(k == "LD_LIBRARY_PATH" || k == "RUST_BACKTRACE", "{k}"); } }`, "pass/ok"},
	{"endless constant", evalrust.Check, "#![allow(long_running_const_eval)]\npub const X: u32 = { let mut i = 0u32; loop { i = i.wrapping_add(1); if i == u32::MAX - 1 && false { break; } } i };", "timeout/compile_timeout"},
	{"endless constant, linted", evalrust.Check, "pub const X: u32 = { let mut i = 0u32; loop { i = i.wrapping_add(1); if i == u32::MAX && false { break; } } i };", "compile_error/lint_error timeout/compile_timeout"},
	{"instantiation bomb", evalrust.Build, "#![recursion_limit = \"256\"]\nfn f<T: Clone>(t: T, n: u32) { if n > 0 { f((t.clone(), t), n - 1) } }\nfn main() { f(0u8, 3) }", "timeout/compile_timeout memory/compile_resource compile_error/type_error compile_error/parse_error compile_error/compiler_crash"},
	{"doubling macro", evalrust.Check, "#![recursion_limit = \"100000\"]\nmacro_rules! d { ($($t:tt)*) => { d!($($t)* $($t)* 1) } }\npub fn f() { d!(1 2) }", "memory/compile_resource timeout/compile_timeout compile_error/compiler_crash"},
	{"huge static", evalrust.Build, "pub static A: [u8; 1 << 32] = [1; 1 << 32];\nfn main() { println!(\"{}\", A[std::env::args().count()]) }", "memory/compile_resource timeout/compile_timeout"},
	{"deep nesting", evalrust.Check, "pub fn f() -> i32 { " + strings.Repeat("(", 200_000) + "1" + strings.Repeat(")", 200_000) + " }", "compile_error/compiler_crash"},
	{"many errors", evalrust.Check, strings.Repeat("pub fn f() -> i32 { \"a\" }\n", 1) + manyErrors(20_000), "compile_error/type_error"},
	{"large source", evalrust.Check, "pub const S: &str = \"" + strings.Repeat("a", 2<<20) + "\";", "rejected/extraction_failed"},
	{"empty program", evalrust.Build, "", "compile_error/type_error"},
	{"nul", evalrust.Check, "pub fn f() { \x00 }", "compile_error/parse_error"},
	{"invalid text", evalrust.Check, "pub fn f() { \xff\xfe }", "compile_error/parse_error"},
	{"bidirectional override", evalrust.Check, "// \u202e hidden\npub fn f() {}", "compile_error/lint_error"},
	{"procedural macro", evalrust.Build, "#![crate_type = \"proc-macro\"]\nfn main() {}", "pass/ok"},
	{"unstable feature", evalrust.Check, "#![feature(box_patterns)]\npub fn f() {}", "compile_error/type_error"},
	{"foreign library", evalrust.Build, "#[link(name = \"nonesuch\")] extern \"C\" { fn g(); }\nfn main() { unsafe { g() } }", "compile_error/link_error"},
	{"fork bomb", evalrust.Execute, libc + "fn main() { unsafe { loop { fork(); } } }", "timeout/run_timeout memory/run_resource sandbox_denied/run_resource"},
	{"thread bomb", evalrust.Execute, "fn main() { let v: Vec<_> = (0..10_000).map(|_| std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(60)))).collect(); for t in v { t.join().unwrap(); } }", "sandbox_denied/run_resource memory/run_resource"},
	{"daemon", evalrust.Execute, libc + "fn main() { unsafe { if fork() == 0 { setsid(); if fork() == 0 { loop { std::thread::sleep(std::time::Duration::from_secs(3600)); } } } } }", "pass/ok"},
	{"silent spin", evalrust.Execute, libc + "fn main() { unsafe { close(1); close(2); } loop {} }", "timeout/run_timeout"},
	{"silent sleep", evalrust.Execute, libc + "fn main() { unsafe { close(0); close(1); close(2); signal(15, 1); } loop { std::thread::sleep(std::time::Duration::from_secs(9)); } }", "timeout/run_timeout"},
	{"endless output", evalrust.Execute, `fn main() { loop { println!("yes"); } }`, "output_limit/output_limit"},
	{"endless line", evalrust.Execute, `use std::io::Write; fn main() { let b = [0xffu8; 4096]; loop { std::io::stdout().write_all(&b).unwrap(); } }`, "output_limit/output_limit"},
	{"touches 8 GB", evalrust.Execute, "fn main() { let mut v: Vec<Vec<u8>> = Vec::new(); for i in 0..8192u32 { v.push(vec![i as u8 | 1; 1 << 20]); } println!(\"{}\", v.len()); }", "memory/run_resource"},
	{"allocates 1 TB", evalrust.Execute, "fn main() { let v: Vec<u8> = Vec::with_capacity(1 << 40); println!(\"{}\", v.capacity()); }", "memory/run_resource"},
	{"stack overflow", evalrust.Execute, "fn f(n: u64) -> u64 { if n == u64::MAX { 0 } else { 1 + f(n + 1) } }\nfn main() { println!(\"{}\", f(0)); }", "signal/signal"},
	{"fills the disk", evalrust.Execute, `use std::io::Write; fn main() { let b = vec![1u8; 1 << 19]; for i in 0..10_000 { std::fs::File::create(format!("f{i}")).unwrap().write_all(&b).unwrap(); } }`, "sandbox_denied/run_resource memory/run_resource"},
	{"sparse file", evalrust.Execute, `fn main() { std::fs::File::create("big").unwrap().set_len(1 << 40).unwrap(); }`, "sandbox_denied/run_resource"},
	{"network", evalrust.Execute, libc + `fn main() { use std::net::*;
 assert!(TcpStream::connect("127.0.0.1:PORT").is_err() && TcpStream::connect("169.254.169.254:80").is_err() && UdpSocket::bind("127.0.0.1:0").is_err());
 assert!(TcpListener::bind("127.0.0.1:0").is_err() && std::os::unix::net::UnixListener::bind("s").is_err() && "example.org:80".to_socket_addrs().is_err());
 unsafe { assert!(socket(16, 3, 0) < 0 && socket(1, 1, 0) < 0); } }`, "pass/ok"},
	{"signals", evalrust.Execute, libc + `fn main() { unsafe { kill(-1, 9); for p in 1..200 { if p != std::process::id() as i32 { kill(p, 9); } } kill(getppid(), 9); assert!(ptrace(16, getppid(), 0, 0) < 0); }
 assert!(std::fs::File::open("/proc/1/mem").is_err() && std::fs::OpenOptions::new().write(true).open("/proc/self/exe").is_err()); }`, "pass/ok"},
	{"files", evalrust.Execute, `use std::fs; fn main() { assert!(fs::read("CANARY").is_err());
 for p in ["/etc/passwd", "/etc/shadow", "HOMEDIR/.ssh", "HOMEDIR", "/home", "/sys/kernel", "/dev/sda", "/dev/vda", "/dev/mem"] { assert!(fs::File::open(p).is_err(), "{p}"); }
 for p in ["/usr/x", "/x", "/lib/x", "/etc/x", "/proc/x", "/dev/x", "../x", "../job/x"] { assert!(fs::write(p, "x").is_err(), "{p}"); }
 if let Ok(d) = fs::read_dir("/proc") { for e in d.flatten() { let n = e.file_name(); let me = n.to_str() == Some("self") || n.to_str() == Some("thread-self") || n.to_str() == Some(&std::process::id().to_string());
   if !me { if let Ok(s) = fs::read_to_string(e.path().join("environ")) { assert!(!s.contains("SECRET") && !s.contains("HOME="), "{s}"); } } } } }`, "pass/ok"},
	{"privileges", evalrust.Execute, libc + `fn main() { unsafe { assert!(unshare(0x10000000) < 0 && unshare(0x20000) < 0 && chroot(b"/\0".as_ptr()) < 0);
 assert!(mount(b"x\0".as_ptr(), b"/\0".as_ptr(), b"tmpfs\0".as_ptr(), 0, std::ptr::null()) < 0);
 for n in [250i64, 321, 425, 323, 298, 175, 310, 304, 155, 272, 29, 68] { assert!(syscall(n, 0, 0, 0, 0, 0) < 0, "{n}"); } assert!(ioctl(0, 0x5412, b"x".as_ptr()) < 0); } }`, "pass/ok"},
	{"descriptors", evalrust.Execute, libc + `fn main() { unsafe { for f in 3..64 { assert!(fcntl(f, 1) < 0, "{f}"); } } }`, "pass/ok"},
	{"old system calls", evalrust.Execute, "fn main() { unsafe { std::arch::asm!(\"int 0x80\", inout(\"eax\") 20 => _); } }", "sandbox_denied/signal signal/signal"},
}

func manyErrors(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "pub fn g%d() -> i32 { \"a\" }\n", i)
	}
	return b.String()
}

// outside are things that programs must not reach or leave.
type outside struct {
	canary string
	home   string // of the caller
	port   string
	hits   chan net.Conn
}

func newOutside(t *testing.T) *outside {
	dir := t.TempDir()
	for d := dir; len(d) > 4; d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755)
	}
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	o := &outside{canary: filepath.Join(dir, "canary"), home: home, hits: make(chan net.Conn, 1)}
	require.NoError(t, os.WriteFile(o.canary, []byte("c4n4ry-secret\n"), 0o644))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	_, o.port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			o.hits <- c
		}
	}()
	t.Setenv("SECRET", "c4n4ry-secret")
	return o
}

func (o *outside) source(h hostile) evalrust.Source {
	return evalrust.Source{Text: strings.NewReplacer("CANARY", o.canary, "PORT", o.port, "HOMEDIR", o.home).Replace(h.source), Mode: h.mode}
}

// quick are limits that make hostile programs end soon: by processor time, so that a
// busy machine does not change what happens.
func quick(backend string) evalrust.Options {
	return evalrust.Options{Backend: backend, NoCache: true, Build: sandbox.Limits{Time: 10 * time.Second, CPU: 4 * time.Second, Memory: 1 << 30, Address: 2 << 30},
		Run: sandbox.Limits{Time: 3 * time.Second, CPU: time.Second, Memory: 128 << 20, Address: 1 << 30}}
}

// Mutation: without the seccomp filter "network" and "privileges" fail, without
// the new root "files" does under namespaces, without the rules under landlock,
// without the init "signals" does, with an inherited environment "environment".
func TestHostile(t *testing.T) {
	backends := []string{"namespaces", "landlock"}
	if testing.Short() {
		backends = backends[:1]
	}
	for _, backend := range backends {
		t.Run(backend, func(t *testing.T) {
			out := newOutside(t)
			before := leftovers(t)
			t.Run("programs", func(t *testing.T) {
				v := verifier(t, quick(backend))
				t.Logf("contained by %+v", v.Info())
				for _, h := range hostiles {
					t.Run(h.name, func(t *testing.T) {
						t.Parallel()
						got, err := v.Check(t.Context(), out.source(h))
						require.NoError(t, err)
						outcome := string(got.Class) + "/" + string(got.Status)
						require.Contains(t, strings.Fields(h.want), outcome, "%s %s %s", got.Reason, got.Stderr, got.Code)
						text, err := json.Marshal(got)
						require.NoError(t, err)
						require.NotContains(t, string(text), "c4n4ry")
						require.Less(t, len(text), 1<<20)
					})
				}
			})
			require.Empty(t, out.hits, "the listener outside was reached")
			require.Eventually(t, func() bool { return leftovers(t) == before }, 5*time.Second, 20*time.Millisecond, "left behind: %s", before)
		})
	}
}

// ours says whether a process descends from this one, or has lost whom it
// descended from. Other packages' tests may run at the same time.
func ours(pid string) bool {
	for pid != "1" && pid != "0" {
		if pid == fmt.Sprint(os.Getpid()) {
			return true
		}
		data, err := os.ReadFile("/proc/" + pid + "/stat")
		fields := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
		if err != nil || len(fields) < 2 {
			return false // it has ended
		}
		command, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if program, _, _ := strings.Cut(string(command), "\x00"); strings.HasSuffix(program, ".test") || strings.HasSuffix(program, "/test") || program == "/proc/self/exe" {
			return false
		}
		pid = fields[1]
	}
	return true
}

// leftovers describes the processes that the sandbox may leave, mounts, groups
// and files.
func leftovers(t *testing.T) string {
	t.Helper()
	var found []string
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		data, _ := os.ReadFile(p)
		name, _, _ := strings.Cut(string(data), "\x00")
		if (name == "program" || name == "evalrust-sandbox-worker") && ours(filepath.Base(filepath.Dir(p))) {
			found = append(found, name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	own := fmt.Sprint(os.Getpid())
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/evalrust-" + own + "-*")
	files, _ := filepath.Glob(filepath.Join(os.TempDir(), "evalrust-sandbox-"+own+"-*"))
	return fmt.Sprint(found, strings.Count(string(mounts), "\n"), groups, files)
}
