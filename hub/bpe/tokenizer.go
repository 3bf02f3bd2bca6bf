package bpe

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"unicode/utf8"
)

// Tokenizer turns text into ids and back. It is immutable and safe for
// concurrent use.
type Tokenizer struct {
	split  Split
	next   func(text []byte, i int) int // the splitter
	bytes  [256]int32                   // the id of each byte
	merges []pair                       // in the order of rank
	merge  mergeTable
	tokens [][]byte // by id
	vocab  []string // by id, in the byte alphabet; "" for what is only a special token

	// wholeFirst makes a piece that is a token that token, whatever the merges
	// give (ignore_merges in tokenizer.json).
	wholeFirst bool
	words      wordTable        // the pieces of up to maxKey bytes that are one token
	long       map[string]int32 // the longer ones
	longest    int              // length of the longest of them

	special map[string]int32
	added   []addedToken  // the special tokens by rising id
	byFirst [256][]string // special tokens by first byte, the longest first
	post    json.RawMessage

	pool sync.Pool
}

// newTokenizer numbers bytes, merges and special tokens in this order.
func newTokenizer(split Split, ids *[256]int32, merges []pair, special []string) (*Tokenizer, error) {
	t := &Tokenizer{split: split, bytes: *ids, merges: merges, merge: newMergeTable(len(merges))}
	t.tokens = make([][]byte, 256, 256+len(merges)+len(special))
	for b, id := range ids {
		t.tokens[id] = []byte{byte(b)}
	}
	for rank, p := range merges {
		id := int32(256 + rank)
		t.merge.put(p, merged{rank: int32(rank), id: id})
		t.tokens = append(t.tokens, slices.Concat(t.tokens[p.left()], t.tokens[p.right()]))
	}
	for _, token := range t.tokens {
		t.vocab = append(t.vocab, display(token))
	}
	for i, name := range special {
		t.added = append(t.added, addedToken{ID: int32(256 + len(merges) + i), Content: name, Special: true})
	}
	return t, t.finish()
}

// finish makes what follows from the other fields.
func (t *Tokenizer) finish() error {
	next, err := t.split.splitter()
	if err != nil {
		return err
	}
	t.next = next
	t.pool.New = func() any { return newEncoder(t) }
	t.learnWords()
	t.special = map[string]int32{}
	slices.SortFunc(t.added, func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range t.added {
		if _, twice := t.special[a.Content]; twice || a.Content == "" {
			return fmt.Errorf("bpe: special token %q is empty or listed twice", a.Content)
		}
		for int(a.ID) >= len(t.tokens) {
			t.tokens = append(t.tokens, nil)
		}
		if there := t.tokens[a.ID]; there != nil && string(there) != a.Content {
			return fmt.Errorf("bpe: special token %q has the id %d of %q", a.Content, a.ID, there)
		}
		t.tokens[a.ID] = []byte(a.Content)
		t.special[a.Content] = a.ID
		list := &t.byFirst[a.Content[0]]
		*list = append(*list, a.Content)
		slices.SortFunc(*list, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	}
	return nil
}

// learnWords notes the tokens that a piece of the same bytes is encoded as.
func (t *Tokenizer) learnWords() {
	t.words, t.long = newWordTable(len(t.tokens)), map[string]int32{}
	e := newEncoder(t)
	var ids []int32
	for i, token := range t.tokens {
		id := int32(i)
		if len(token) < 2 {
			continue
		}
		if !t.wholeFirst {
			if ids = e.merge(ids[:0], token); len(ids) != 1 || ids[0] != id {
				continue
			}
		}
		if len(token) > maxKey {
			t.long[string(token)] = id
			t.longest = max(t.longest, len(token))
		} else {
			t.words.put(keyOf(token, 0, len(token)), id)
		}
	}
}

// VocabSize is the number of ids, special tokens included.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// Split is the pattern that cuts texts into pieces.
func (t *Tokenizer) Split() Split { return t.split }

// Pieces yields the pieces of text in order; joined they are the text.
func (t *Tokenizer) Pieces(text []byte) iter.Seq[[]byte] {
	return func(yield func(piece []byte) bool) {
		for i := 0; i < len(text); {
			end := t.next(text, i)
			if !yield(text[i:end:end]) {
				return
			}
			i = end
		}
	}
}

// ID returns the id of a special token.
func (t *Tokenizer) ID(special string) (id int32, ok bool) {
	id, ok = t.special[special]
	return id, ok
}

// Special lists the special tokens by rising id.
func (t *Tokenizer) Special() []string {
	names := make([]string, len(t.added))
	for i, a := range t.added {
		names[i] = a.Content
	}
	return names
}

// Token returns the bytes of an id, nil if there is no such id. They must not be
// changed.
func (t *Tokenizer) Token(id int32) []byte {
	if id < 0 || int(id) >= len(t.tokens) {
		return nil
	}
	return t.tokens[id]
}

// Merges lists the merges in order, each as the bytes of its two halves.
func (t *Tokenizer) Merges() [][2][]byte {
	out := make([][2][]byte, len(t.merges))
	for i, p := range t.merges {
		out[i] = [2][]byte{t.tokens[p.left()], t.tokens[p.right()]}
	}
	return out
}

// Decode returns the bytes of the ids; special tokens yield their names and
// unknown ids nothing.
func (t *Tokenizer) Decode(ids []int32) []byte {
	var b []byte
	for _, id := range ids {
		b = append(b, t.Token(id)...)
	}
	return b
}

// Hash identifies the tokenizer: equal hashes mean equal ids for every text.
func (t *Tokenizer) Hash() [32]byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", t.split)
	if t.wholeFirst {
		b.WriteString("ignore_merges\n")
	}
	for id, token := range t.tokens {
		fmt.Fprintf(&b, "%d %x\n", id, token)
	}
	for _, p := range t.merges {
		fmt.Fprintf(&b, "%d %d\n", p.left(), p.right())
	}
	fmt.Fprintf(&b, "%q\n", t.Special())
	return sha256.Sum256(b.Bytes())
}

// Stream decodes ids one at a time and holds back the start of a character
// that is not complete yet.
type Stream struct {
	t       *Tokenizer
	pending []byte
}

// Stream returns an empty stream.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Next adds an id and returns the text that is complete by now. Bytes that no
// later byte can complete are returned as they are.
func (s *Stream) Next(id int32) []byte {
	s.pending = append(s.pending, s.t.Token(id)...)
	keep := 0
	for n := 1; n <= min(utf8.UTFMax-1, len(s.pending)); n++ {
		tail := s.pending[len(s.pending)-n:]
		if utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				keep = n
			}
			break
		}
	}
	out := bytes.Clone(s.pending[:len(s.pending)-keep])
	s.pending = append(s.pending[:0], s.pending[len(s.pending)-keep:]...)
	return out
}

// Flush returns what is still held back.
func (s *Stream) Flush() []byte {
	out := bytes.Clone(s.pending)
	s.pending = s.pending[:0]
	return out
}
