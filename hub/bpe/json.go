package bpe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// file is tokenizer.json as far as byte-level BPE uses it.
type file struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  *preTokenizer   `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         modelJSON       `json:"model"`
}

type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type preTokenizer struct {
	Type           string          `json:"type"`
	PreTokenizers  []*preTokenizer `json:"pretokenizers,omitempty"`
	Pattern        *patternJSON    `json:"pattern,omitempty"`
	Behavior       string          `json:"behavior,omitempty"`
	Invert         *bool           `json:"invert,omitempty"`
	AddPrefixSpace *bool           `json:"add_prefix_space,omitempty"`
	TrimOffsets    *bool           `json:"trim_offsets,omitempty"`
	UseRegex       *bool           `json:"use_regex,omitempty"`
}

type patternJSON struct {
	Regex string `json:"Regex"`
}

type modelJSON struct {
	Type                    string            `json:"type"`
	Dropout                 *float64          `json:"dropout"`
	UnkToken                *string           `json:"unk_token"`
	ContinuingSubwordPrefix *string           `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string           `json:"end_of_word_suffix"`
	FuseUnk                 bool              `json:"fuse_unk"`
	ByteFallback            bool              `json:"byte_fallback"`
	IgnoreMerges            bool              `json:"ignore_merges"`
	Vocab                   json.RawMessage   `json:"vocab"`
	Merges                  []json.RawMessage `json:"merges"`
}

const byteLevelDecoder = `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`

// MarshalJSON returns tokenizer.json, indented as Hugging Face writes it.
func (t *Tokenizer) MarshalJSON() ([]byte, error) {
	yes, no := true, false
	null := json.RawMessage("null")
	f := file{Version: "1.0", Truncation: null, Padding: null, Normalizer: null, PostProcessor: null, Decoder: json.RawMessage(byteLevelDecoder)}
	if t.split == GPT2 {
		f.PreTokenizer = &preTokenizer{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &yes}
	} else {
		f.PreTokenizer = &preTokenizer{Type: "Sequence", PreTokenizers: []*preTokenizer{
			{Type: "Split", Pattern: &patternJSON{patterns[t.split]}, Behavior: "Isolated", Invert: &no},
			{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &no},
		}}
	}
	f.AddedTokens = []addedToken{}
	for _, name := range t.names {
		f.AddedTokens = append(f.AddedTokens, addedToken{ID: t.special[name], Content: name, Special: true})
	}
	var vocab bytes.Buffer
	vocab.WriteByte('{')
	for id, token := range t.tokens {
		if token == nil || slices.Contains(t.names, string(token)) && t.special[string(token)] == int32(id) {
			continue
		}
		if vocab.Len() > 1 {
			vocab.WriteByte(',')
		}
		fmt.Fprintf(&vocab, "%s:%d", quoted(display(token)), id)
	}
	vocab.WriteByte('}')
	f.Model = modelJSON{Type: "BPE", Vocab: vocab.Bytes(), Merges: []json.RawMessage{}}
	for _, p := range t.merges {
		f.Model.Merges = append(f.Model.Merges, json.RawMessage(
			"["+quoted(display(t.tokens[p.left()]))+","+quoted(display(t.tokens[p.right()]))+"]"))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return nil, fmt.Errorf("bpe: %w", err)
	}
	return b.Bytes(), nil
}

// quoted is s as a JSON string with nothing escaped that need not be.
func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// WriteFile writes tokenizer.json whole or not at all.
func (t *Tokenizer) WriteFile(path string) error {
	data, err := t.MarshalJSON()
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return fmt.Errorf("bpe: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("bpe: %w", err)
	}
	return nil
}

// Load reads a tokenizer.json.
func Load(path string) (*Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("bpe: %w", err)
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return t, nil
}

// Parse reads the text of a tokenizer.json. What it asks for beyond byte-level
// BPE with one of our split patterns is an error that names it.
func Parse(data []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("bpe: not a tokenizer.json: %w", err)
	}
	split, err := f.check()
	if err != nil {
		return nil, err
	}
	var vocab map[string]int32
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
		return nil, fmt.Errorf("bpe: vocab: %w", err)
	}
	t := &Tokenizer{split: split, table: newTable(len(f.Model.Merges)), special: map[string]int32{}}
	limit := int32(len(vocab) + len(f.AddedTokens))
	for _, a := range f.AddedTokens {
		limit = max(limit, a.ID+1)
		if a.ID < 0 || a.ID > 1<<24 {
			return nil, fmt.Errorf("bpe: added token %q has id %d", a.Content, a.ID)
		}
	}
	t.tokens = make([][]byte, limit)
	for text, id := range vocab {
		if id < 0 || id >= limit {
			return nil, fmt.Errorf("bpe: token %q has id %d among %d tokens", text, id, limit)
		}
		if b, ok := parseDisplay(text); ok {
			t.tokens[id] = b
		} else {
			t.tokens[id] = []byte(text) // a special token that is also in the vocabulary
		}
	}
	for b := range 256 {
		id, ok := vocab[display([]byte{byte(b)})]
		if !ok {
			return nil, fmt.Errorf("bpe: the vocabulary lacks byte 0x%02x", b)
		}
		t.bytes[b] = id
	}
	if err := t.parseMerges(vocab, f.Model.Merges); err != nil {
		return nil, err
	}
	for _, a := range f.AddedTokens {
		t.addSpecial(a.Content, a.ID)
	}
	t.start()
	return t, nil
}

// check refuses what this package does not do and finds the split pattern.
func (f *file) check() (Split, error) {
	var errs []error
	refuse := func(bad bool, what string) {
		if bad {
			errs = append(errs, fmt.Errorf("bpe: %s is not supported", what))
		}
	}
	set := func(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
	m := f.Model
	refuse(m.Type != "BPE", fmt.Sprintf("model type %q", m.Type))
	refuse(set(f.Normalizer), "a normalizer")
	refuse(m.Dropout != nil && *m.Dropout != 0, "dropout")
	refuse(m.UnkToken != nil, "an unknown token")
	refuse(m.ByteFallback, "byte_fallback")
	refuse(m.ContinuingSubwordPrefix != nil && *m.ContinuingSubwordPrefix != "", "continuing_subword_prefix")
	refuse(m.EndOfWordSuffix != nil && *m.EndOfWordSuffix != "", "end_of_word_suffix")
	for _, a := range f.AddedTokens {
		refuse(a.SingleWord || a.LStrip || a.RStrip, fmt.Sprintf("added token %q with single_word, lstrip or rstrip", a.Content))
	}
	split, err := f.PreTokenizer.split()
	return split, errors.Join(append(errs, err)...)
}

// split finds which of our patterns a pre-tokenizer means.
func (p *preTokenizer) split() (Split, error) {
	on := func(b *bool) bool { return b == nil || *b }
	switch {
	case p == nil:
		return "", errors.New("bpe: no pre_tokenizer: a split pattern is needed")
	case p.Type == "ByteLevel" && on(p.UseRegex) && p.AddPrefixSpace != nil && !*p.AddPrefixSpace:
		return GPT2, nil
	case p.Type == "Sequence" && len(p.PreTokenizers) == 2 && p.PreTokenizers[0].Pattern != nil && p.PreTokenizers[1].Type == "ByteLevel":
		first, second := p.PreTokenizers[0], p.PreTokenizers[1]
		if first.Behavior != "Isolated" || first.Invert != nil && *first.Invert || on(second.UseRegex) || on(second.AddPrefixSpace) {
			break
		}
		for _, s := range []Split{GPT2, CL100K, Llama3} {
			if first.Pattern.Regex == patterns[s] {
				return s, nil
			}
		}
		return "", fmt.Errorf("bpe: split pattern %q is not supported", first.Pattern.Regex)
	}
	return "", fmt.Errorf("bpe: pre_tokenizer %q with these settings is not supported", p.Type)
}

// parseMerges reads merges written as ["a","b"] or "a b".
func (t *Tokenizer) parseMerges(vocab map[string]int32, raw []json.RawMessage) error {
	for rank, r := range raw {
		var halves []string
		if json.Unmarshal(r, &halves) != nil {
			var line string
			if err := json.Unmarshal(r, &line); err != nil {
				return fmt.Errorf("bpe: merge %d is neither a pair nor a line: %s", rank, r)
			}
			halves = strings.Split(line, " ")
		}
		if len(halves) != 2 {
			return fmt.Errorf("bpe: merge %d is %s, want two tokens", rank, r)
		}
		left, okLeft := vocab[halves[0]]
		right, okRight := vocab[halves[1]]
		id, ok := vocab[halves[0]+halves[1]]
		if !okLeft || !okRight || !ok {
			return fmt.Errorf("bpe: merge %d of %q and %q uses or makes a token that is not in the vocabulary", rank, halves[0], halves[1])
		}
		p := pairOf(left, right)
		t.merges = append(t.merges, p)
		t.table.put(p, merged{rank: int32(rank), id: id})
	}
	return nil
}
