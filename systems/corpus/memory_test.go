package corpus_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/shard"
)

// Mutation: keeping the texts beside their hashes in unique.Begin fails
// TestMemoryStaysFlat.

// synthetic is a source of made-up documents of 1 to 8 kB, which it makes as
// they are asked for: some are copies, some are for the filters to remove.
type synthetic struct {
	bytes int64
	pool  []byte // lines to cut texts from
}

func newSynthetic(bytes int64) *synthetic {
	rng := rand.New(rand.NewPCG(1, 2))
	s := &synthetic{bytes: bytes}
	for len(s.pool) < 1<<20 {
		for range 20 + rng.IntN(60) {
			s.pool = append(s.pool, "abcdefghij klmnop _({})=;&"[rng.IntN(26)])
		}
		s.pool = append(s.pool, '\n')
	}
	return s
}

func (*synthetic) Name() string { return "synthetic" }

// kind is why document i is to be removed.
func kind(i int64) corpus.Reason {
	switch {
	case i%1009 == 1008:
		return corpus.Size
	case i%103 == 102:
		return corpus.Minified
	case i%101 == 100:
		return corpus.UTF8
	case i%97 == 96:
		return corpus.Generated
	case i%10 == 9 && kind(i-7) == "":
		return corpus.Duplicate
	}
	return ""
}

// text is document i, which no other begins like.
func (s *synthetic) text(i int64) []byte {
	h := uint64(i) * 0x9E3779B97F4A7C15
	h ^= h >> 29
	size, from := 1000+int(h%7000), int(h>>20%(1<<20-8001))
	why := kind(i)
	switch why {
	case corpus.Duplicate:
		return s.text(i - 7)
	case corpus.Size:
		size = 450_000
	}
	text := make([]byte, 0, size+100)
	text = fmt.Appendf(text, "// %d\n", i)
	if why == corpus.Generated {
		text = append(text, "// @generated\n"...)
	}
	for len(text) < size {
		text = append(text, s.pool[from:from+min(8000, size-len(text))]...)
	}
	switch why {
	case corpus.UTF8:
		text[len(text)-1] = 0xff
	case corpus.Minified:
		for j, c := range text {
			if c == '\n' {
				text[j] = ' '
			}
		}
	}
	return text
}

func (s *synthetic) Documents(ctx context.Context) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		total := int64(0)
		for i := int64(0); total < s.bytes; i++ {
			d := corpus.Document{ID: strconv.FormatInt(i, 10), Origin: "synthetic", Text: s.text(i)}
			total += int64(len(d.Text))
			if err := ctx.Err(); err != nil {
				yield(corpus.Document{}, err)
				return
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

// expected is what the filters are to keep and remove of it, by document.
func (s *synthetic) expected() (kept int64, removed map[corpus.Reason]int64) {
	removed = map[corpus.Reason]int64{}
	total := int64(0)
	for i := int64(0); total < s.bytes; i++ {
		total += int64(len(s.text(i)))
		if why := kind(i); why != "" {
			removed[why]++
		} else {
			kept++
		}
	}
	return kept, removed
}

const vocab = 50_000

// encode stands for a tokenizer: an id for every four bytes.
func encode(ids []int32, text []byte) []int32 {
	ids = append(ids, 0)
	for len(text) >= 4 {
		ids = append(ids, 2+int32(binary.LittleEndian.Uint32(text)%(vocab-2)))
		text = text[4:]
	}
	return append(ids, 1)
}

// prepare reads a corpus through the filters into two sets of shards, as
// preparing training data does, and calls progress after every document.
func prepare(t *testing.T, p *corpus.Pipeline, dir string, progress func(corpus.Counts)) (train, val *shard.SetWriter) {
	t.Helper()
	head := shard.Header{VocabSize: vocab, BOS: 0, EOS: 1}
	train, err := shard.CreateSet(dir, "train", head, 0)
	require.NoError(t, err)
	val, err = shard.CreateSet(dir, "val", head, 0)
	require.NoError(t, err)
	split := corpus.Split{Fraction: 0.01}
	var ids []int32
	for d, err := range p.Documents(t.Context()) {
		if err != nil {
			require.NoError(t, err)
		}
		w := train
		if split.Validation(&d) {
			w = val
		}
		ids = encode(ids[:0], d.Text)
		if err := w.Add(ids, len(d.Text)); err != nil {
			require.NoError(t, err)
		}
		progress(p.Counts())
	}
	require.NoError(t, train.Close())
	require.NoError(t, val.Close())
	return train, val
}

func requireExpected(t *testing.T, s *synthetic, c corpus.Counts) {
	t.Helper()
	kept, removed := s.expected()
	require.Equal(t, kept, c.Kept.Documents)
	got := map[corpus.Reason]int64{}
	for r, n := range c.Removed {
		got[r] = n.Documents
	}
	require.Equal(t, removed, got)
}

// TestMemoryStaysFlat prepares 64 MB; the heap must not hold them.
func TestMemoryStaysFlat(t *testing.T) {
	s := newSynthetic(64e6)
	p := corpus.NewPipeline(s, corpus.Code()...)
	dir := t.TempDir()
	base, most, next := heap(), uint64(0), int64(8e6)
	train, val := prepare(t, p, dir, func(c corpus.Counts) {
		if c.Kept.Bytes >= next {
			most = max(most, heap())
			next += 8e6
		}
	})
	requireExpected(t, s, p.Counts())
	require.Equal(t, p.Counts().Kept, corpus.Count{Documents: int64(train.NumDocs() + val.NumDocs()), Bytes: train.NumBytes() + val.NumBytes()})
	require.Positive(t, most)
	require.Less(t, most, base+6<<20) // two writers' buffers, the largest document, 14000 hashes
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestLargeCorpus prepares CORPUS_BYTES of documents, and reads the shards back,
// under a limit of 512 MB that the kernel enforces on what the process
// allocates. Mapped pages of the shards are not under it; the peak of resident
// memory, which is reported, has them.
func TestLargeCorpus(t *testing.T) {
	size, err := strconv.ParseFloat(os.Getenv("CORPUS_BYTES"), 64)
	if err != nil {
		t.Skip("CORPUS_BYTES does not say how much to prepare, such as 8e9")
	}
	const limit = 512 << 20
	limitData(t, limit)
	debug.SetMemoryLimit(-1) // none but the kernel's
	s := newSynthetic(int64(size))
	p := corpus.NewPipeline(s, corpus.Code()...)
	dir := t.TempDir()
	resetPeak(t)
	start := time.Now()
	train, val := prepare(t, p, dir, func(corpus.Counts) {})
	took, peak := time.Since(start), peakResident(t)
	require.Less(t, peak, int64(limit))
	c := p.Counts()
	t.Logf("prepared: %s", c)
	t.Logf("prepared: %d tokens in %.0f s (%.0f s of processor time), peak %.0f MB", train.NumTokens()+val.NumTokens(), took.Seconds(), cpuSeconds(t), float64(peak)/1e6)
	requireExpected(t, s, c)

	resetPeak(t)
	start = time.Now()
	set, err := shard.OpenSet(dir)
	require.NoError(t, err)
	require.NoError(t, set.Verify())
	require.Equal(t, c.Kept, corpus.Count{Documents: int64(set.NumDocs()), Bytes: set.NumBytes()})
	took, peak = time.Since(start), peakResident(t)
	require.NoError(t, set.Close())
	require.Less(t, peak, int64(limit))
	t.Logf("verified: %d tokens in %.0f s, peak %.0f MB", set.NumTokens(), took.Seconds(), float64(peak)/1e6)
}
