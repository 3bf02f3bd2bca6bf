package bpe

import (
	"bytes"
	"container/heap"
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	maxCached   = 1 << 17 // pieces that an encoder remembers
	cachedBytes = 64      // longest piece that it remembers
	longPiece   = 256     // above it merging uses a heap
)

// encoder holds one goroutine's scratch space and its cache of pieces.
type encoder struct {
	t     *Tokenizer
	cache map[string][]int32
	arena []int32
	ids   []int32
	ranks []merged
}

// Encode appends the ids of text to dst. Special tokens in it are text like
// any other. It may be called concurrently.
func (t *Tokenizer) Encode(dst []int32, text []byte) []int32 {
	e := t.pool.Get().(*encoder)
	defer t.pool.Put(e)
	return e.encode(dst, text)
}

// EncodeSpecial is Encode with special tokens recognised in text.
func (t *Tokenizer) EncodeSpecial(dst []int32, text []byte) []int32 {
	e := t.pool.Get().(*encoder)
	defer t.pool.Put(e)
	for len(text) > 0 {
		at, token, id := len(text), "", int32(-1)
		for name, i := range t.special {
			k := bytes.Index(text, []byte(name))
			if k >= 0 && (k < at || k == at && len(name) > len(token)) {
				at, token, id = k, name, i
			}
		}
		dst = e.encode(dst, text[:at])
		if id >= 0 {
			dst = append(dst, id)
		}
		text = text[at+len(token):]
	}
	return dst
}

// EncodeBatch encodes each text as Encode does, on the given number of threads
// (0: GOMAXPROCS).
func (t *Tokenizer) EncodeBatch(texts [][]byte, threads int) [][]int32 {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	out := make([][]int32, len(texts))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, len(texts)) {
		wg.Go(func() {
			e := t.pool.Get().(*encoder)
			defer t.pool.Put(e)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(texts) {
					return
				}
				out[i] = e.encode(make([]int32, 0, len(texts[i])/3+1), texts[i])
			}
		})
	}
	wg.Wait()
	return out
}

func (e *encoder) encode(dst []int32, text []byte) []int32 {
	split := e.t.split
	for i := 0; i < len(text); {
		end := split.next(text, i)
		dst = e.piece(dst, text[i:end])
		i = end
	}
	return dst
}

// piece appends the ids of one piece.
func (e *encoder) piece(dst []int32, piece []byte) []int32 {
	if len(piece) == 1 {
		return append(dst, e.t.bytes[piece[0]])
	}
	if ids, ok := e.cache[string(piece)]; ok {
		return append(dst, ids...)
	}
	start := len(dst)
	dst = e.merge(dst, piece)
	if len(piece) <= cachedBytes && len(e.cache) < maxCached {
		ids := dst[start:]
		if cap(e.arena)-len(e.arena) < len(ids) {
			e.arena = make([]int32, 0, max(1<<14, len(ids)))
		}
		at := len(e.arena)
		e.arena = append(e.arena, ids...)
		e.cache[string(piece)] = e.arena[at:len(e.arena):len(e.arena)]
	}
	return dst
}

// merge appends the ids of a piece, merging the pair with the lowest rank, the
// leftmost among equals, until none is left.
func (e *encoder) merge(dst []int32, piece []byte) []int32 {
	if len(piece) > longPiece {
		return e.mergeLong(dst, piece)
	}
	ids, ranks := e.ids[:0], e.ranks[:0]
	for _, b := range piece {
		ids = append(ids, e.t.bytes[b])
	}
	for i := 1; i < len(ids); i++ {
		ranks = append(ranks, e.t.table.get(ids[i-1], ids[i]))
	}
	for len(ranks) > 0 {
		best := 0
		for i := range ranks {
			if ranks[i].rank < ranks[best].rank {
				best = i
			}
		}
		if ranks[best].rank == noRank {
			break
		}
		ids[best] = ranks[best].id
		ids = append(ids[:best+1], ids[best+2:]...)
		ranks = append(ranks[:best], ranks[best+1:]...)
		if best > 0 {
			ranks[best-1] = e.t.table.get(ids[best-1], ids[best])
		}
		if best < len(ranks) {
			ranks[best] = e.t.table.get(ids[best], ids[best+1])
		}
	}
	e.ids, e.ranks = ids, ranks
	return append(dst, ids...)
}

// site is a possible merge of the pair that starts at node at.
type site struct {
	merged
	at          int32
	left, right int32 // the ids it was queued for
}

type sites []site

func (s sites) Len() int { return len(s) }
func (s sites) Less(i, j int) bool {
	if s[i].rank != s[j].rank {
		return s[i].rank < s[j].rank
	}
	return s[i].at < s[j].at
}
func (s sites) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *sites) Push(x any)   { *s = append(*s, x.(site)) }
func (s *sites) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}

// mergeLong is merge for a piece of n bytes in n·log n steps: the ids are a
// linked list and the possible merges a heap.
func (e *encoder) mergeLong(dst []int32, piece []byte) []int32 {
	n := int32(len(piece))
	ids, next, prev := make([]int32, n), make([]int32, n), make([]int32, n)
	var queue sites
	offer := func(at int32) {
		if at < 0 || next[at] >= n {
			return
		}
		left, right := ids[at], ids[next[at]]
		if m := e.t.table.get(left, right); m.rank != noRank {
			queue = append(queue, site{m, at, left, right})
		}
	}
	for i, b := range piece {
		ids[i], next[i], prev[i] = e.t.bytes[b], int32(i)+1, int32(i)-1
	}
	for i := range n {
		offer(i)
	}
	heap.Init(&queue)
	for len(queue) > 0 {
		s := heap.Pop(&queue).(site)
		gone := next[s.at]
		if ids[s.at] != s.left || gone >= n || ids[gone] != s.right {
			continue // one of its halves has been merged since
		}
		ids[s.at], ids[gone] = s.id, -1
		next[s.at] = next[gone]
		if next[gone] < n {
			prev[next[gone]] = s.at
		}
		for _, at := range []int32{prev[s.at], s.at} {
			before := len(queue)
			offer(at)
			if len(queue) > before {
				heap.Fix(&queue, len(queue)-1)
			}
		}
	}
	for i := int32(0); i < n; i = next[i] {
		dst = append(dst, ids[i])
	}
	return dst
}
