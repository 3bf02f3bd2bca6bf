package rustc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust/rustc"
)

// words is a judge that calls compiled what has a word in it.
type words struct{ word string }

func (w words) Check(_ context.Context, source string) (rustc.Verdict, error) {
	if strings.Contains(source, "trouble") {
		return rustc.Verdict{}, errors.New("no disk space")
	}
	return rustc.Verdict{Compiled: strings.Contains(source, w.word)}, nil
}

// Mutation: scoring a sample without a function, or taking trouble for a bad
// program, fails here.
func TestReward(t *testing.T) {
	r := rustc.Reward{Judge: words{"good"}}
	score := func(completion string) float64 {
		s, err := r.Score(t.Context(), "fn f() -> u8 {\n", completion)
		require.NoError(t, err)
		return s
	}
	require.Equal(t, 1.0, score("    good()\n}\n"))
	require.Equal(t, 1.0, score("    good()\n}\nfn cut("), "what is cut off does not count")
	require.Equal(t, 0.0, score("    bad()\n}\n"))
	require.Equal(t, 0.0, score("    good()\n"), "the function does not end")
	_, err := r.Score(t.Context(), "fn f() {", "trouble() }\n")
	require.ErrorContains(t, err, "no disk space")
}
