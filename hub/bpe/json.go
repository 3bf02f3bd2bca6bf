package bpe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/hub/internal/disk"
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

// MarshalJSON returns tokenizer.json, indented as Hugging Face writes it. What
// Parse read is written again, a post_processor included.
func (t *Tokenizer) MarshalJSON() ([]byte, error) {
	yes, no := true, false
	null := json.RawMessage("null")
	f := file{Version: "1.0", Truncation: null, Padding: null, Normalizer: null, PostProcessor: null, Decoder: json.RawMessage(byteLevelDecoder)}
	if t.post != nil {
		f.PostProcessor = t.post
	}
	if t.split == GPT2 {
		f.PreTokenizer = &preTokenizer{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &yes}
	} else {
		f.PreTokenizer = &preTokenizer{Type: "Sequence", PreTokenizers: []*preTokenizer{
			{Type: "Split", Pattern: &patternJSON{t.split.Expression()}, Behavior: "Isolated", Invert: &no},
			{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &no},
		}}
	}
	f.AddedTokens = append([]addedToken{}, t.added...)
	f.Model = modelJSON{Type: "BPE", IgnoreMerges: t.wholeFirst, Merges: []json.RawMessage{}}
	vocab := []byte{'{'}
	for id, text := range t.vocab {
		if text != "" {
			vocab = fmt.Appendf(vocab, "%s:%d,", quoted(text), id)
		}
	}
	vocab[len(vocab)-1] = '}' // there are at least the 256 bytes
	f.Model.Vocab = vocab
	for _, p := range t.merges {
		f.Model.Merges = append(f.Model.Merges, fmt.Appendf(nil, "[%s,%s]", quoted(t.vocab[p.left()]), quoted(t.vocab[p.right()])))
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
	err = disk.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("bpe: %w", err)
	}
	return nil
}

// Load reads a tokenizer.json, see Parse.
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
// BPE is an error that names it, with one exception: a post_processor, which may
// add special tokens around a text there, is kept for MarshalJSON and not applied.
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
	t := &Tokenizer{split: split, merge: newMergeTable(len(f.Model.Merges)), wholeFirst: f.Model.IgnoreMerges, added: f.AddedTokens}
	if set(f.PostProcessor) {
		t.post = f.PostProcessor
	}
	if err := t.parseVocab(vocab); err != nil {
		return nil, err
	}
	merges, err := parseMerges(f.Model.Merges)
	if err != nil {
		return nil, err
	}
	if err := t.setMerges(vocab, merges); err != nil {
		return nil, err
	}
	return t, t.finish()
}

// set says whether an optional field is there.
func set(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// check refuses what this package does not do and finds the split pattern.
func (f *file) check() (Split, error) {
	var refused []string
	refuse := func(bad bool, what string, args ...any) {
		if bad {
			refused = append(refused, fmt.Sprintf(what, args...))
		}
	}
	m := f.Model
	refuse(m.Type != "BPE", "model type %q", m.Type)
	refuse(set(f.Normalizer), "a normalizer")
	refuse(set(f.Truncation), "truncation")
	refuse(set(f.Padding), "padding")
	refuse(m.Dropout != nil && *m.Dropout != 0, "dropout")
	refuse(m.UnkToken != nil, "an unknown token")
	refuse(m.ByteFallback, "byte_fallback")
	refuse(m.ContinuingSubwordPrefix != nil && *m.ContinuingSubwordPrefix != "", "continuing_subword_prefix")
	refuse(m.EndOfWordSuffix != nil && *m.EndOfWordSuffix != "", "end_of_word_suffix")
	if set(f.Decoder) {
		var decoder struct{ Type string }
		err := json.Unmarshal(f.Decoder, &decoder)
		refuse(err != nil || decoder.Type != "ByteLevel", "decoder %q", decoder.Type)
	}
	for _, a := range f.AddedTokens {
		refuse(a.SingleWord || a.LStrip || a.RStrip, "added token %q with single_word, lstrip or rstrip", a.Content)
	}
	if refused != nil {
		return "", fmt.Errorf("bpe: not supported: %s", strings.Join(refused, "; "))
	}
	return f.PreTokenizer.split()
}

// split finds which split a pre-tokenizer means.
func (p *preTokenizer) split() (Split, error) {
	on := func(b *bool) bool { return b == nil || *b }
	switch {
	case p == nil:
		return "", errors.New("bpe: no pre_tokenizer: a split pattern is needed")
	case p.Type == "ByteLevel" && on(p.UseRegex) && !on(p.AddPrefixSpace):
		return GPT2, nil
	case p.Type == "Sequence" && len(p.PreTokenizers) == 2 && p.PreTokenizers[0] != nil && p.PreTokenizers[1] != nil:
		first, second := p.PreTokenizers[0], p.PreTokenizers[1]
		if first.Type != "Split" || first.Pattern == nil || first.Behavior != "Isolated" || first.Invert != nil && *first.Invert ||
			second.Type != "ByteLevel" || on(second.UseRegex) || on(second.AddPrefixSpace) {
			break
		}
		return Regex(first.Pattern.Regex), nil
	}
	return "", fmt.Errorf("bpe: not supported: pre_tokenizer %q with these settings, want ByteLevel or a Split by Regex, isolated, before ByteLevel", p.Type)
}

// parseVocab sets the tokens of the vocabulary by id, nil for an added token
// that is there too and is not the bytes that its characters stand for.
func (t *Tokenizer) parseVocab(vocab map[string]int32) error {
	limit, last := int32(len(vocab)+len(t.added)), int32(-1)
	added := map[string]bool{}
	for _, a := range t.added {
		if a.ID < 0 || a.ID >= limit {
			return fmt.Errorf("bpe: added token %q has id %d, want one below %d, the number of tokens", a.Content, a.ID, limit)
		}
		if id, ok := vocab[a.Content]; ok && id != a.ID {
			return fmt.Errorf("bpe: added token %q has the ids %d and %d", a.Content, a.ID, id)
		}
		added[a.Content], last = true, max(last, a.ID)
	}
	t.tokens, t.vocab = make([][]byte, limit), make([]string, limit)
	for _, text := range slices.Sorted(maps.Keys(vocab)) {
		id := vocab[text]
		if id < 0 || id >= limit || text == "" {
			return fmt.Errorf("bpe: token %q has id %d, want text and an id below %d, the number of tokens", text, id, limit)
		}
		if t.vocab[id] != "" {
			return fmt.Errorf("bpe: tokens %q and %q have the same id %d", t.vocab[id], text, id)
		}
		b, ok := parseDisplay(text)
		if !ok && !added[text] {
			return fmt.Errorf("bpe: token %q has characters that stand for no byte", text)
		}
		if t.vocab[id] = text; !added[text] || string(b) == text {
			t.tokens[id] = b
		}
		last = max(last, id)
	}
	t.tokens, t.vocab = t.tokens[:last+1], t.vocab[:last+1]
	for b := range 256 {
		id, ok := vocab[display([]byte{byte(b)})]
		if !ok || t.tokens[id] == nil {
			return fmt.Errorf("bpe: the vocabulary lacks byte 0x%02x", b)
		}
		t.bytes[b] = id
	}
	return nil
}

// parseMerges reads merges written as ["a","b"] or "a b".
func parseMerges(raw []json.RawMessage) ([][2]string, error) {
	merges := make([][2]string, len(raw))
	for rank, r := range raw {
		var halves []string
		if json.Unmarshal(r, &halves) != nil {
			var line string
			if err := json.Unmarshal(r, &line); err != nil {
				return nil, fmt.Errorf("bpe: merge %d is neither a pair nor a line: %s", rank, r)
			}
			halves = strings.Split(line, " ")
		}
		if len(halves) != 2 {
			return nil, fmt.Errorf("bpe: merge %d is %s, want two tokens", rank, r)
		}
		merges[rank] = [2]string(halves)
	}
	return merges, nil
}

// setMerges sets the merges, whose halves are tokens of the vocabulary.
func (t *Tokenizer) setMerges(vocab map[string]int32, merges [][2]string) error {
	for rank, m := range merges {
		left, okLeft := vocab[m[0]]
		right, okRight := vocab[m[1]]
		id, ok := vocab[m[0]+m[1]]
		if !okLeft || !okRight || !ok || t.tokens[left] == nil || t.tokens[right] == nil || t.tokens[id] == nil {
			return fmt.Errorf("bpe: merge %d of %q and %q uses or makes a token that is not in the vocabulary", rank, m[0], m[1])
		}
		p := pairOf(left, right)
		t.merges = append(t.merges, p)
		t.merge.put(p, merged{rank: int32(rank), id: id})
	}
	return nil
}
