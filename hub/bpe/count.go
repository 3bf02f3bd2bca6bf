package bpe

import (
	"iter"
	"math/bits"
	"runtime"
	"sync"
)

// counter counts distinct pieces: short ones by key in a table with open
// addressing that is at most half full, longer ones in a map.
type counter struct {
	slots []countSlot
	used  int
	long  map[string]*int64
}

type countSlot struct {
	key key
	n   int64
}

func newCounter() *counter {
	return &counter{slots: make([]countSlot, 1<<12), long: map[string]*int64{}}
}

// add counts the pieces of text.
func (c *counter) add(text []byte, next func([]byte, int) int) {
	for i := 0; i < len(text); {
		end := next(text, i)
		if n := end - i; n <= maxKey {
			c.addKey(keyOf(text, i, n), 1)
		} else {
			c.addLong(text[i:end], 1)
		}
		i = end
	}
}

func (c *counter) addKey(k key, n int64) {
	i := int(k.hash()) & (len(c.slots) - 1)
	for c.slots[i].key != k {
		if c.slots[i].key == (key{}) {
			c.slots[i].key = k
			c.slots[i].n = n
			if c.used++; 2*c.used > len(c.slots) {
				c.grow()
			}
			return
		}
		i = (i + 1) & (len(c.slots) - 1)
	}
	c.slots[i].n += n
}

func (c *counter) grow() {
	old := c.slots
	c.slots, c.used = make([]countSlot, 2*len(old)), 0
	for _, s := range old {
		if s.n > 0 {
			c.addKey(s.key, s.n)
		}
	}
}

func (c *counter) addLong(piece []byte, n int64) {
	if p := c.long[string(piece)]; p != nil {
		*p += n
	} else {
		c.long[string(piece)] = &n
	}
}

// merge adds the counts of o.
func (c *counter) merge(o *counter) {
	for _, s := range o.slots {
		if s.n > 0 {
			c.addKey(s.key, s.n)
		}
	}
	for piece, n := range o.long {
		c.addLong([]byte(piece), *n)
	}
}

// size is the number of distinct pieces and of their bytes.
func (c *counter) size() (pieces, bytes int) {
	for piece := range c.all() {
		bytes += len(piece)
	}
	return c.used + len(c.long), bytes
}

// all yields each piece with its count, in no particular order. The piece is
// good until the next one.
func (c *counter) all() iter.Seq2[[]byte, int64] {
	return func(yield func([]byte, int64) bool) {
		var piece []byte
		for _, s := range c.slots {
			if s.n == 0 {
				continue
			}
			if piece = s.key.append(piece[:0]); !yield(piece, s.n) {
				return
			}
		}
		for text, n := range c.long {
			if piece = append(piece[:0], text...); !yield(piece, *n) {
				return
			}
		}
	}
}

// countPieces counts the distinct pieces of the documents.
func countPieces(docs iter.Seq[[]byte], cfg Config, next func([]byte, int) int) *counter {
	threads := cfg.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	work := make(chan []byte, 2*threads)
	counters := make([]*counter, threads)
	var wg sync.WaitGroup
	for i := range counters {
		counters[i] = newCounter()
		wg.Go(func() {
			for part := range work {
				counters[i].add(part, next)
			}
		})
	}
	for doc := range docs {
		cfg.Split.parts(doc, partBytes, func(part []byte) { work <- part })
	}
	close(work)
	wg.Wait()
	for _, c := range counters[1:] {
		counters[0].merge(c)
	}
	return counters[0]
}

// pairTable numbers pairs in the order in which they are first seen: open
// addressing, at most half full.
type pairTable struct {
	slots []pairSlot
	used  int
	shift int
}

type pairSlot struct {
	pair   pair
	number int32
}

func newPairTable(size int) pairTable {
	log := bits.Len(uint(size))
	t := pairTable{slots: make([]pairSlot, 1<<log), shift: 64 - log}
	for i := range t.slots {
		t.slots[i].pair = noPair
	}
	return t
}

// find returns the number of p, -1 if it has none.
func (t *pairTable) find(p pair) int32 {
	for i := p.slot(t.shift); ; i = (i + 1) & (len(t.slots) - 1) {
		switch s := &t.slots[i]; s.pair {
		case p:
			return s.number
		case noPair:
			return -1
		}
	}
}

// number returns the number of p, the next one if it is new.
func (t *pairTable) number(p pair) int32 {
	if 2*(t.used+1) > len(t.slots) {
		old := t.slots
		*t = newPairTable(2*len(old) - 1)
		for _, s := range old {
			if s.pair != noPair {
				*t.place(s.pair) = s
				t.used++
			}
		}
	}
	s := t.place(p)
	if s.pair == noPair {
		*s = pairSlot{p, int32(t.used)}
		t.used++
	}
	return s.number
}

// place returns the slot of p, a free one if it has none yet.
func (t *pairTable) place(p pair) *pairSlot {
	i := p.slot(t.shift)
	for t.slots[i].pair != p && t.slots[i].pair != noPair {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return &t.slots[i]
}
