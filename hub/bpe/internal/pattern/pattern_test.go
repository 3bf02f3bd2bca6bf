package pattern

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: trying the longer run last in node.backtrack, or ignoring node.not,
// makes TestPieces fail.

func pieces(t require.TestingT, expr, text string) []string {
	p, err := Compile(expr)
	require.NoError(t, err)
	out := []string{}
	for i := 0; i < len(text); {
		end := p.Next([]byte(text), i)
		require.Greater(t, end, i)
		out = append(out, text[i:end])
		i = end
	}
	return out
}

// TestPieces holds what Hugging Face tokenizers 0.23.3 (Oniguruma) returned for
// the same expressions and texts.
func TestPieces(t *testing.T) {
	cases := []struct {
		expr, text string
		want       []string
	}{
		{`\p{N}{1,3}`, "12345678", []string{"123", "456", "78"}},
		{`a++`, "aaab", []string{"aaa", "b"}},
		{`a++a|b`, "aaab", []string{"aaa", "b"}},
		{`(?i:'s|'k)`, "'ſ'S'K'ʼs", []string{"'ſ", "'S", "'K", "'ʼs"}},
		{`\d+`, "a1२", []string{"a", "1२"}},
		{`[^\s\p{L}\p{N}]+`, "a\uFFFD!", []string{"a", "\uFFFD!"}},
		{`.+`, "ab\r\nc\u2028d", []string{"ab\r", "\n", "c\u2028d"}},
		{`\s+(?!\S)|\s+`, "a   b \n c  ", []string{"a", "  ", " ", "b", " \n", " ", "c", "  "}},
		{`a+?b|a`, "aab", []string{"aab"}},
		{`a{2,3}?b|x`, "aaab", []string{"aaab"}},
		{`[a-c\]-]+`, "xa]-cd", []string{"x", "a]-c", "d"}},
		{`\P{L}|\p{Lu}\p{^Lu}*`, "Ab1cDE", []string{"Ab1c", "D", "E"}},
		{`(?:ab){1,2}c?`, "abababc", []string{"abab", "abc"}},
		{`(ab|a)(?=c)`, "abac", []string{"ab", "a", "c"}},
		{`\x41|\u00e9|\x{1F980}`, "Aé🦀b", []string{"A", "é", "🦀", "b"}},
		{`[^\r\n]`, "\xff\xf0\x9fa", []string{"\xff", "\xf0", "\x9f", "a"}},
	}
	for _, c := range cases {
		require.Equal(t, c.want, pieces(t, c.expr, c.text), "%s on %q", c.expr, c.text)
	}
}

func TestRefused(t *testing.T) {
	for expr, reason := range map[string]string{
		`a$`: "not supported", `^a`: "not supported", `\w`: "not supported", `\p{Han}`: "property", `[\p{L}&&[^a]]`: "set operations",
		`\p{N}{1,3}+`: "some engines", `(?:ab)+`: "of a group", `(?<=a)b`: "kind of group", `a*`: "empty", `(a`: "without", `a)`: "without",
		`[a`: "too early", `a**`: "quantifier", `a{3,2}`: "interval", `(?i:\p{Lu}|[^a])`: "case folding", `a|`: "empty", `\1`: "not supported",
		`a{2}?b`: "some engines", strings.Repeat("(", 12) + "a" + strings.Repeat("){1,8}", 12): "too large", strings.Repeat("(", 200): "deeply",
		`[b-a]`: "range", `\p{L`: "want", `\x{110000}`: "code point", `[[a]]`: "escaped", ``: "empty", `a{9999}`: "interval", `\u12`: "early",
	} {
		_, err := Compile(expr)
		var bad *SyntaxError
		require.ErrorAs(t, err, &bad, expr)
		require.ErrorContains(t, err, reason, expr)
	}
}

// TestAgainstStandardLibrary compares on expressions that it can do, where the
// leftmost alternative wins in both.
func TestAgainstStandardLibrary(t *testing.T) {
	exprs := []string{`'s|'t| ?[a-z]+| ?[0-9]+|\s+`, `[^\r\n0-9a-z]?[a-z]+|[0-9]{1,3}|\s*[\r\n]+|.`, `(ab|a)(bc|c)?|b+?c|[^x]`, `a{2,3}?b*|é+|[^é]`}
	rapid.Check(t, func(t *rapid.T) {
		expr := rapid.SampledFrom(exprs).Draw(t, "expr")
		text := rapid.StringOf(rapid.RuneFrom([]rune("abcxyz019 \r\n\té'st"))).Draw(t, "text")
		var want []string
		at := 0
		for _, m := range regexp.MustCompile(expr).FindAllStringIndex(text, -1) {
			if m[0] > at {
				want = append(want, text[at:m[0]])
			}
			want = append(want, text[m[0]:m[1]])
			at = m[1]
		}
		if at < len(text) {
			want = append(want, text[at:])
		}
		require.Equal(t, append([]string{}, want...), pieces(t, expr, text))
	})
}

// TestLongRuns shows that a megabyte of one class is matched in one go.
func TestLongRuns(t *testing.T) {
	p, err := Compile(`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lo}]*[\p{Ll}\p{Lo}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lo}]+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`)
	require.NoError(t, err)
	for _, unit := range []string{"a", "A", " ", "\n", "/", "日", "é"} {
		text := []byte(strings.Repeat(unit, 1<<20/len(unit)))
		start := time.Now()
		require.Equal(t, len(text), p.Next(text, 0))
		require.Less(t, time.Since(start), 5*time.Second)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`(?i:'s|'t)|[^\r\n\p{L}]?\p{L}++|\s+(?!\S)|a{1,3}?`, []byte("it's a text"))
	f.Add(`[\x{1F980}-\u{}]`, []byte("x"))
	f.Fuzz(func(t *testing.T, expr string, text []byte) {
		p, err := Compile(expr)
		if err != nil {
			return
		}
		text = text[:min(len(text), 200)]
		var joined []byte
		for i := 0; i < len(text); {
			end := p.Next(text, i)
			require.Greater(t, end, i)
			joined = append(joined, text[i:end]...)
			i = end
		}
		require.True(t, bytes.Equal(text, joined))
	})
}

func BenchmarkNext(b *testing.B) {
	p, err := Compile(`(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`)
	require.NoError(b, err)
	text := []byte(strings.Repeat("    let mut total = values.iter().sum::<u32>(); // don't\n", 1000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for i := 0; i < len(text); {
			i = p.Next(text, i)
		}
	}
}
