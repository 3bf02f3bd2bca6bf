package rustlex

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: dropping "depth++" in blockComment, or the hashes in raw's closing
// quote, makes TestLex fail.

// show writes tokens as kind:text, without white space tokens.
func show(src string) string {
	var parts []string
	for _, t := range Lex(src) {
		if t.Kind == Space {
			continue
		}
		s := t.Kind.String() + ":" + t.Text
		if t.Open {
			s += "…"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " | ")
}

func TestLex(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nested comment", "/* a /* b */ c */x", "block comment:/* a /* b */ c */ | identifier:x"},
		{"open comment", "/* a /* b */", "block comment:/* a /* b */…"},
		{"line comment", "a // b\nc", "identifier:a | line comment:// b | identifier:c"},
		{"string", `"a\"b" c`, `string:"a\"b" | identifier:c`},
		{"open string", `"a\`, `string:"a\…`},
		{"raw string", `r#"a"b"# c`, `raw string:r#"a"b"# | identifier:c`},
		{"raw string, more hashes", `r##"a"# "## c`, `raw string:r##"a"# "## | identifier:c`},
		{"raw byte string", `br"\" c`, `raw string:br"\" | identifier:c`},
		{"c string", `c"a" cr#"b"#`, `string:c"a" | raw string:cr#"b"#`},
		{"raw identifier", "r#fn r#x", "identifier:r#fn | identifier:r#x"},
		{"char", `'a' '\'' '\u{1F}' '"' 'é'`, `character:'a' | character:'\'' | character:'\u{1F}' | character:'"' | character:'é'`},
		{"byte", `b'"' b'\''`, `character:b'"' | character:b'\''`},
		{"lifetime", "&'a str 'static: '_", "punctuation:& | lifetime:'a | identifier:str | lifetime:'static | punctuation:: | lifetime:'_"},
		{"raw lifetime", "'r#a x", "lifetime:'r#a | identifier:x"},
		{"number", "1..2 1.5 1.x 1e-3 0xfe+1 1_0u8 2.", "number:1 | punctuation:. | punctuation:. | number:2 | number:1.5 | number:1 | " +
			"punctuation:. | identifier:x | number:1e-3 | number:0xfe | punctuation:+ | number:1 | number:1_0u8 | number:2."},
		{"punctuation", "a::b!=c", "identifier:a | punctuation:: | punctuation:: | identifier:b | punctuation:! | punctuation:= | identifier:c"},
		{"unclosed char", "'( x\ny", "character:'( x | identifier:y"},
		{"unclosed char before comment", "'( // x\ny", "character:'(  | line comment:// x | identifier:y"},
		{"mark is space", "a\u200e!", "identifier:a | punctuation:!"},
		{"fence", "```rust", "unknown:` | unknown:` | unknown:` | identifier:rust"},
		{"invalid byte", "a\xffb", "identifier:a | unknown:\xff | identifier:b"},
		{"shebang", "#!/* run\nx", "shebang:#!/* run | identifier:x"},
		{"no shebang", "#! /* c */ [allow(x)]", "punctuation:# | punctuation:! | block comment:/* c */ | punctuation:[ | " +
			"identifier:allow | punctuation:( | identifier:x | punctuation:) | punctuation:]"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, show(c.in)) })
	}
}

func TestToken(t *testing.T) {
	require.Equal(t, "include", Lex("r#include")[0].Name())
	require.True(t, Lex("/// x")[0].Doc())
	require.False(t, Lex("//// x")[0].Doc())
	require.False(t, Lex("/**/")[0].Doc())
	require.True(t, Lex("/** x */")[0].Doc())
	require.Len(t, Code("fn /* a */ f // b\n"), 2)
}

// checkCover fails when tokens do not cover src exactly.
func checkCover(t require.TestingT, src string) {
	var b strings.Builder
	for _, tok := range Lex(src) {
		require.Equal(t, b.Len(), tok.Pos)
		require.NotEmpty(t, tok.Text)
		b.WriteString(tok.Text)
	}
	require.Equal(t, src, b.String())
}

func TestTokensCoverTheSource(t *testing.T) {
	pieces := []string{"'", `"`, "r#", `r##"`, `"##`, "/*", "*/", "//", "\n", "\\", "b'", "0x", "1e+", ".", "a", "é", "\xf0\x9f", "#!", "[", "\ufeff"}
	rapid.Check(t, func(t *rapid.T) {
		checkCover(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 24).Draw(t, "pieces"), ""))
		checkCover(t, rapid.String().Draw(t, "text"))
	})
}

// TestStandardLibrary lexes the sources of the installed toolchain, if they are
// there, and asks that nothing in them is unknown or left open.
func TestStandardLibrary(t *testing.T) {
	out, err := exec.Command("rustc", "--print", "sysroot").Output()
	if err != nil {
		t.Skip("no rustc: ", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "lib/rustlib/src/rust/library/core/src")
	files := 0
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".rs" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		checkCover(t, string(text))
		for _, tok := range Lex(string(text)) {
			require.False(t, tok.Open || tok.Kind == Unknown, "%s at %d: %q", path, tok.Pos, tok.Text)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Skip("the toolchain has no sources: rustup component add rust-src")
	}
	t.Logf("%d files", files)
}

func FuzzLex(f *testing.F) {
	for _, s := range []string{"fn f() {}", `r#"x"#`, "'a", "/* /* */", "#!x\n", "1e+5", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) { checkCover(t, src) })
}

func BenchmarkLex(b *testing.B) {
	src := strings.Repeat("/// Adds.\npub fn add(a: i32, b: &'static str) -> Option<i32> { let x = \"s\\n\"; a.checked_add(1_000) }\n", 200)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		Lex(src)
	}
}
