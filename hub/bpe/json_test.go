package bpe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: dropping a line of file.check, reading ignore_merges as false, or
// leaving out the test for equal ids in parseVocab makes these tests fail.

// edited is the tokenizer.json of a small tokenizer after a change.
func edited(t testing.TB, change func(doc map[string]any)) []byte {
	t.Helper()
	data, err := small(t, CL100K).MarshalJSON()
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(data, &doc))
	change(doc)
	data, err = json.Marshal(doc)
	require.NoError(t, err)
	return data
}

func object(doc map[string]any, path ...string) map[string]any {
	for _, p := range path {
		doc = doc[p].(map[string]any)
	}
	return doc
}

func TestFile(t *testing.T) {
	for _, split := range append(named, Regex(`\p{N}|\S+|\s+`)) {
		tok := small(t, split)
		dir := t.TempDir()
		path := filepath.Join(dir, "tokenizer.json")
		require.NoError(t, tok.WriteFile(path))
		loaded, err := Load(path)
		require.NoError(t, err)
		require.Equal(t, tok.Hash(), loaded.Hash())
		require.Equal(t, split, loaded.Split())
		require.Equal(t, tok.Merges(), loaded.Merges())
		require.NoError(t, loaded.WriteFile(path), "an earlier file is replaced")
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		again, err := tok.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(again), string(data))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "nothing temporary stays")
	}
	require.Error(t, small(t, GPT2).WriteFile(filepath.Join(t.TempDir(), "none", "tokenizer.json")))
	_, err := Load(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestRefused(t *testing.T) {
	model := func(key string, value any) func(map[string]any) {
		return func(doc map[string]any) { object(doc, "model")[key] = value }
	}
	top := func(key string, value any) func(map[string]any) {
		return func(doc map[string]any) { doc[key] = value }
	}
	pre := func(i int, key string, value any) func(map[string]any) {
		return func(doc map[string]any) {
			object(doc, "pre_tokenizer")["pretokenizers"].([]any)[i].(map[string]any)[key] = value
		}
	}
	added := func(key string, value any) func(map[string]any) {
		return func(doc map[string]any) { doc["added_tokens"].([]any)[0].(map[string]any)[key] = value }
	}
	vocab := func(token string, id any) func(map[string]any) {
		return func(doc map[string]any) { object(doc, "model", "vocab")[token] = id }
	}
	for _, c := range []struct {
		want   string
		change func(map[string]any)
	}{
		{"not supported: a normalizer", top("normalizer", map[string]any{"type": "NFC"})},
		{"not supported: truncation", top("truncation", map[string]any{"max_length": 3})},
		{"not supported: padding", top("padding", map[string]any{})},
		{`not supported: decoder "WordPiece"`, top("decoder", map[string]any{"type": "WordPiece"})},
		{"no pre_tokenizer", top("pre_tokenizer", nil)},
		{`pre_tokenizer "Whitespace"`, top("pre_tokenizer", map[string]any{"type": "Whitespace"})},
		{`pre_tokenizer "ByteLevel" with these settings`, top("pre_tokenizer", map[string]any{"type": "ByteLevel", "add_prefix_space": true})},
		{"with these settings", pre(0, "behavior", "Removed")},
		{"with these settings", pre(0, "invert", true)},
		{"with these settings", pre(1, "use_regex", true)},
		{"with these settings", pre(1, "add_prefix_space", true)},
		{"with these settings", pre(0, "pattern", nil)},
		{"'$' is not supported", pre(0, "pattern", map[string]any{"Regex": "a$"})},
		{`model type "Unigram"`, model("type", "Unigram")},
		{"dropout", model("dropout", 0.1)},
		{"an unknown token", model("unk_token", "x")},
		{"byte_fallback", model("byte_fallback", true)},
		{"continuing_subword_prefix", model("continuing_subword_prefix", "##")},
		{"end_of_word_suffix", model("end_of_word_suffix", "</w>")},
		{"merge 0 is", model("merges", []any{"a b c"})},
		{"merge 0 is neither", model("merges", []any{7})},
		{"not in the vocabulary", model("merges", []any{[]any{"Q", "Q"}})},
		{"vocab: ", model("vocab", []any{})},
		{"lacks byte 0x41", func(doc map[string]any) {
			vocab := object(doc, "model", "vocab")
			vocab["QQ"] = vocab["A"]
			delete(vocab, "A")
		}},
		{`token "QQ" has id 9999`, vocab("QQ", 9999)},
		{`token "QQ" has id -1`, vocab("QQ", -1)},
		{`token "" has id 5`, vocab("", 5)},
		{"have the same id 65", func(doc map[string]any) {
			object(doc, "model", "vocab")["QQ"] = 65
		}},
		{`token " " has characters that stand for no byte`, vocab(" ", 310)},
		{"added token \"<|bos|>\" with single_word", added("single_word", true)},
		{"with single_word, lstrip or rstrip", added("lstrip", true)},
		{"with single_word, lstrip or rstrip", added("rstrip", true)},
		{`added token "<|bos|>" has id 99999`, added("id", 99999)},
		{`has the id 65 of "b"`, added("id", 65)},
		{"listed twice", added("content", "<|eos|>")},
		{`added token "A" has the ids 307 and 32`, added("content", "A")},
	} {
		_, err := Parse(edited(t, c.change))
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "\n")
	}
	data := edited(t, func(doc map[string]any) {
		doc["normalizer"] = map[string]any{"type": "NFC"}
		object(doc, "model")["dropout"] = 0.5
	})
	_, err := Parse(data)
	require.ErrorContains(t, err, "a normalizer; dropout", "all reasons at once")
	for n := 0; n < len(data); n += 97 {
		_, err := Parse(data[:n])
		require.ErrorContains(t, err, "not a tokenizer.json")
	}
}

// TestForeignFiles reads what other programs write differently.
func TestForeignFiles(t *testing.T) {
	text := []byte("let mut count = <|bos|> value;")
	want := small(t, CL100K).Encode(nil, text)

	tok, err := Parse(edited(t, func(doc map[string]any) { // merges as lines, GPT-2's way
		var lines []any
		for _, m := range object(doc, "model")["merges"].([]any) {
			lines = append(lines, m.([]any)[0].(string)+" "+m.([]any)[1].(string))
		}
		object(doc, "model")["merges"] = lines
	}))
	require.NoError(t, err)
	require.Equal(t, want, tok.Encode(nil, text))

	post := map[string]any{"type": "TemplateProcessing", "single": []any{}}
	tok, err = Parse(edited(t, func(doc map[string]any) { // special tokens in the vocabulary, a post-processor
		doc["post_processor"] = post
		object(doc, "model", "vocab")["<|bos|>"] = 307
		doc["added_tokens"].([]any)[1].(map[string]any)["special"] = false
	}))
	require.NoError(t, err)
	require.Equal(t, want, tok.Encode(nil, text))
	require.Equal(t, 310, tok.VocabSize())
	data, err := tok.MarshalJSON()
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(data, &doc))
	require.Equal(t, post, doc["post_processor"])
	require.Equal(t, 307.0, object(doc, "model", "vocab")["<|bos|>"])
	require.Equal(t, false, doc["added_tokens"].([]any)[1].(map[string]any)["special"])

	// A token that its merges do not make is found whole with ignore_merges.
	for _, whole := range []bool{false, true} {
		tok, err = Parse(edited(t, func(doc map[string]any) {
			vocab := object(doc, "model", "vocab")
			vocab["QZQ"], vocab["QZQQZQQZQQZQQZQQZQ"] = 310, 311
			object(doc, "model")["ignore_merges"] = whole
			doc["added_tokens"] = append(doc["added_tokens"].([]any), map[string]any{"id": 312, "content": "é漢", "special": true})
			vocab["é漢"] = 312
		}))
		require.NoError(t, err)
		for n, id := range map[int]int32{1: 310, 6: 311} {
			ids := tok.Encode(nil, bytes.Repeat([]byte("QZQ"), n))
			require.Equal(t, whole, len(ids) == 1 && ids[0] == id)
		}
		again, err := tok.MarshalJSON()
		require.NoError(t, err)
		parsed, err := Parse(again)
		require.NoError(t, err)
		require.Equal(t, tok.Hash(), parsed.Hash())
		require.Equal(t, []int32{312}, tok.EncodeSpecial(nil, []byte("é漢")))
	}
	with, err := Parse(edited(t, func(doc map[string]any) { object(doc, "model")["ignore_merges"] = true }))
	require.NoError(t, err)
	require.NotEqual(t, small(t, CL100K).Hash(), with.Hash())
}

func TestAlphabet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		back, ok := parseDisplay(display(b))
		require.True(t, ok)
		require.Equal(t, string(b), string(back))
	})
	require.Equal(t, "Ġa!ĊĀ", display([]byte(" a!\n\x00")))
	_, ok := parseDisplay("a b")
	require.False(t, ok)
}

// FuzzParse puts its inputs around the 256 bytes that a vocabulary must have, so
// that they are short.
func FuzzParse(f *testing.F) {
	var vocab strings.Builder
	for b, id := range byteIDs {
		fmt.Fprintf(&vocab, "%s:%d,", quoted(display([]byte{byte(b)})), id)
	}
	f.Add(`"ab":256,"abc":257`, `["a","b"],"ab c"`, `{"id":258,"content":"<|bos|>","special":true}`, `"ignore_merges":false`, []byte("abcab <|bos|>"))
	f.Add(`"Ġa":257,"é":256`, ``, `{"id":256,"content":"é"},{"id":258,"content":"漢"}`, `"ignore_merges":true`, []byte(" aé漢"))
	f.Add(`"a":0`, `7`, `{"id":-1}`, `"vocab":[]`, []byte{0xff})
	f.Fuzz(func(t *testing.T, more, merges, added, model string, text []byte) {
		data := fmt.Sprintf(`{"added_tokens":[%s],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"type":"BPE","vocab":{%s%s},"merges":[%s],%s}}`,
			added, vocab.String(), more, merges, model)
		tok, err := Parse([]byte(data))
		if err != nil {
			return
		}
		require.Equal(t, string(text), string(tok.Decode(tok.Encode(nil, text))))
		again, err := tok.MarshalJSON()
		require.NoError(t, err)
		parsed, err := Parse(again)
		require.NoError(t, err)
		require.Equal(t, tok.Hash(), parsed.Hash())
		require.Equal(t, tok.Encode(nil, text), parsed.Encode(nil, text))
	})
}

// TestParseAnyBytes never panics.
func TestParseAnyBytes(t *testing.T) {
	data, err := small(t, GPT2).MarshalJSON()
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		broken := bytes.Clone(data)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			broken[rapid.IntRange(0, len(broken)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		if tok, err := Parse(broken); err == nil {
			require.Equal(t, "fn x", string(tok.Decode(tok.Encode(nil, []byte("fn x")))))
		}
	})
}
