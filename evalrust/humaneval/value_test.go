package humaneval

import (
	"testing"

	"github.com/stretchr/testify/require"
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

func FuzzCanonical(f *testing.F) {
	f.Add(`vec![Some((1, "a\u{41}", -0.5e3))]`)
	f.Add(`{"a": [1], 'b': None}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := canonical(text)
		if err != nil {
			return
		}
		again, err := canonical(v)
		require.NoError(t, err, v)
		require.Equal(t, v, again)
	})
}
