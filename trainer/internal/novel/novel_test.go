package novel

import (
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: hashing rustlex.Lex instead of rustlex.Code in fingerprint makes
// the cases of comments and layout fail.

func texts(docs ...string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, d := range docs {
			if !yield([]byte(d), nil) {
				return
			}
		}
	}
}

func TestUnseen(t *testing.T) {
	const known = "/// Adds.\npub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n"
	const other = "pub fn sub(a: i32, b: i32) -> i32 {\n    a - b\n}\n"
	tests := []struct {
		name, sample string
		want         bool
	}{
		{"the same", known, false},
		{"another comment", "// Sums.\npub fn add(a: i32, b: i32) -> i32 { // here\n    a + b\n}\n", false},
		{"another layout", "pub fn add(a: i32,b: i32)->i32{a+b}", false},
		{"with a new one", known + "fn two() -> i32 {\n    2\n}\n", false},
		{"another name", "pub fn plus(a: i32, b: i32) -> i32 {\n    a + b\n}\n", true},
		{"another body", "pub fn add(a: i32, b: i32) -> i32 {\n    b + a\n}\n", true},
		{"from a later document", other, false},
		{"no function", "pub struct S;\n", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Unseen([]string{test.sample}, texts("use std::fmt;\n"+known, other))
			require.NoError(t, err)
			require.Equal(t, []bool{test.want}, got)
		})
	}
}

func TestUnseen_Error(t *testing.T) {
	broken := errors.New("broken")
	_, err := Unseen([]string{"fn f() {}"}, func(yield func([]byte, error) bool) { yield(nil, broken) })
	require.ErrorIs(t, err, broken)
}

func BenchmarkUnseen(b *testing.B) {
	doc := "/// Adds.\npub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n"
	b.SetBytes(int64(len(doc)))
	docs := func(yield func([]byte, error) bool) {
		for range b.N {
			if !yield([]byte(doc), nil) {
				return
			}
		}
	}
	_, err := Unseen([]string{"fn never() {}"}, docs)
	require.NoError(b, err)
}
