package bpe

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: numbering merges from the last, or leaving out Special, fails
// TestDefinition.

func TestDefinition(t *testing.T) {
	for _, split := range []Split{GPT2, Llama3, Regex(`\d|[^\d]+`)} {
		want := small(t, split)
		got, err := New(want.Definition())
		require.NoError(t, err)
		require.Equal(t, want.Hash(), got.Hash())
		text := []byte("let mut count = <|bos|> 12 value; \xff\xc0")
		require.Equal(t, want.Encode(nil, text), got.Encode(nil, text))
		require.Equal(t, want.EncodeSpecial(nil, text), got.EncodeSpecial(nil, text))
		json, err := got.MarshalJSON()
		require.NoError(t, err)
		parsed, err := Parse(json)
		require.NoError(t, err)
		require.Equal(t, want.Hash(), parsed.Hash())
	}
	d := small(t, GPT2).Definition()
	d.IgnoreMerges = true
	whole, err := New(d)
	require.NoError(t, err)
	require.True(t, whole.Definition().IgnoreMerges)
	require.NotEqual(t, small(t, GPT2).Hash(), whole.Hash())
}

// TestMissingBytes: the bytes that are no token have ids behind the last.
func TestMissingBytes(t *testing.T) {
	d := small(t, GPT2).Definition()
	a := slices.Index(d.Tokens, "A")
	d.Tokens[a] = "AAAA"
	tok, err := New(d)
	require.NoError(t, err)
	require.Equal(t, []int32{int32(len(d.Tokens))}, tok.Encode(nil, []byte("A")))
	require.Equal(t, len(d.Tokens)+1, tok.VocabSize())

	for want, change := range map[string]func(d *Definition){
		"has the ids 3 and 5":     func(d *Definition) { d.Tokens[5] = d.Tokens[3] },
		"special token 9999":      func(d *Definition) { d.Special[9999] = true },
		"not in the vocabulary":   func(d *Definition) { d.Merges[0][1] = "QQQ" },
		"stand for no byte":       func(d *Definition) { d.Tokens[300] = " " },
		`split pattern "unknown"`: func(d *Definition) { d.Split = "unknown" },
	} {
		d := small(t, GPT2).Definition()
		change(&d)
		_, err := New(d)
		require.ErrorContains(t, err, want)
	}
}
