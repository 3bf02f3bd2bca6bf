package bpe

import (
	"encoding/binary"
	"math/bits"
)

// pair is two adjacent ids, left in the upper half.
type pair uint64

func pairOf(left, right int32) pair { return pair(uint64(uint32(left))<<32 | uint64(uint32(right))) }

func (p pair) left() int32  { return int32(p >> 32) }
func (p pair) right() int32 { return int32(uint32(p)) }

// noPair marks a free slot; no merge has these ids.
const noPair = ^pair(0)

// slot is where the search for the pair begins in a table of 1<<(64-shift).
func (p pair) slot(shift int) int { return int(uint64(p) * 0x9e3779b97f4a7c15 >> shift) }

// merged is what a pair merges to.
type merged struct {
	rank int32
	id   int32
}

// noRank is the rank of a pair that has no merge.
const noRank = int32(1<<31 - 1)

// mergeTable maps pairs to merges: open addressing over a power of two, at most
// half full.
type mergeTable struct {
	slots []mergeSlot
	shift int
}

type mergeSlot struct {
	pair pair
	merged
}

func newMergeTable(n int) mergeTable {
	size := bits.Len(uint(2*n + 1))
	t := mergeTable{slots: make([]mergeSlot, 1<<size), shift: 64 - size}
	for i := range t.slots {
		t.slots[i].pair = noPair
	}
	return t
}

func (t *mergeTable) put(p pair, m merged) {
	i := p.slot(t.shift)
	for t.slots[i].pair != p && t.slots[i].pair != noPair {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = mergeSlot{p, m}
}

// get returns the merge of a pair, rank noRank if there is none.
func (t *mergeTable) get(left, right int32) merged {
	p := pairOf(left, right)
	for i := p.slot(t.shift); ; i = (i + 1) & (len(t.slots) - 1) {
		switch s := &t.slots[i]; s.pair {
		case p:
			return s.merged
		case noPair:
			return merged{rank: noRank}
		}
	}
}

// maxKey is the length of the longest piece that is a key.
const maxKey = 15

// key is a piece of 1 to maxKey bytes: the bytes in order, zeros, and in the
// last byte the length. The zero key is no piece.
type key struct{ low, high uint64 }

// masks keep the first bytes of two words, by their number.
var masks = func() (m [maxKey + 1]key) {
	for n := range m {
		m[n].low = 1<<(8*min(n, 8)) - 1
		m[n].high = 1<<(8*max(n-8, 0)) - 1
	}
	return m
}()

// keyOf is the key of the n bytes of text from i on.
func keyOf(text []byte, i, n int) key {
	if i+16 > len(text) {
		var b [16]byte
		copy(b[:], text[i:i+n])
		return key{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]) | uint64(n)<<56}
	}
	b, m := text[i:i+16], &masks[n&maxKey]
	return key{binary.LittleEndian.Uint64(b) & m.low, binary.LittleEndian.Uint64(b[8:])&m.high | uint64(n)<<56}
}

// append appends the piece to b.
func (k key) append(b []byte) []byte {
	n := int(k.high >> 56)
	b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, k.low), k.high)
	return b[:len(b)-16+n]
}

// hash folds the 128-bit product of the two halves, each made odd by a constant.
func (k key) hash() uint64 {
	high, low := bits.Mul64(k.low^0xa0761d6478bd642f, k.high^0xe7037ed1a0b428db)
	return high ^ low
}

// wordTable maps short pieces to the one id that they are encoded as: open
// addressing over a power of two, at most half full.
type wordTable struct {
	slots []wordSlot
}

type wordSlot struct {
	key key
	id  int32
}

func newWordTable(n int) wordTable {
	return wordTable{slots: make([]wordSlot, 1<<bits.Len(uint(2*n+1)))}
}

func (t *wordTable) put(k key, id int32) {
	i := int(k.hash()) & (len(t.slots) - 1)
	for t.slots[i].key != k && t.slots[i].key != (key{}) {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = wordSlot{k, id}
}

// get returns the id of the piece whose key has the given hash, -1 if it is not
// in the table.
func (t *wordTable) get(k key, hash uint64) int32 {
	for i := int(hash) & (len(t.slots) - 1); ; i = (i + 1) & (len(t.slots) - 1) {
		switch s := &t.slots[i]; s.key {
		case k:
			return s.id
		case key{}:
			return -1
		}
	}
}
