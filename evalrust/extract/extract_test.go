package extract

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: ending every item at its first brace (dropping semicolons), or
// taking the whole text for Code, makes TestCode fail.

const whole = "/// Adds.\n#[inline]\npub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n"

func TestCode(t *testing.T) {
	for _, c := range []struct {
		name, in, code, cut string
		functions           int
	}{
		{"whole", whole, whole, "", 1},
		{"stopped in a second function", whole + "\nfn half(x: i32) -> i32 {\n    x +", strings.TrimSuffix(whole, "\n"), "\n\nfn half(x: i32) -> i32 {\n    x +", 1},
		{"stopped in a doc comment", whole + "/// Half", strings.TrimSuffix(whole, "\n"), "\n/// Half", 1},
		{"stopped in an attribute", whole + "#[derive(", strings.TrimSuffix(whole, "\n"), "\n#[derive(", 1},
		{"stopped in a string", "fn a() {}\nfn b() { \"}", "fn a() {}", "\nfn b() { \"}", 1},
		{"stopped in a comment", "fn a() {}\n/* fn b() {}", "fn a() {}", "\n/* fn b() {}", 1},
		{"nothing complete", "pub fn f() -> i32 { if x {", "", "pub fn f() -> i32 { if x {", 0},
		{"empty", "", "", "", 0},
		{"prose", "I cannot do that.", "", "I cannot do that.", 0},
		{"only a use", "use std::fmt;\nfn f(", "use std::fmt;", "\nfn f(", 0},
		{"only a struct", "struct A { x: u8 }\n", "struct A { x: u8 }\n", "", 0},
		{"braces in literals", "fn f() -> char { let _ = \"}\"; let _ = r#\"}\"#; /* } */ '}' } fn", "fn f() -> char { let _ = \"}\"; let _ = r#\"}\"#; /* } */ '}' }", " fn", 1},
		{"lifetime is no quote", "fn f<'a>(x: &'a str) -> &'a str { x } fn g", "fn f<'a>(x: &'a str) -> &'a str { x }", " fn g", 1},
		{"use with braces", "use std::{fmt, io}; fn f() {} x", "use std::{fmt, io}; fn f() {}", " x", 1},
		{"use stopped", "fn f() {} use std::{fmt}", "fn f() {}", " use std::{fmt}", 1},
		{"const of a struct", "const A: B = B { x: 1 }; fn f() {}", "const A: B = B { x: 1 }; fn f() {}", "", 1},
		{"const stopped", "fn f() {} const A: B = B { x: 1 }", "fn f() {}", " const A: B = B { x: 1 }", 1},
		{"array types", "pub static A: [u8; 2] = [1, 2]; fn f() -> [u8; 2] { A } fn", "pub static A: [u8; 2] = [1, 2]; fn f() -> [u8; 2] { A }", " fn", 1},
		{"braces in generics", "fn f() -> A<{ 1 + 2 }> { A } fn", "fn f() -> A<{ 1 + 2 }> { A }", " fn", 1},
		{"methods", "impl A { fn f(&self) {} pub const fn g() {} } impl", "impl A { fn f(&self) {} pub const fn g() {} }", " impl", 2},
		{"trait without bodies", "trait A { fn f(&self); fn g(&self) -> [u8; 3]; }", "trait A { fn f(&self); fn g(&self) -> [u8; 3]; }", "", 0},
		{"function pointer", "struct A { f: fn(u8) -> u8 }", "struct A { f: fn(u8) -> u8 }", "", 0},
		{"text in the middle stays", "fn f() {} oops; fn g() {}", "fn f() {} oops; fn g() {}", "", 2},
		{"extra brace stays", "fn f() {} } fn g() {}", "fn f() {} } fn g() {}", "", 2},
		{"wrong delimiter", "fn f() { (] } fn g", "fn f() { (] }", " fn g", 1},
		{"inner attribute", "#![allow(dead_code)]\nfn f() {}", "#![allow(dead_code)]\nfn f() {}", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := Code(c.in)
			require.Equal(t, c.code, u.Code)
			require.Equal(t, c.cut, u.Cut)
			require.Equal(t, c.functions, u.Functions)
			require.False(t, u.Fenced)
		})
	}
}

func TestCode_Fences(t *testing.T) {
	for _, c := range []struct{ name, in, code string }{
		{"tagged", "Here's the code:\n\n```rust\nfn f() {}\n```\nIt works.", "fn f() {}\n"},
		{"attributes of the tag", "```rust,ignore\nfn f() {}\n```", "fn f() {}\n"},
		{"untagged", "```\nfn f() {}\n```", "fn f() {}\n"},
		{"not closed", "Sure \"quoted:\n```rust\nfn f() {}\nfn g() {", "fn f() {}"},
		{"the one with a function", "```rust\nuse std::fmt;\n```\nthen\n```rust\nfn f() {}\n```\n```rust\nfn g() {}\n```", "fn f() {}\n"},
		{"none has a function", "```rust\nuse std::fmt;\n```\n```rust\nfn g(", "use std::fmt;\n"},
		{"another language first", "```toml\n[a]\n```\n```rs\nfn f() {}\n```", "fn f() {}\n"},
		{"another language only", "```python\ndef f(): pass\n```", ""},
		{"tildes", "~~~rust\nfn f() {}\n~~~", "fn f() {}\n"},
		{"longer fence", "````rust\n/// ```\n/// x\n/// ```\nfn f() {}\n````", "/// ```\n/// x\n/// ```\nfn f() {}\n"},
		{"windows line ends", "```rust\r\nfn f() {}\r\n```\r\n", "fn f() {}\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := Code(c.in)
			require.Equal(t, c.code, u.Code)
			require.True(t, u.Fenced)
		})
	}
	for _, raw := range []string{
		"/// ```\n/// assert_eq!(f(), 1);\n/// ```\nfn f() -> i32 { 1 }\n",
		"/**\n```\nf();\n```\n*/\nfn f() {}\n",
		"const A: &str = r#\"\n```\n\"#;\nfn f() {}\n",
	} {
		u := Code(raw)
		require.False(t, u.Fenced)
		require.Equal(t, raw, u.Code)
		require.Equal(t, 1, u.Functions)
	}
}

func TestItems(t *testing.T) {
	src := "// head\nuse a::{b, c};\n/// Doc.\n#[derive(Debug)]\npub(crate) struct S<T>(T);\npub const fn f() {}\nconst X: u8 = 1;\nunsafe extern \"C\" fn g() {}\n" +
		"extern \"C\" { fn h(); }\nextern crate core;\nmacro_rules! m { () => {} }\nm! { }\nimpl<T> S<T> { fn x(&self) {} }\nasync fn k() {}\npub static Y: u8 = 2;\n" +
		"mod tests { fn t() {} }\nmod o;\ntype A = u8;\nenum E { A, B }\nunion U { a: u8 }\nunsafe impl Send for E {}\nconst unsafe fn l() {}\ntrait T { fn d() {} }\n"
	var got []string
	for _, i := range Items(src) {
		got = append(got, i.Kind+" "+i.Name)
	}
	require.Equal(t, []string{"use ", "struct S", "fn f", "const X", "fn g", "extern ", "extern core", "macro_rules m", " ", "impl ", "fn k", "static Y",
		"mod tests", "mod o", "type A", "enum E", "union U", "impl ", "fn l", "trait T"}, got)
	u := Code(src)
	require.Empty(t, u.Cut)
	require.Equal(t, 7, u.Functions)
	require.Equal(t, "/// Doc.\n#[derive(Debug)]\npub(crate) struct S<T>(T);", u.Text(u.Items[1]))
	require.Equal(t, "// head\nuse a::{b, c};", u.Text(u.Items[0]))
}

func checkUnit(t require.TestingT, text string) {
	u := Code(text)
	if !u.Fenced {
		require.Equal(t, text, u.Code+u.Cut)
	}
	end, functions := 0, 0
	for _, i := range u.Items {
		require.LessOrEqual(t, end, i.Start)
		require.Less(t, i.Start, i.End)
		require.LessOrEqual(t, i.End, len(u.Code))
		end = i.End
		functions += i.Functions
	}
	require.Equal(t, functions, u.Functions)
	again := unit(u.Code)
	require.Empty(t, again.Cut, "a unit is whole")
	require.Equal(t, u.Functions, again.Functions)
}

// TestCode_AnyPrefix stops a source at every byte: the result is always whole
// items, and never fewer of them for a longer prefix.
func TestCode_AnyPrefix(t *testing.T) {
	src := whole + "use std::{fmt, io};\nimpl S { fn a(&self) -> char { '}' } }\nconst A: [u8; 2] = [1, 2];\n/* } */ fn z<'a>() -> &'a str { \"\\\"}\" }\n"
	last := 0
	for i := range len(src) + 1 {
		checkUnit(t, src[:i])
		n := len(Items(src[:i]))
		require.GreaterOrEqual(t, n, last)
		last = n
	}
	require.Equal(t, 5, last)
}

func TestCode_Property(t *testing.T) {
	pieces := []string{"fn f", "()", "{", "}", ";", "(", ")", "[", "]", "\"", "'a", "/*", "*/", "//", "\n", "```", "```rust\n", "use a::", "const X: u8 = ", "#[", "#", "impl ", "r#\"", "\"#", ">", ","}
	rapid.Check(t, func(t *rapid.T) {
		checkUnit(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "pieces"), ""))
	})
}

func FuzzCode(f *testing.F) {
	f.Add(whole)
	f.Add("```rust\nfn f() {}\n```")
	f.Add("fn f() { (] } /* \" */ r#\"")
	f.Fuzz(func(t *testing.T, text string) { checkUnit(t, text) })
}

func BenchmarkCode(b *testing.B) {
	text := strings.Repeat(whole, 20)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Code(text)
	}
}
