package corpus

import "math/bits"

// hashSet is a set of uniformly distributed 64-bit hashes in 10 to 16 bytes
// each: open addressing with linear probing, at most 4/5 full, growing by half.
// A hash's place is its fraction of 2⁶⁴ in the table, so that no power of two
// is needed. It is split so that growing copies a little at a time.
type hashSet struct {
	parts [256]hashTable // by the first eight bits
	zero  bool           // 0 marks an empty slot and is kept here
}

type hashTable struct {
	slots []uint64
	n     int
}

// add reports whether h was not in the set, and puts it there.
func (s *hashSet) add(h uint64) bool {
	if h == 0 {
		added := !s.zero
		s.zero = true
		return added
	}
	t := &s.parts[h>>56]
	if t.n+1 > len(t.slots)/5*4 {
		t.grow()
	}
	if i := t.find(h); t.slots[i] == 0 {
		t.slots[i] = h
		t.n++
		return true
	}
	return false
}

// find is the slot that holds h, or the empty one where it belongs.
func (t *hashTable) find(h uint64) int {
	at, _ := bits.Mul64(h<<8, uint64(len(t.slots)))
	i := int(at)
	for t.slots[i] != h && t.slots[i] != 0 {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	return i
}

func (t *hashTable) grow() {
	old := t.slots
	t.slots = make([]uint64, max(10, len(old)+len(old)/2))
	for _, h := range old {
		if h != 0 {
			t.slots[t.find(h)] = h
		}
	}
}
