package bpe

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/hub/bpe/internal/pattern"
)

// Mutation: ending whitespace at i where it ends at last, taking two digits for
// three, or cutting behind a digit makes these tests fail.

// texts draws strings of the characters on which the patterns turn: case folds,
// white space of all kinds, categories beside letters and numbers, bytes that
// are not UTF-8.
func texts() *rapid.Generator[[]byte] {
	chars := strings.Split("a b S T 'd 'LL 've 'RE ' ſ ı K é ß 漢 か 🦀 ़ ́ 1 23 ½ Ⅷ ٣ _ . -> // ; { \" <| |> ©", " ")
	chars = append(chars, " ", "  ", "\t", "\n", "\r\n", "\v", "\f", "\u0085", "\u00a0", "\u2003", "\u2028", "\u3000", "\u200b", "\x00", "\xff", "\xf0\x9f", "\xe2\x80", "\ufffd", "\ua7cb", "\ua7ce")
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(chars), 0, 60), func(parts []string) []byte { return []byte(strings.Join(parts, "")) })
}

func piecesOf(next func([]byte, int) int, text []byte) []string {
	out := []string{}
	for i := 0; i < len(text); {
		end := next(text, i)
		out = append(out, string(text[i:end]))
		i = end
	}
	return out
}

// TestSplittersAreTheirPatterns compares the hand-coded splitters with a matcher
// of the regular expressions.
func TestSplittersAreTheirPatterns(t *testing.T) {
	for _, s := range named {
		p, err := pattern.Compile(patterns[s])
		require.NoError(t, err)
		next, err := s.splitter()
		require.NoError(t, err)
		rapid.Check(t, func(t *rapid.T) {
			text := texts().Draw(t, "text")
			require.Equal(t, piecesOf(p.Next, text), piecesOf(next, text), "%s", s)
		})
	}
}

// TestCut cuts at every place where it is allowed.
func TestCut(t *testing.T) {
	cuts := 0
	for _, s := range named {
		next, err := s.splitter()
		require.NoError(t, err)
		rapid.Check(t, func(t *rapid.T) {
			text := texts().Draw(t, "text")
			for i := range text {
				at := s.cut(text, i)
				require.GreaterOrEqual(t, at, i)
				if at == len(text) {
					continue
				}
				cuts++
				require.Equal(t, piecesOf(next, text), append(piecesOf(next, text[:at]), piecesOf(next, text[at:])...), "cut at %d", at)
			}
		})
	}
	enough := 1000
	if testing.Short() {
		enough = 100 // rapid makes a fifth of the checks
	}
	require.Greater(t, cuts, enough)
	require.Equal(t, 5, Regex(`a+|.`).cut([]byte("aa aa"), 0), "nothing is known of other expressions")
}

func TestParts(t *testing.T) {
	text := []byte(strings.Repeat("let x = 1;\n", 100) + strings.Repeat("7", 500))
	var sizes []int
	joined := ""
	Llama3.parts(text, 100, func(part []byte) {
		sizes = append(sizes, len(part))
		joined += string(part)
	})
	require.Equal(t, string(text), joined)
	require.Equal(t, []int{102, 101, 108}, sizes[:3])
	require.Greater(t, sizes[len(sizes)-1], 500, "digits are never cut")
}

func TestRegex(t *testing.T) {
	for _, s := range named {
		require.Equal(t, s, Regex(patterns[s]))
		require.NoError(t, s.Validate())
		require.Equal(t, patterns[s], s.Expression())
	}
	qwen := Regex(strings.Replace(patterns[Llama3], `{1,3}`, ``, 1))
	require.NoError(t, qwen.Validate())
	require.NotContains(t, named, qwen)
	next, err := qwen.splitter()
	require.NoError(t, err)
	require.Equal(t, []string{"x", "1", "2"}, piecesOf(next, []byte("x12")))
	require.ErrorContains(t, Regex(`(?<=a)b`).Validate(), `split pattern "(?<=a)b"`)
	require.ErrorContains(t, Split("lama3").Validate(), `split pattern "lama3", want "gpt2"`)
	require.Empty(t, Split("lama3").Expression())
}
