package bpe

import "slices"

// longPiece is the length in bytes from which on merging uses a heap.
const longPiece = 64

// merge appends the ids of a piece: its bytes, of which the adjacent pair with
// the lowest rank, the leftmost among equals, is merged until none has one.
func (e *encoder) merge(dst []int32, piece []byte) []int32 {
	e.load(piece)
	if len(piece) >= longPiece {
		return e.mergeHeap(dst)
	}
	ids, ranks, table := e.ids, e.ranks[:len(piece)-1], &e.t.merge
	for len(ranks) > 0 {
		best, at := noRank, 0
		for i, r := range ranks {
			if r < best {
				best, at = r, i
			}
		}
		if best == noRank {
			break
		}
		ids[at] = table.get(ids[at], ids[at+1]).id
		ids = slices.Delete(ids, at+1, at+2)
		ranks = slices.Delete(ranks, at, at+1)
		if at > 0 {
			ranks[at-1] = table.get(ids[at-1], ids[at]).rank
		}
		if at < len(ranks) {
			ranks[at] = table.get(ids[at], ids[at+1]).rank
		}
	}
	return append(dst, ids...)
}

// load sets ids to the ids of the bytes, and ranks to the rank of each with the
// one behind it, noRank for the last.
func (e *encoder) load(piece []byte) {
	n := len(piece)
	e.ids, e.ranks = slices.Grow(e.ids[:0], n)[:n], slices.Grow(e.ranks[:0], n)[:n]
	for i, b := range piece {
		e.ids[i] = e.t.bytes[b]
	}
	for i := range n - 1 {
		e.ranks[i] = e.t.merge.get(e.ids[i], e.ids[i+1]).rank
	}
	e.ranks[n-1] = noRank
}

// mergeHeap is merge for a loaded piece of n bytes in n·log n time: the ids are a
// linked list and the possible merges a heap, to which each merge adds at most
// two, so that at most 3·n are taken from it.
func (e *encoder) mergeHeap(dst []int32) []int32 {
	n := int32(len(e.ids))
	e.next, e.prev = slices.Grow(e.next[:0], int(n))[:n], slices.Grow(e.prev[:0], int(n))[:n]
	ids, ranks, next, prev, table := e.ids, e.ranks, e.next, e.prev, &e.t.merge
	heap := e.heap[:0]
	for i := range n {
		next[i], prev[i] = i+1, i-1
		if ranks[i] != noRank {
			heap = append(heap, siteOf(ranks[i], i))
		}
	}
	heap.init()
	for e.steps = 0; len(heap) > 0; e.steps++ {
		s := heap.pop()
		at := s.at()
		if ranks[at] != s.rank() {
			continue // one of its halves has been merged since
		}
		gone := next[at]
		ids[at] = table.get(ids[at], ids[gone]).id
		ranks[gone] = noRank
		next[at] = next[gone]
		if next[at] < n {
			prev[next[at]] = at
		}
		for _, left := range [2]int32{prev[at], at} {
			if left < 0 {
				continue
			}
			ranks[left] = noRank
			if next[left] < n {
				ranks[left] = table.get(ids[left], ids[next[left]]).rank
			}
			if ranks[left] != noRank {
				heap.push(siteOf(ranks[left], left))
			}
		}
	}
	e.heap = heap
	for i := int32(0); i < n; i = next[i] {
		dst = append(dst, ids[i])
	}
	return dst
}

// site is a possible merge: its rank in the upper half, below it the place of
// the left id, so that the order of numbers is that of merging.
type site uint64

func siteOf(rank, at int32) site { return site(rank)<<32 | site(at) }

func (s site) rank() int32 { return int32(s >> 32) }
func (s site) at() int32   { return int32(uint32(s)) }

// siteHeap is a binary heap, the smallest first.
type siteHeap []site

func (h siteHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *siteHeap) push(s site) {
	*h = append(*h, s)
	for i, a := len(*h)-1, *h; i > 0; {
		up := (i - 1) / 2
		if a[up] <= a[i] {
			break
		}
		a[up], a[i] = a[i], a[up]
		i = up
	}
}

func (h *siteHeap) pop() site {
	a := *h
	top, last := a[0], len(a)-1
	a[0] = a[last]
	*h = a[:last]
	(*h).down(0)
	return top
}

func (h siteHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
