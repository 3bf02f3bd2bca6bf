package bpe

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"
)

// Tokenizer turns text into ids and back. It is immutable and safe for
// concurrent use.
type Tokenizer struct {
	split   Split
	bytes   [256]int32 // the id of each byte
	merges  []pair     // in the order of rank
	table   table
	tokens  [][]byte // by id
	special map[string]int32
	names   []string // special tokens by rising id
	pool    sync.Pool
}

// newTokenizer numbers bytes, merges and special tokens in this order.
func newTokenizer(split Split, ids *[256]int32, merges []pair, special []string) (*Tokenizer, error) {
	t := &Tokenizer{split: split, bytes: *ids, merges: merges, table: newTable(len(merges)), special: map[string]int32{}}
	t.tokens = make([][]byte, 256, 256+len(merges)+len(special))
	for b, id := range ids {
		t.tokens[id] = []byte{byte(b)}
	}
	for rank, p := range merges {
		id := int32(256 + rank)
		t.table.put(p, merged{rank: int32(rank), id: id})
		t.tokens = append(t.tokens, slices.Concat(t.tokens[p.left()], t.tokens[p.right()]))
	}
	for _, name := range special {
		if _, twice := t.special[name]; twice || name == "" {
			return nil, fmt.Errorf("bpe: special token %q is empty or listed twice", name)
		}
		t.addSpecial(name, int32(len(t.tokens)))
	}
	t.start()
	return t, nil
}

func (t *Tokenizer) addSpecial(name string, id int32) {
	for int(id) >= len(t.tokens) {
		t.tokens = append(t.tokens, nil)
	}
	t.tokens[id] = []byte(name)
	t.special[name] = id
	t.names = append(t.names, name)
	slices.SortFunc(t.names, func(a, b string) int { return int(t.special[a] - t.special[b]) })
}

func (t *Tokenizer) start() {
	t.pool.New = func() any { return &encoder{t: t, cache: map[string][]int32{}} }
}

// VocabSize is the number of ids, special tokens included.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// Split is the pattern that cuts texts into pieces.
func (t *Tokenizer) Split() Split { return t.split }

// ID returns the id of a special token.
func (t *Tokenizer) ID(special string) (id int32, ok bool) {
	id, ok = t.special[special]
	return id, ok
}

// Special lists the special tokens by rising id.
func (t *Tokenizer) Special() []string { return slices.Clone(t.names) }

// Token returns the bytes of an id, nil if there is no such id.
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
	for id, token := range t.tokens {
		fmt.Fprintf(&b, "%d %x\n", id, token)
	}
	for _, p := range t.merges {
		fmt.Fprintf(&b, "%d %d\n", p.left(), p.right())
	}
	fmt.Fprintf(&b, "%q\n", t.names)
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
