package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: counting a skip without a reason as fine makes the last case fail.

func TestSummary(t *testing.T) {
	cases := []struct {
		name, in, want string
		ok             bool
	}{
		{"pass", `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1.5}`, "ok  \tp\t1.5s\n1 passed, 0 failed, 0 skipped\n", true},
		{"fail", `{"Action":"output","Package":"p","Test":"TestA","Output":"boom\n"}
{"Action":"fail","Package":"p","Test":"TestA"}`, "boom\n0 passed, 1 failed, 0 skipped\n", false},
		{"skip with a reason", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no rustc\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}`, "skipped p TestA: a_test.go:3: no rustc\n0 passed, 0 failed, 1 skipped\n", true},
		{"skip without", `{"Action":"skip","Package":"p","Test":"TestA"}`,
			"skipped p TestA: no reason given\n0 passed, 0 failed, 1 skipped\n1 of the skipped gave no reason\n", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			s := summary{output: map[key][]string{}}
			require.NoError(t, s.read(strings.NewReader(c.in), &out))
			require.Equal(t, c.ok, s.print(&out))
			require.Equal(t, c.want, out.String())
		})
	}
}
