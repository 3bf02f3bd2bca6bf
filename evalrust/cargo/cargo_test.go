package cargo_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/cargo"
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

// write makes a package with three vendored dependencies, one of them a
// procedural macro, and the files given on top.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	manifest := func(name, more string) string {
		return "[package]\nname = \"" + name + "\"\nversion = \"1.0.0\"\nedition = \"2021\"\n" + more
	}
	all := map[string]string{
		"Cargo.toml":               manifest("own", "[dependencies]\none = \"1\"\ntwo = \"1\"\nderive = \"1\"\n"),
		"Cargo.lock":               "version = 3\n" + lock("derive", "") + lock("one", "") + "\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\ndependencies = [\"derive\", \"one\", \"two\"]\n" + lock("two", "dependencies = [\"one\"]\n"),
		"src/lib.rs":               "#[derive(derive::Answer)]\npub struct S;\npub fn f() -> i32 { S::answer() + one::one() + two::two() }\n#[test]\nfn t() { assert_eq!(f(), 45); }\n",
		"vendor/one/Cargo.toml":    manifest("one", ""),
		"vendor/one/src/lib.rs":    "pub fn one() -> i32 { 1 }\n",
		"vendor/two/Cargo.toml":    manifest("two", "[dependencies]\none = \"1\"\n"),
		"vendor/two/src/lib.rs":    "pub fn two() -> i32 { one::one() + 1 }\n",
		"vendor/derive/Cargo.toml": manifest("derive", "[lib]\nproc-macro = true\n"),
		"vendor/derive/src/lib.rs": "use proc_macro::TokenStream;\n#[proc_macro_derive(Answer)]\npub fn answer(item: TokenStream) -> TokenStream {\n    let name = item.into_iter().nth(2).unwrap();\n    format!(\"impl {name} {{ pub fn answer() -> i32 {{ 42 }} }}\").parse().unwrap()\n}\n",
	}
	for _, name := range []string{"one", "two", "derive"} {
		all["vendor/"+name+"/.cargo-checksum.json"] = `{"files":{},"package":"` + zeros + `"}`
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func lock(name, more string) string {
	return "\n[[package]]\nname = \"" + name + "\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"" + zeros + "\"\n" + more
}

func TestRun(t *testing.T) {
	v := verifier(t, evalrust.Options{})
	dir := write(t, nil)
	run := func(dir, command string) evalrust.Verdict {
		got, err := cargo.Run(t.Context(), v, dir, cargo.Options{Command: command})
		require.NoError(t, err)
		return got
	}
	start := time.Now()
	got := run(dir, "check")
	first := time.Since(start)
	require.Equal(t, evalrust.Pass, got.Class, "%s %s", got.Reason, got.Stderr)
	start = time.Now()
	require.True(t, run(dir, "check").Cached)
	require.Less(t, 5*time.Since(start), first)
	require.Equal(t, evalrust.Pass, run(dir, "test").Class)

	wrong := write(t, map[string]string{"src/lib.rs": "#[test]\nfn t() { assert_eq!(one::one(), 2); }\n"})
	require.Equal(t, evalrust.StatusAssert, run(wrong, "test").Status)
	require.Equal(t, evalrust.Pass, run(wrong, "check").Class)
	broken := run(write(t, map[string]string{"src/lib.rs": "pub fn f() -> i32 { one::one }\n"}), "check")
	require.Equal(t, []any{evalrust.CompileError, "E0308"}, []any{broken.Class, broken.Code})
	missing := run(write(t, map[string]string{"Cargo.toml": "[package]\nname = \"own\"\nversion = \"1.0.0\"\n[dependencies]\nnonesuch = \"1\"\n"}), "check")
	require.Equal(t, evalrust.Rejected, missing.Class)

	_, err := cargo.Run(t.Context(), v, t.TempDir(), cargo.Options{})
	require.ErrorContains(t, err, "no package")
	_, err = cargo.Run(t.Context(), v, dir, cargo.Options{Command: "publish"})
	require.ErrorContains(t, err, "check, build, test or clippy")
}

// A build script gets nowhere.
func TestBuildScript(t *testing.T) {
	v := verifier(t, evalrust.Options{})
	home := t.TempDir()
	own, err := os.UserHomeDir()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, "key"), []byte("secret"), 0o644))
	t.Setenv("SECRET", "c4n4ry")
	script := `use std::process::Command;
fn main() {
    assert!(std::net::TcpStream::connect("127.0.0.1:22").is_err());
    assert!(std::fs::read("` + home + `/key").is_err() && std::fs::read_dir("` + own + `").is_err() && std::fs::read("/etc/passwd").is_err());
    assert!(std::env::var("SECRET").is_err() && std::env::var("HOME").is_err());
    assert!(std::fs::write("` + home + `/new", "x").is_err() && std::fs::write("/usr/x", "x").is_err());
    let _ = Command::new("/bin/sh").args(["-c", "sleep 999 >/dev/null 2>&1 & sleep 999 >/dev/null 2>&1 &"]).status();
}
`
	dir := write(t, map[string]string{"build.rs": script})
	got, err := cargo.Run(t.Context(), v, dir, cargo.Options{})
	require.NoError(t, err)
	require.Equal(t, evalrust.Pass, got.Class, "%s %s", got.Reason, got.Stderr)
	got, err = cargo.Run(t.Context(), v, write(t, map[string]string{"build.rs": "fn main() { std::fs::read(\"/etc/shadow\").unwrap(); }"}), cargo.Options{})
	require.NoError(t, err)
	require.Equal(t, []any{evalrust.CompileError, evalrust.StatusPanic}, []any{got.Class, got.Status}, "%s", got.Reason)
	got, err = cargo.Run(t.Context(), v, write(t, map[string]string{"build.rs": "fn main() { loop {} }"}), cargo.Options{Time: 3 * time.Second})
	require.NoError(t, err)
	require.Equal(t, evalrust.Timeout, got.Class, "%s", got.Reason)
}
