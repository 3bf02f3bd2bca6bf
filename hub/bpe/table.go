package bpe

import "math/bits"

// table maps a pair of ids to the id that it merges to and the rank of that
// merge: open addressing over a power of two, at most a quarter full.
type table struct {
	keys  []pair
	vals  []merged
	shift int
}

type merged struct {
	rank int32
	id   int32
}

// noPair marks a free slot; no merge has these ids.
const noPair = ^pair(0)

func newTable(n int) table {
	size := bits.Len(uint(4*n + 3))
	t := table{keys: make([]pair, 1<<size), vals: make([]merged, 1<<size), shift: 64 - size}
	for i := range t.keys {
		t.keys[i] = noPair
	}
	return t
}

func (t *table) slot(p pair) int {
	i := int(uint64(p) * 0x9e3779b97f4a7c15 >> t.shift)
	for t.keys[i] != p && t.keys[i] != noPair {
		i = (i + 1) & (len(t.keys) - 1)
	}
	return i
}

func (t *table) put(p pair, m merged) {
	i := t.slot(p)
	t.keys[i], t.vals[i] = p, m
}

// get returns the merge of a pair, rank noRank if there is none.
func (t *table) get(left, right int32) merged {
	p := pairOf(left, right)
	if i := t.slot(p); t.keys[i] == p {
		return t.vals[i]
	}
	return merged{rank: noRank}
}

const noRank = int32(1<<31 - 1)
