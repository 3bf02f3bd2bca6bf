package bpe

import (
	"errors"
	"fmt"
	"iter"
	"math"
)

// Ties says which of two pairs with equal counts is merged first: the one with
// the smaller ids, where single bytes are numbered by a rule.
type Ties int

// The rules.
const (
	CharacterOrder Ties = iota // by the characters of the byte alphabet, as Hugging Face does
	ByteOrder                  // by value
)

// Config says how a tokenizer is trained.
type Config struct {
	VocabSize int      // all ids: 256 bytes, merges and special tokens
	Split     Split    // default Llama3
	Special   []string // special tokens, numbered after everything else
	Threads   int      // for counting; 0: GOMAXPROCS
	MinCount  int64    // a pair seen less often is not merged; 0: 2
	Ties      Ties     // default CharacterOrder
}

// VocabError says that the text does not have enough pairs for the vocabulary
// that was asked for.
type VocabError struct {
	Want    int // the vocabulary size asked for
	Merges  int // the merges that the text supports
	Largest int // the vocabulary size that they make
}

func (e *VocabError) Error() string {
	return fmt.Sprintf("bpe: the text supports %d merges and with them a vocabulary of at most %d tokens, %d were asked for: lower the vocabulary size or give more text",
		e.Merges, e.Largest, e.Want)
}

// Train learns a tokenizer from documents. The result does not depend on the
// number of threads or on the order of the documents, whose bytes must not
// change before it returns. The error is a *VocabError if the text is too poor
// for the vocabulary.
func Train(docs iter.Seq[[]byte], cfg Config) (*Tokenizer, error) {
	if cfg.Split == "" {
		cfg.Split = Llama3
	}
	next, err := cfg.Split.splitter()
	if err != nil {
		return nil, err
	}
	if cfg.MinCount == 0 {
		cfg.MinCount = 2
	}
	base := 256 + len(cfg.Special)
	if cfg.VocabSize < base {
		return nil, fmt.Errorf("bpe: vocabulary size %d, want at least %d (256 bytes and %d special tokens)", cfg.VocabSize, base, len(cfg.Special))
	}
	counts := countPieces(docs, cfg, next)
	if pieces, _ := counts.size(); pieces == 0 {
		return nil, errors.New("bpe: no text to train on")
	}
	ids := &byteIDs
	if cfg.Ties == ByteOrder {
		ids = &identityIDs
	}
	if err := checkSize(counts, maxDistinct); err != nil {
		return nil, err
	}
	merges := newTrainer(counts, ids, cfg.MinCount).merges(cfg.VocabSize - base)
	if n := base + len(merges); n < cfg.VocabSize {
		return nil, &VocabError{Want: cfg.VocabSize, Merges: len(merges), Largest: n}
	}
	return newTokenizer(cfg.Split, ids, merges, cfg.Special)
}

// maxDistinct is how many bytes of distinct pieces 32-bit numbers of visits allow:
// a node has one, and a merge, which removes a node, adds at most two.
const maxDistinct = math.MaxInt32 / 3

func checkSize(counts *counter, limit int) error {
	if _, bytes := counts.size(); bytes > limit {
		return fmt.Errorf("bpe: the distinct pieces of the text have %d bytes, at most %d can be trained on: give less text", bytes, limit)
	}
	return nil
}

var identityIDs = func() (t [256]int32) {
	for b := range t {
		t[b] = int32(b)
	}
	return t
}()

// trainer holds the distinct pieces as they stand after the merges so far, and
// what follows from them for every pair.
type trainer struct {
	nodes    []node
	counts   []int64 // of the pieces
	pairs    pairTable
	stats    []stat  // by number of the pair
	visits   []visit // of all pairs
	queue    queue
	minCount int64
}

// node is a token of a piece, in a list of them.
type node struct {
	id         int32 // -1 when it is part of the one before it
	prev, next int32 // -1 at the ends of the piece
	piece      int32
}

// stat is what the trainer knows of a pair.
type stat struct {
	pair        pair
	count       int64
	first, last int32 // into visits, -1 for none
}

// visit is an item of a list: the node whose id and the next one made the pair
// when it arose, in the order of the text.
type visit struct {
	at   int32
	next int32
}

func newTrainer(counts *counter, ids *[256]int32, minCount int64) *trainer {
	pieces, bytes := counts.size()
	t := &trainer{nodes: make([]node, 0, bytes), counts: make([]int64, 0, pieces), visits: make([]visit, 0, bytes),
		pairs: newPairTable(1<<12 - 1), minCount: minCount}
	for piece, count := range counts.all() {
		t.counts = append(t.counts, count)
		for i, b := range piece {
			at := int32(len(t.nodes))
			n := node{id: ids[b], prev: at - 1, next: at + 1, piece: int32(len(t.counts) - 1)}
			if i == 0 {
				n.prev = -1
			} else {
				t.arise(pairOf(t.nodes[at-1].id, n.id), at-1, count)
			}
			t.nodes = append(t.nodes, n)
		}
		t.nodes[len(t.nodes)-1].next = -1
	}
	for _, s := range t.stats {
		t.offer(s)
	}
	t.queue.init()
	return t
}

// offer appends a pair to the queue, which the caller puts in order. A count
// only falls after the step in which the pair arose, so that a pair too rare
// then is too rare for good.
func (t *trainer) offer(s stat) bool {
	if s.count < t.minCount {
		return false
	}
	t.queue = append(t.queue, candidate{s.count, s.pair})
	return true
}

// arise raises a pair's count by n for an occurrence at a node.
func (t *trainer) arise(p pair, at int32, n int64) {
	number := t.pairs.number(p)
	if int(number) == len(t.stats) {
		t.stats = append(t.stats, stat{pair: p, first: -1})
	}
	s, item := &t.stats[number], int32(len(t.visits))
	t.visits = append(t.visits, visit{at: at, next: -1})
	if s.first < 0 {
		s.first = item
	} else {
		t.visits[s.last].next = item
	}
	s.last = item
	s.count += n
}

// vanish lowers the count of a pair by n, unless it is the pair being merged,
// which goes as a whole.
func (t *trainer) vanish(p, merged pair, n int64) {
	if p != merged {
		t.stats[t.pairs.find(p)].count -= n
	}
}

// merges returns at most n merges in order.
func (t *trainer) merges(n int) []pair {
	var list []pair
	for len(list) < n && len(t.queue) > 0 {
		top := &t.queue[0]
		s := t.stats[t.pairs.find(top.pair)]
		if s.count < top.count { // it has fallen since
			if s.count >= t.minCount {
				top.count = s.count
			} else {
				t.queue.dropTop()
			}
			t.queue.down(0)
			continue
		}
		t.queue.dropTop()
		t.queue.down(0)
		id, known := int32(256+len(list)), len(t.stats)
		list = append(list, s.pair)
		for v := s.first; v >= 0; v = t.visits[v].next {
			t.merge(t.visits[v].at, s.pair, id)
		}
		for _, s := range t.stats[known:] { // those with the new id
			if t.offer(s) {
				t.queue.up(len(t.queue) - 1)
			}
		}
	}
	return list
}

// merge replaces the pair that starts at a node by id, if it is still there,
// and corrects the counts of the pairs that vanish and arise beside it.
func (t *trainer) merge(at int32, p pair, id int32) {
	n := &t.nodes[at]
	if n.id != p.left() || n.next < 0 || t.nodes[n.next].id != p.right() {
		return
	}
	count := t.counts[n.piece]
	if n.prev >= 0 {
		before := t.nodes[n.prev].id
		t.vanish(pairOf(before, p.left()), p, count)
		t.arise(pairOf(before, id), n.prev, count)
	}
	gone := &t.nodes[n.next]
	n.id, n.next, gone.id = id, gone.next, -1
	if n.next >= 0 {
		after := &t.nodes[n.next]
		after.prev = at
		t.vanish(pairOf(p.right(), after.id), p, count)
		t.arise(pairOf(id, after.id), at, count)
	}
}

// candidate is a pair with the count it had when it was queued.
type candidate struct {
	count int64
	pair  pair
}

func (c candidate) before(o candidate) bool {
	return c.count > o.count || c.count == o.count && c.pair < o.pair
}

// queue is a binary heap by falling count, then by rising pair.
type queue []candidate

func (q queue) init() {
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
}

// dropTop puts the last candidate in the first place, from where it has to move
// down.
func (q *queue) dropTop() {
	last := len(*q) - 1
	(*q)[0] = (*q)[last]
	*q = (*q)[:last]
}

func (q queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q[i].before(q[parent]) {
			return
		}
		q[i], q[parent] = q[parent], q[i]
		i = parent
	}
}

func (q queue) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q) {
			return
		}
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if !q[child].before(q[i]) {
			return
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
}
