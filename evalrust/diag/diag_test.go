package diag

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: counting the "aborting due to" trailer in add makes
// TestParse_CountsOnce fail.

const mismatched = `{"$message_type":"diagnostic","message":"mismatched types","code":{"code":"E0308","explanation":"long"},"level":"error",` +
	`"spans":[{"file_name":"sample.rs","line_start":1,"line_end":1,"column_start":5,"column_end":6,"is_primary":false,"text":[],"label":"expected"},` +
	`{"file_name":"sample.rs","line_start":2,"line_end":3,"column_start":17,"column_end":20,"is_primary":true,"text":[{"text":"fn f() -> i32 { \"a\" }"}],"label":"found"}],` +
	`"children":[{"message":"try this","level":"help","spans":[]}],"rendered":"x"}`

func object(level, code, text string) string {
	m := map[string]any{"$message_type": "diagnostic", "message": text, "level": level, "spans": []any{}, "children": []any{}, "code": nil}
	if code != "" {
		m["code"] = map[string]any{"code": code, "explanation": nil}
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func TestParse_Fields(t *testing.T) {
	r := Parse([]byte(mismatched+"\n"), 8)
	require.Equal(t, []Diagnostic{{Level: Error, Code: "E0308", Message: "mismatched types", Hints: []string{"try this"},
		Span: &Span{File: "sample.rs", Line: 2, Column: 17, EndLine: 3, EndColumn: 20, Label: "found", Text: `fn f() -> i32 { "a" }`}}}, r.Diagnostics)
	require.Equal(t, "error[E0308] at 2:17: mismatched types", r.Diagnostics[0].String())
	require.Equal(t, "E0308", r.FirstError().Code)
}

func TestParse_CountsOnce(t *testing.T) {
	r := Parse([]byte(object("warning", "unused_variables", "unused variable: `x`")+mismatched+"\n"+
		object("error", "", "aborting due to 1 previous error; 1 warning emitted")+
		object("warning", "", "1 warning emitted")+object("failure-note", "", "For more information")), 8)
	require.Equal(t, 1, r.Errors)
	require.Equal(t, 1, r.Warnings)
	require.Len(t, r.Diagnostics, 2)
	require.Equal(t, "E0308", r.FirstError().Code)
	require.False(t, r.Truncated)
}

func TestParse_Limit(t *testing.T) {
	r := Parse([]byte(strings.Repeat(mismatched+"\n", 50)), 20)
	require.Len(t, r.Diagnostics, 20)
	require.Equal(t, 50, r.Errors)
	require.True(t, r.Truncated)
}

func TestParse_Robust(t *testing.T) {
	for _, c := range []struct {
		name, in  string
		errors    int
		raw       string
		truncated bool
	}{
		{"nothing", "", 0, "", false},
		{"crash", "error: rustc interrupted by SIGSEGV\n\n/lib/x(+0x1)\n", 0, "error: rustc interrupted by SIGSEGV\n/lib/x(+0x1)\n", false},
		{"cut line", mismatched + "\n" + mismatched[:90], 1, "", true},
		{"other object", `{"$message_type":"artifact","artifact":"x"}` + "\n", 0, "", false},
		{"foreign object", `{"a":1}` + "\n", 0, `{"a":1}` + "\n", false},
		{"wrong types", `{"message":1,"level":[]}` + "\n", 0, `{"message":1,"level":[]}` + "\n", false},
		{"old compiler", `{"message":"x","code":null,"level":"error","spans":[],"children":[]}` + "\n", 1, "", false},
		{"internal error", object("error: internal compiler error", "", "unexpected"), 1, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Parse([]byte(c.in), 8)
			require.Equal(t, c.errors, r.Errors)
			require.Equal(t, c.raw, r.Raw)
			require.Equal(t, c.truncated, r.Truncated)
		})
	}
}

func TestParse_BoundsWhatItKeeps(t *testing.T) {
	long := strings.Repeat("é", 10_000)
	r := Parse([]byte(object("error", "", long)+strings.Repeat("noise ", 5000)+"\n"), 8)
	require.LessOrEqual(t, len(r.Diagnostics[0].Message), maxText)
	require.LessOrEqual(t, len(r.Raw), maxRaw)
	require.True(t, json.Valid([]byte(fmt.Sprintf("%q", r.Diagnostics[0].Message))))
}

func TestClass(t *testing.T) {
	for _, c := range []struct{ code, message, class, key string }{
		{"E0308", "mismatched types", "type", "E0308"},
		{"E0382", "borrow of moved value", "borrow", "E0382"},
		{"E0425", "cannot find value", "resolve", "E0425"},
		{"", "cannot find macro `foo` in this scope", "resolve", "resolve"},
		{"", "lifetime may not live long enough", "lifetime", "lifetime"},
		{"", "expected `;`, found `}`", "syntax", "syntax"},
		{"unused_variables", "unused variable", "lint", "unused_variables"},
		{"E0080", "evaluation failed", "const", "E0080"},
		{"E9999", "new", "other", "E9999"},
	} {
		d := Diagnostic{Level: Error, Code: c.code, Message: c.message}
		require.Equal(t, c.class, d.Class(), c.message)
		require.Equal(t, c.key, d.Key(), c.message)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(mismatched), 3)
	f.Add([]byte(mismatched[:100]+"\n{}\nx"), 0)
	f.Fuzz(func(t *testing.T, in []byte, limit int) {
		limit = min(max(limit, 0), 100)
		r := Parse(in, limit)
		require.LessOrEqual(t, len(r.Diagnostics), limit)
		require.LessOrEqual(t, len(r.Diagnostics), r.Errors+r.Warnings)
		for _, d := range r.Diagnostics {
			require.NotEmpty(t, d.Key())
		}
	})
}
