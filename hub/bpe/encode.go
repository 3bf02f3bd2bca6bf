package bpe

import (
	"bytes"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	cacheSize = 1 << 12 // pieces that an encoder remembers
	cachedIDs = 11      // most ids that it remembers of one: a line of the processor's cache in all
	partBytes = 1 << 18 // of a text that EncodeBatch gives a thread at a time
)

// encoder holds one goroutine's scratch space and its cache of pieces.
type encoder struct {
	t     *Tokenizer
	cache []cached // by hash; the last piece of a hash stays
	ids   []int32  // for merge
	ranks []int32
	next  []int32
	prev  []int32
	heap  siteHeap
	steps int     // that the last mergeHeap took
	out   []int32 // for EncodeBatch
}

// cached is a piece and its ids.
type cached struct {
	key key
	n   int32
	ids [cachedIDs]int32
}

func newEncoder(t *Tokenizer) *encoder { return &encoder{t: t, cache: make([]cached, cacheSize)} }

// Encode appends the ids of text to dst. Special tokens in it are text like
// any other, and none are added. It may be called concurrently.
func (t *Tokenizer) Encode(dst []int32, text []byte) []int32 {
	e := t.pool.Get().(*encoder)
	defer t.pool.Put(e)
	return e.encode(dst, text)
}

// EncodeSpecial is Encode with special tokens recognised in text: the leftmost
// first, the longest among those that start together. Use it only on text whose
// special tokens are meant: one from a stranger may hold any.
func (t *Tokenizer) EncodeSpecial(dst []int32, text []byte) []int32 {
	e := t.pool.Get().(*encoder)
	defer t.pool.Put(e)
	from := 0
	for i := 0; i < len(text); {
		name := t.specialAt(text[i:])
		if name == "" {
			i++
			continue
		}
		dst = append(e.encode(dst, text[from:i]), t.special[name])
		i += len(name)
		from = i
	}
	return e.encode(dst, text[from:])
}

// specialAt returns the longest special token that text begins with.
func (t *Tokenizer) specialAt(text []byte) string {
	for _, name := range t.byFirst[text[0]] {
		if bytes.HasPrefix(text, []byte(name)) {
			return name
		}
	}
	return ""
}

// EncodeBatch encodes each text as Encode does, on the given number of threads
// (0: GOMAXPROCS). With the named splits a long text is cut where its pieces
// allow it, so that a single one keeps all threads busy.
func (t *Tokenizer) EncodeBatch(texts [][]byte, threads int) [][]int32 {
	var parts []part
	count := make([]int, len(texts))
	for i, text := range texts {
		t.split.parts(text, partBytes, func(p []byte) {
			parts = append(parts, part{of: i, text: p})
			count[i]++
		})
	}
	parallel(len(parts), threads, func(items iter.Seq[int]) {
		e := t.pool.Get().(*encoder)
		defer t.pool.Put(e)
		for i := range items {
			e.out = e.encode(e.out[:0], parts[i].text)
			parts[i].ids = slices.Clone(e.out)
		}
	})
	out := make([][]int32, len(texts))
	var joined []part // with ids that go into a longer list
	for len(parts) > 0 {
		of := parts[0].of
		own := parts[:count[of]]
		parts = parts[len(own):]
		if out[of] = own[0].ids; len(own) > 1 {
			n := 0
			for i := range own {
				own[i].at = n
				n += len(own[i].ids)
			}
			out[of] = make([]int32, n)
			joined = append(joined, own...)
		}
	}
	parallel(len(joined), threads, func(items iter.Seq[int]) {
		for i := range items {
			copy(out[joined[i].of][joined[i].at:], joined[i].ids)
		}
	})
	return out
}

// part is a part of a text that is encoded by itself.
type part struct {
	of   int // the text
	text []byte
	ids  []int32
	at   int // where ids belong among those of the text
}

// parallel runs worker on the given number of threads (0: GOMAXPROCS); together
// they see 0 to n-1.
func parallel(n, threads int, worker func(items iter.Seq[int])) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, n) {
		wg.Go(func() {
			worker(func(yield func(int) bool) {
				for i := int(next.Add(1)) - 1; i < n && yield(i); i = int(next.Add(1)) - 1 {
				}
			})
		})
	}
	wg.Wait()
}

func (e *encoder) encode(dst []int32, text []byte) []int32 {
	t := e.t
	for i := 0; i < len(text); {
		end := t.next(text, i)
		if n := end - i; n > maxKey {
			dst = e.long(dst, text[i:end])
		} else if n == 1 {
			dst = append(dst, t.bytes[text[i]])
		} else {
			k := keyOf(text, i, n)
			hash := k.hash()
			if id := t.words.get(k, hash); id >= 0 {
				dst = append(dst, id)
			} else {
				dst = e.short(dst, text[i:end], k, hash)
			}
		}
		i = end
	}
	return dst
}

// short appends the ids of a piece that is more than one token, from the cache
// or to it.
func (e *encoder) short(dst []int32, piece []byte, k key, hash uint64) []int32 {
	c := &e.cache[hash>>32%cacheSize]
	if c.key == k {
		return append(dst, c.ids[:c.n]...)
	}
	start := len(dst)
	dst = e.merge(dst, piece)
	if ids := dst[start:]; len(ids) <= cachedIDs {
		c.key, c.n = k, int32(len(ids))
		copy(c.ids[:], ids)
	}
	return dst
}

// long appends the ids of a piece that is too long for a key.
func (e *encoder) long(dst []int32, piece []byte) []int32 {
	if len(piece) <= e.t.longest {
		if id, ok := e.t.long[string(piece)]; ok {
			return append(dst, id)
		}
	}
	return e.merge(dst, piece)
}
