package humaneval

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Each literal and the {:?} form that rustc's library prints for it.
func TestCanonical(t *testing.T) {
	for literal, debug := range map[string]string{
		"1": "1", "-12_000isize": "-12000", "007": "7", "0xff": "255", "-0": "0", "1.0": "1.0", "-0.0": "0.0", "1e16": "1e16", "0.1f64": "0.1",
		"10000000000.0": "10000000000.0", "true": "true", "()": "()", "(1, 2.5)": "(1, 2.5)", "(1,)": "(1,)", "((1))": "1",
		`String::from("a\"b\n\u{1F600}\\")`: `"a\"b\n😀\\"`, `"x".to_string()`: `"x"`, `String::new()`: `""`, `r#"a"b"#`: `"a\"b"`, `'x'`: `'x'`, `"\x41"`: `"A"`,
		"vec![vec![1], vec![]]": "[[1], []]", "Vec::<Vec<isize>>::new()": "[]", "vec![]": "[]", "[1, 2,]": "[1, 2]",
		"Some(vec![Some(1), None])": "[Some(1), None]x", "None::<isize>": "None",
		`HashMap::from([(String::from("b"), 1), (String::from("a"), -2)])`: `{"a": -2, "b": 1}`, "HashMap::<String, isize>::new()": "{}",
	} {
		want, err := canonical(literal)
		require.NoError(t, err, literal)
		got, err := canonical(debug)
		if literal == "Some(vec![Some(1), None])" {
			require.Error(t, err)
			got, err = canonical("Some([Some(1), None])")
		}
		require.NoError(t, err, debug)
		require.Equal(t, want, got, literal)
	}
	for _, pair := range [][2]string{{"1", "2"}, {"1", "1.0"}, {`"1"`, "1"}, {"vec![1, 2]", "[2, 1]"}, {"None", "Some(1)"}, {`"a"`, "'a'"}, {"(1, 2)", "[1, 2]"}, {"0.1", "0.10000000000000002"},
		{`HashMap::from([(1, 2)])`, "{2: 1}"}} {
		a, err := canonical(pair[0])
		require.NoError(t, err)
		b, err := canonical(pair[1])
		require.NoError(t, err)
		require.NotEqual(t, a, b)
	}
	for _, text := range []string{"", "1 + 1", "x", "vec![1", "[1 2]", "Some", "NaN", `"open`, "HashMap::from([1, 2)", "Vec::<", "f(1)", "{", "1 2"} {
		_, err := canonical(text)
		require.Error(t, err, text)
	}
}

// TestCanonicalIsStable: what canonical returns is canonical, for any text that it
// takes. It is no fuzz target because coverage instrumentation lengthens the frames of
// package sandbox, whose code between fork and exec has a bounded stack.
func TestCanonicalIsStable(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"vec![", "]", "[", "Some(", "None", ")", "(", ",", ", ", "1", "-0.5e3", "0xff", `"a\u{41}"`, "'b'", "{", "}", ": ", "true", "String::from(", "HashMap::from(", "\"", "é", " "})
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(r, "pieces"), "")
		if rapid.Bool().Draw(r, "any text") {
			text = rapid.String().Draw(r, "text")
		}
		for _, text := range []string{text, "vec![Some((1, \"a\\u{41}\", -0.5e3)), " + text + "]"} {
			v, err := canonical(text)
			if err != nil {
				continue
			}
			again, err := canonical(v)
			require.NoError(r, err, v)
			require.Equal(r, v, again)
		}
	})
}
