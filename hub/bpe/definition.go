package bpe

import (
	"fmt"
	"maps"
	"slices"
)

// Definition is a tokenizer as data, for file formats beside tokenizer.json.
type Definition struct {
	Split Split
	// Tokens are the texts by id: those of Special as they are, the others in the
	// byte alphabet, a character for each byte.
	Tokens  []string
	Special map[int32]bool
	Merges  [][2]string // in the order of rank, halves in the byte alphabet
	// IgnoreMerges makes a piece that is a token that token, whatever its merges give.
	IgnoreMerges bool
}

// Definition describes t. New makes a tokenizer with the same ids of it.
func (t *Tokenizer) Definition() Definition {
	d := Definition{Split: t.split, Special: map[int32]bool{}, IgnoreMerges: t.wholeFirst}
	for _, token := range t.tokens {
		d.Tokens = append(d.Tokens, display(token))
	}
	for _, a := range t.added {
		d.Tokens[a.ID], d.Special[a.ID] = a.Content, true
	}
	for _, p := range t.merges {
		d.Merges = append(d.Merges, [2]string{d.Tokens[p.left()], d.Tokens[p.right()]})
	}
	return d
}

// New makes a tokenizer of its definition. Bytes that are no token, of which a
// vocabulary of text may lack some, get the ids behind the last: a text with such
// a byte has an id that is not below len(d.Tokens), and a model that cannot take it.
func New(d Definition) (*Tokenizer, error) {
	vocab := make(map[string]int32, len(d.Tokens))
	t := &Tokenizer{split: d.Split, merge: newMergeTable(len(d.Merges)), wholeFirst: d.IgnoreMerges}
	for i, text := range d.Tokens {
		id := int32(i)
		if other, twice := vocab[text]; twice {
			return nil, fmt.Errorf("bpe: token %q has the ids %d and %d", text, other, id)
		}
		vocab[text] = id
	}
	for _, id := range slices.Sorted(maps.Keys(d.Special)) {
		if id < 0 || int(id) >= len(d.Tokens) {
			return nil, fmt.Errorf("bpe: special token %d, want one below %d, the number of tokens", id, len(d.Tokens))
		}
		if d.Special[id] {
			t.added = append(t.added, addedToken{ID: id, Content: d.Tokens[id], Special: true})
		}
	}
	for b := range 256 {
		text := display([]byte{byte(b)})
		if _, ok := vocab[text]; !ok {
			vocab[text] = int32(len(vocab))
		}
	}
	if err := t.parseVocab(vocab); err != nil {
		return nil, err
	}
	if err := t.setMerges(vocab, d.Merges); err != nil {
		return nil, err
	}
	return t, t.finish()
}
