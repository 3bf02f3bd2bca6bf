package bpe

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"
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
	Ties      Ties
}

// VocabError says that the text does not have enough pairs for the vocabulary
// that was asked for.
type VocabError struct {
	Want, Largest int
}

func (e *VocabError) Error() string {
	return fmt.Sprintf("bpe: the text supports a vocabulary of at most %d tokens, %d were asked for: lower the vocabulary size or give more text",
		e.Largest, e.Want)
}

// Train learns a tokenizer from documents. The result does not depend on the
// number of threads or on the order of the documents.
func Train(docs iter.Seq[[]byte], cfg Config) (*Tokenizer, error) {
	if cfg.Split == "" {
		cfg.Split = Llama3
	}
	if err := cfg.Split.Validate(); err != nil {
		return nil, err
	}
	if cfg.MinCount == 0 {
		cfg.MinCount = 2
	}
	base := 256 + len(cfg.Special)
	if cfg.VocabSize < base {
		return nil, fmt.Errorf("bpe: vocabulary size %d, want at least %d (256 bytes and %d special tokens)", cfg.VocabSize, base, len(cfg.Special))
	}
	counts := countPieces(docs, cfg)
	if len(counts) == 0 {
		return nil, errors.New("bpe: no text to train on")
	}
	ids := &byteIDs
	if cfg.Ties == ByteOrder {
		ids = &identityIDs
	}
	t := newTrainer(counts, ids)
	merges := t.merges(cfg.VocabSize-base, cfg.MinCount)
	if n := base + len(merges); n < cfg.VocabSize {
		return nil, &VocabError{Want: cfg.VocabSize, Largest: n}
	}
	return newTokenizer(cfg.Split, ids, merges, cfg.Special)
}

var identityIDs = func() (t [256]int32) {
	for b := range t {
		t[b] = int32(b)
	}
	return t
}()

// countPieces counts the distinct pieces of the documents.
func countPieces(docs iter.Seq[[]byte], cfg Config) map[string]int64 {
	threads := cfg.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	work := make(chan []byte, 2*threads)
	parts := make([]map[string]*int64, threads)
	var wg sync.WaitGroup
	for i := range parts {
		parts[i] = map[string]*int64{}
		wg.Go(func() {
			for doc := range work {
				cfg.Split.Pieces(doc, func(piece []byte) bool {
					if n := parts[i][string(piece)]; n != nil {
						*n++
					} else {
						one := int64(1)
						parts[i][string(piece)] = &one
					}
					return true
				})
			}
		})
	}
	for doc := range docs {
		work <- doc
	}
	close(work)
	wg.Wait()
	total := map[string]int64{}
	for _, part := range parts {
		for piece, n := range part {
			total[piece] += *n
		}
	}
	return total
}

// pair is two adjacent ids, left in the upper half.
type pair uint64

func pairOf(left, right int32) pair { return pair(uint64(uint32(left))<<32 | uint64(uint32(right))) }

func (p pair) left() int32  { return int32(p >> 32) }
func (p pair) right() int32 { return int32(uint32(p)) }

// word is a distinct piece as it stands after the merges so far.
type word struct {
	ids   []int32
	count int64
}

// stat is what the trainer knows of a pair.
type stat struct {
	count int64
	words []int32 // words that held the pair when it arose there; may be stale
}

// candidate is a pair with the count it had when it was queued.
type candidate struct {
	pair  pair
	count int64
}

// queue orders candidates by falling count, then by rising pair.
type queue []candidate

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].count != q[j].count {
		return q[i].count > q[j].count
	}
	return q[i].pair < q[j].pair
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(candidate)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

type trainer struct {
	words   []word
	stats   map[pair]*stat
	queue   queue
	changed map[pair]struct{} // pairs whose count rose in the current merge
}

func newTrainer(counts map[string]int64, ids *[256]int32) *trainer {
	t := &trainer{stats: map[pair]*stat{}, changed: map[pair]struct{}{}}
	pieces := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Compare(a, b) })
	for _, piece := range pieces {
		w := word{ids: make([]int32, len(piece)), count: counts[piece]}
		for i := range len(piece) {
			w.ids[i] = ids[piece[i]]
		}
		t.words = append(t.words, w)
		for i := 1; i < len(w.ids); i++ {
			t.add(pairOf(w.ids[i-1], w.ids[i]), w.count, int32(len(t.words)-1))
		}
	}
	for p, s := range t.stats {
		t.queue = append(t.queue, candidate{p, s.count})
	}
	clear(t.changed)
	heap.Init(&t.queue)
	return t
}

// add changes a pair's count by n; a rise also notes the word.
func (t *trainer) add(p pair, n int64, w int32) {
	s := t.stats[p]
	if s == nil {
		s = &stat{}
		t.stats[p] = s
	}
	s.count += n
	if n > 0 {
		if k := len(s.words); k == 0 || s.words[k-1] != w {
			s.words = append(s.words, w)
		}
		t.changed[p] = struct{}{}
	}
}

// merges returns at most n merges in order.
func (t *trainer) merges(n int, minCount int64) []pair {
	var list []pair
	for len(list) < n && len(t.queue) > 0 {
		top := t.queue[0]
		s := t.stats[top.pair]
		if s == nil || s.count != top.count { // the count has fallen since
			heap.Pop(&t.queue)
			if s != nil && s.count > 0 {
				heap.Push(&t.queue, candidate{top.pair, s.count})
			}
			continue
		}
		if top.count < minCount {
			break
		}
		heap.Pop(&t.queue)
		delete(t.stats, top.pair)
		id := int32(256 + len(list))
		list = append(list, top.pair)
		for _, w := range s.words {
			t.merge(w, top.pair, id)
		}
		for p := range t.changed {
			if s := t.stats[p]; s != nil && s.count > 0 {
				heap.Push(&t.queue, candidate{p, s.count})
			}
		}
		clear(t.changed)
	}
	return list
}

// merge replaces the pair by id in one word and corrects the counts of the
// pairs that vanish and arise beside it.
func (t *trainer) merge(index int32, p pair, id int32) {
	w := &t.words[index]
	left, right := p.left(), p.right()
	old := w.ids
	first := -1
	for i := 1; i < len(old); i++ {
		if old[i-1] == left && old[i] == right {
			first = i - 1
			break
		}
	}
	if first < 0 {
		return
	}
	// Rewrite in place from just before the first hit; everything before it
	// and every pair inside the untouched rest keeps its count.
	out := old[:first]
	for i := first; i < len(old); {
		if i+1 < len(old) && old[i] == left && old[i+1] == right {
			if n := len(out); n > 0 {
				prev := out[n-1]
				if i > 0 && prev != id { // a merged neighbour has counted it already
					t.vanish(pairOf(prev, left), p, w.count)
				}
				t.add(pairOf(prev, id), w.count, index)
			}
			if i+2 < len(old) {
				t.vanish(pairOf(right, old[i+2]), p, w.count)
			}
			out = append(out, id)
			i += 2
			// The pair to the right arises when its other half is written.
			if i < len(old) && !(i+1 < len(old) && old[i] == left && old[i+1] == right) {
				t.add(pairOf(id, old[i]), w.count, index)
				out = append(out, old[i])
				i++
			}
			continue
		}
		out = append(out, old[i])
		i++
	}
	w.ids = out
}

// vanish lowers the count of a pair that is gone, unless it is the pair being
// merged, whose count goes as a whole.
func (t *trainer) vanish(q, merged pair, n int64) {
	if q == merged {
		return
	}
	if s := t.stats[q]; s != nil {
		s.count -= n
	}
}
