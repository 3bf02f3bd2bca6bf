package shard_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/systems/shard"
)

// Mutation: leaving the sizes out of indexCRC, or comparing only the file's
// length in decode, fails TestEveryFlippedBit.

type doc struct {
	ids   []int32
	bytes int
}

func write(t testing.TB, path string, h shard.Header, docs []doc) {
	t.Helper()
	w, err := shard.Create(path, h)
	require.NoError(t, err)
	defer w.Abort()
	for _, d := range docs {
		require.NoError(t, w.Add(d.ids, d.bytes))
	}
	require.NoError(t, w.Close())
}

func sample(vocab, docs int) []doc {
	var out []doc
	for i := range docs {
		d := doc{ids: []int32{}, bytes: i * 7}
		for j := range i % 13 {
			d.ids = append(d.ids, int32((i*31+j*17)%vocab))
		}
		out = append(out, d)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		vocab := rapid.SampledFrom([]int{1, 256, 65535, 65536, 65537, 1 << 24}).Draw(t, "vocab")
		h := shard.Header{VocabSize: vocab, BOS: -1, EOS: int32(vocab - 1), Tokenizer: [32]byte{1, 2, 3}}
		ids := rapid.SliceOf(rapid.Int32Range(0, int32(vocab-1)))
		docs := rapid.SliceOf(rapid.Map(ids, func(ids []int32) doc { return doc{ids, len(ids) * 3} })).Draw(t, "docs")
		path := filepath.Join(dir, fmt.Sprintf("%d.tok", n))
		w, err := shard.Create(path, h)
		require.NoError(t, err)
		tokens, bytes := 0, 0
		for _, d := range docs {
			require.NoError(t, w.Add(d.ids, d.bytes))
			tokens += len(d.ids)
			bytes += d.bytes
		}
		require.NoError(t, w.Close())
		for _, open := range []func(string) (*shard.Reader, error){shard.Open, shard.OpenInPlace} {
			r, err := open(path)
			require.NoError(t, err)
			require.NoError(t, r.Verify())
			require.Equal(t, h, r.Header())
			require.Equal(t, len(docs), r.NumDocs())
			require.EqualValues(t, tokens, r.NumTokens())
			require.EqualValues(t, bytes, r.NumBytes())
			for i, d := range docs {
				got, err := r.Doc(i)
				require.NoError(t, err)
				require.Equal(t, append([]int32{}, d.ids...), got)
				require.Equal(t, d.bytes, r.DocBytes(i))
				from := len(d.ids) / 3
				got, err = r.AppendTokens([]int32{-7}, i, from, len(d.ids))
				require.NoError(t, err)
				require.Equal(t, append([]int32{-7}, d.ids[from:]...), got)
			}
			require.NoError(t, r.Close())
		}
	})
}

// The bytes of a small file, written out by hand from the table in doc.go.
func TestFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tok")
	write(t, path, shard.Header{VocabSize: 300, BOS: 1, EOS: 2, Tokenizer: [32]byte{0xAA}},
		[]doc{{[]int32{1, 299, 2}, 5}, {[]int32{}, 0}, {[]int32{1, 2}, 9}})
	var want []byte
	le := binary.LittleEndian
	want = append(want, "\x89TOKS\r\n\x1a"...)
	for _, v := range []uint32{1, 2, 300, 1, 2, 0, 1, 0} {
		want = le.AppendUint32(want, v)
	}
	for _, v := range []uint64{3, 5, 14} {
		want = le.AppendUint64(want, v)
	}
	want = append(want, 0xAA)
	want = append(want, make([]byte, 31)...)
	var tokens, index []byte
	for _, v := range []uint16{1, 299, 2, 1, 2} {
		tokens = le.AppendUint16(tokens, v)
	}
	for _, v := range []uint64{3, 3, 5} {
		index = le.AppendUint64(index, v)
	}
	for _, v := range []uint32{5, 0, 9} {
		index = le.AppendUint32(index, v)
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	want = le.AppendUint32(want, crc32.Checksum(tokens, table))
	want = le.AppendUint32(want, crc32.Checksum(index, table))
	want = append(want, make([]byte, 20)...)
	want = le.AppendUint32(want, crc32.Checksum(want, table))
	want = append(append(append(want, tokens...), make([]byte, 6)...), index...)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// openVerify is what a careful reader does with a file.
func openVerify(path string) error {
	r, err := shard.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Verify()
}

func TestEveryFlippedBit(t *testing.T) {
	dir := t.TempDir()
	for _, vocab := range []int{500, 70000} {
		path := filepath.Join(dir, fmt.Sprintf("%d.tok", vocab))
		write(t, path, shard.Header{VocabSize: vocab, BOS: -1, EOS: -1}, sample(vocab, 15))
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		bad := filepath.Join(dir, "bad.tok")
		for i := range len(good) * 8 {
			data := append([]byte(nil), good...)
			data[i/8] ^= 1 << (i % 8)
			require.NoError(t, os.WriteFile(bad, data, 0o666))
			var format *shard.FormatError
			require.ErrorAs(t, openVerify(bad), &format, "bit %d", i)
			require.Equal(t, bad, format.File)
		}
	}
}

func TestTruncatedAnywhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "good.tok")
	write(t, path, shard.Header{VocabSize: 100, BOS: 0, EOS: 1}, sample(100, 12))
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	bad := filepath.Join(dir, "bad.tok")
	for n := range len(good) {
		require.NoError(t, os.WriteFile(bad, good[:n], 0o666))
		_, err := shard.Open(bad)
		var format *shard.FormatError
		require.ErrorAs(t, err, &format, "%d bytes", n)
		require.ErrorContains(t, err, bad)
		require.ErrorContains(t, err, "offset ")
	}
	require.NoError(t, os.WriteFile(bad, append(good, 0), 0o666))
	_, err = shard.Open(bad)
	require.ErrorContains(t, err, "truncated or extended")
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.tok")
	for _, text := range []string{"", "hello", "PAR1 and so on, longer than a header " + fmt.Sprint(make([]int, 100))} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		_, err := shard.Open(path)
		require.ErrorContains(t, err, "not a token shard")
	}
	_, err := shard.Open(dir)
	require.ErrorContains(t, err, "is a directory")
	_, err = shard.Open(filepath.Join(dir, "absent"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestWriterRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, h := range []shard.Header{{}, {VocabSize: -1}, {VocabSize: 10, BOS: 10}, {VocabSize: 10, EOS: -2}} {
		_, err := shard.Create(filepath.Join(dir, "a.tok"), h)
		require.Error(t, err, "%+v", h)
	}
	path := filepath.Join(dir, "a.tok")
	w, err := shard.Create(path, shard.Header{VocabSize: 10, BOS: -1, EOS: -1})
	require.NoError(t, err)
	require.ErrorContains(t, w.Add([]int32{10}, 1), "id 10 is outside the vocabulary of 10")
	require.ErrorContains(t, w.Add([]int32{-1}, 1), "id -1")
	require.ErrorContains(t, w.Add(nil, -1), "-1 bytes")
	require.NoError(t, w.Add([]int32{9}, 1), "a bad document does not spoil the file")
	require.NoFileExists(t, path)
	require.NoError(t, w.Close())
	require.NoError(t, openVerify(path))
	require.Error(t, w.Close())
	require.Error(t, w.Add(nil, 0))
	w.Abort()
	require.FileExists(t, path, "Abort after Close does nothing")

	_, err = shard.Create(path, shard.Header{VocabSize: 10})
	require.ErrorIs(t, err, fs.ErrExist)
	w, err = shard.Create(filepath.Join(dir, "b.tok"), shard.Header{VocabSize: 10})
	require.NoError(t, err)
	w.Abort()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left of an aborted file")
}

func writeSet(t testing.TB, dir, name string, docs []doc, shardTokens int64) {
	t.Helper()
	w, err := shard.CreateSet(dir, name, shard.Header{VocabSize: 100, BOS: 0, EOS: 1}, shardTokens)
	require.NoError(t, err)
	defer w.Abort()
	for _, d := range docs {
		require.NoError(t, w.Add(d.ids, d.bytes))
	}
	require.NoError(t, w.Close())
}

func TestSet(t *testing.T) {
	dir, docs := t.TempDir(), sample(100, 200)
	writeSet(t, dir, "train", docs, 100)
	writeSet(t, dir, "val", docs[:5], 0)
	files, err := filepath.Glob(filepath.Join(dir, "train-*.tok"))
	require.NoError(t, err)
	require.Greater(t, len(files), 5)
	s, err := shard.OpenSet(filepath.Join(dir, "train-*.tok"))
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, len(docs), s.NumDocs())
	require.NoError(t, s.Verify())
	for i, d := range docs {
		got, err := s.Doc(i)
		require.NoError(t, err)
		require.Equal(t, d.ids, got)
		require.Equal(t, d.bytes, s.DocBytes(i))
		require.Equal(t, len(d.ids), s.DocLen(i))
	}
	whole, err := shard.OpenSet(dir)
	require.NoError(t, err)
	require.Equal(t, len(docs)+5, whole.NumDocs())
	require.NotEqual(t, s.Fingerprint(), whole.Fingerprint())
	require.NoError(t, whole.Close())
	one, err := shard.OpenSet(filepath.Join(dir, "val-00000.tok"))
	require.NoError(t, err)
	require.Equal(t, 5, one.NumDocs())
	require.NoError(t, one.Close())

	require.NoError(t, os.Remove(files[2]))
	_, err = shard.OpenSet(filepath.Join(dir, "train-*.tok"))
	require.ErrorContains(t, err, fmt.Sprintf("%d of %d parts are here", len(files)-1, len(files)))
}

func TestSetRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := shard.OpenSet(filepath.Join(dir, "none-*.tok"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = shard.OpenSet(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	w, err := shard.CreateSet(dir, "train", shard.Header{VocabSize: 9}, 0)
	require.NoError(t, err)
	require.ErrorContains(t, w.Close(), "no documents")
	_, err = shard.CreateSet(dir, "a/b", shard.Header{VocabSize: 9}, 0)
	require.Error(t, err)

	// A run that was killed leaves parts without their names: they are not
	// seen, and the next run clears them away.
	w, err = shard.CreateSet(dir, "train", shard.Header{VocabSize: 9}, 1)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, w.Add([]int32{1}, 1))
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, left, 3)
	_, err = shard.OpenSet(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	writeSet(t, dir, "train", sample(9, 3), 0)
	left, err = filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "train-00000.tok")}, left)
	_, err = shard.CreateSet(dir, "train", shard.Header{VocabSize: 9}, 0)
	require.ErrorIs(t, err, fs.ErrExist)

	write(t, filepath.Join(dir, "other.tok"), shard.Header{VocabSize: 10, BOS: 0, EOS: 1}, nil)
	_, err = shard.OpenSet(dir)
	require.ErrorContains(t, err, "differ in vocabulary")
}

// Several goroutines read far more than the set keeps resident.
func TestSet_ConcurrentSafe(t *testing.T) {
	dir := t.TempDir()
	docs := sample(100, 300)
	writeSet(t, dir, "train", docs, 200)
	s, err := shard.OpenSet(dir)
	require.NoError(t, err)
	defer s.Close()
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for g := range errs {
		wg.Go(func() {
			for k := range 3000 {
				i := (k*7 + g) % len(docs)
				got, err := s.Doc(i)
				if err == nil && fmt.Sprint(got) != fmt.Sprint(docs[i].ids) {
					err = fmt.Errorf("document %d: %v", i, got)
				}
				if err != nil {
					errs[g] = err
					return
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}
