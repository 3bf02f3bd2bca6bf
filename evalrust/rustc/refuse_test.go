package rustc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: dropping the s.macros case in name, or reading t.Text for t.Name()
// there, makes TestRefusal fail.

func TestRefusal(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"plain", `const A: &str = include_str!("/etc/passwd");`, "include_str in line 1"},
		{"bytes", "\n\nstatic A: &[u8] = include_bytes!(\"x\");", "include_bytes in line 3"},
		{"include", `include!("x.rs");`, "include! in line 1"},
		{"braces", `include!{"x.rs"}`, "include!"},
		{"space", "fn f() { include ! (\"x\") }", "include!"},
		{"comment between", "include /* a /* b */ */ // c\n ! (\"x\");", "include!"},
		{"mark between", "include\u200e!(\"x\");", "include!"},
		{"raw identifier", `r#include!("x");`, "include!"},
		{"path to macro", `fn f() -> &'static str { ::core::env!("PATH") }`, "env!"},
		{"option_env", `fn f() { option_env!("HOME"); }`, "option_env"},
		{"asm", `fn f() { unsafe { core::arch::asm!("nop") } }`, "asm!"},
		{"imported asm", "use core::arch::asm;\nfn f() {}", "use of asm in line 1"},
		{"global_asm", `core::arch::global_asm!(".incbin \"/etc/passwd\"");`, "global_asm"},
		{"renamed", "use std::include as i;\nfn f() { i!(\"x\") }", "use of include"},
		{"renamed in a list", "use std::{fmt, include as i};", "use of include"},
		{"renamed env", "use std::env as e;\nfn f() -> &'static str { e!(\"PATH\") }", "use of env"},
		{"renamed include_str", "use std::include_str as s;", "include_str"},
		{"by metavariable", `macro_rules! m { ($a:ident) => { $a!("x") } } m!(include);`, "include, with macros,"},
		{"by token trees", `macro_rules! m { ($($a:tt)*) => { $($a)* } } m!(include, !, ("x"));`, "include, with macros,"},
		{"path attribute", "#[path = \"/etc/passwd\"]\nmod x;", "attribute path in line 1"},
		{"spaced path attribute", "# /* */ [ /* */ path /* */ = \"/etc/passwd\" ] mod x;", "attribute path"},
		{"inner path attribute", "mod a { #![path = \"/etc\"] mod passwd; }", "attribute path"},
		{"cfg_attr path", "#[cfg_attr(all(), path = \"/etc/passwd\")] mod x;", "attribute path"},
		{"raw path", "#[r#path = \"/etc/passwd\"] mod x;", "attribute path"},
		{"path by macro", `macro_rules! m { ($p:ident) => { #[$p = "/etc/passwd"] mod x; } } m!(path);`, "path, with macros and modules"},
		{"feature", "#![feature(proc_macro_hygiene)]", "attribute feature"},
		{"cfg_attr feature", "#![cfg_attr(all(), feature(test))]", "attribute feature"},
		{"link", "#[link(name = \"c\")] extern \"C\" {}", "attribute link"},
		{"link_section", "#[link_section = \".init_array\"] static A: u8 = 0;", "attribute link_section"},
		{"proc macro", "extern crate proc_macro;", "proc_macro"},
		{"proc macro derive", "#[proc_macro_derive(A)] pub fn f() {}", "proc_macro_derive"},
		{"behind a shebang that looks like a comment", "#!/* x\ninclude!(\"x\");", "include!"},
		{"behind a raw string", "const A: &str = r#\"\"\"#; include!(\"x\");", "include!"},
		{"behind a quote character", "const A: char = '\"'; include!(\"x\");", "include!"},
		{"behind a lifetime", "fn f<'a>(x: &'a str) { include!(\"x\") }", "include!"},
		{"behind a byte quote", "const A: u8 = b'\\''; include!(\"x\");", "include!"},
		{"doc attribute", `#[doc = include_str!("/etc/passwd")] pub fn f() {}`, "include_str"},

		{"in a comment", "// include!(\"x\")\n/* env!(\"x\") */ /// #[path = \"x\"]\nfn f() {}", ""},
		{"in a string", `const A: &str = "include!(\"x\") #[path = \"y\"]";`, ""},
		{"in a raw string", `const A: &str = r##"include_str!("x"#) #![feature(a)]"##;`, ""},
		{"std::env", "use std::env;\nfn f() -> usize { env::args().count() }", ""},
		{"a variable", "fn f(include: bool, asm: u8) -> bool { include != (asm > 0) }", ""},
		{"a path", "use std::path::Path;\nfn f(path: &Path) -> bool { path == Path::new(\"x\") }", ""},
		{"cfg feature", "#[cfg(feature = \"x\")] fn f() {}", ""},
		{"derive and allow", "#[derive(Debug)] #[allow(dead_code)] struct A { linked: bool }", ""},
		{"macro without names", "macro_rules! sq { ($x:expr) => { $x * $x } } fn f() -> i32 { sq!(2) }", ""},
		{"raw string ends the scan nowhere", "fn f() -> &'static str { r\"\\\" }", ""},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Refusal(c.src)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
		})
	}
}

func FuzzRefusal(f *testing.F) {
	f.Add("fn f() {}", "include_str!(\"x\")")
	f.Add("/* ", "x")
	f.Fuzz(func(t *testing.T, before, after string) {
		Refusal(before + after)
		// Whatever stands behind it, a name at the beginning is seen.
		require.NotEmpty(t, Refusal("include_str!(\"x\");\n"+after))
	})
}
