package parquetdata_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/parquetdata"
)

// Mutation: dropping the comparison of c.row with c.rows at the end of a chunk
// in cursor.turn fails TestCounts; dropping the check of the last four bytes in
// findFooter fails TestErrors; not resetting feed.page in pager.next fails
// TestMemoryStaysFlat; not comparing checksums in pager.load fails
// TestHoleAnywhere.

type row struct {
	ID   int64  `parquet:"id"`
	Text string `parquet:"text"`
}

// write makes a file and returns its path.
func write[T any](t require.TestingT, dir, name string, rows []T, options ...parquet.WriterOption) string {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	_, err := w.Write(rows)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// read collects the documents of a source; null ones are "<null>".
func read(ctx context.Context, path string, cfg parquetdata.Config) (texts []string, err error) {
	s, err := parquetdata.Open(path, cfg)
	if err != nil {
		return nil, err
	}
	for d, err := range s.Documents(ctx) {
		if err != nil {
			return texts, err
		}
		if d.Null {
			d.Text = []byte("<null>")
		}
		texts = append(texts, string(d.Text))
	}
	return texts, nil
}

type optional struct {
	Text *string `parquet:"text,optional"`
}

func TestRoundTrip(t *testing.T) {
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli, &parquet.Lz4Raw}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.Ptr(rapid.String(), true), 1, 100).Draw(t, "texts")
		rows := make([]optional, len(texts))
		want := make([]string, len(texts))
		for i, s := range texts {
			rows[i].Text, want[i] = s, "<null>"
			if s != nil {
				want[i] = *s
			}
		}
		path := write(t, dir, "a.parquet", rows,
			parquet.Compression(rapid.SampledFrom(codecs).Draw(t, "codec")),
			parquet.DataPageVersion(rapid.IntRange(1, 2).Draw(t, "version")),
			parquet.PageBufferSize(rapid.SampledFrom([]int{16, 200, 1 << 20}).Draw(t, "page")),
			parquet.MaxRowsPerRowGroup(rapid.Int64Range(1, 120).Draw(t, "group")))
		got, err := read(context.Background(), path, parquetdata.Config{})
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// At the sizes of the library's pooled buffers its decoders may move to another
// buffer, and LZ4's loses what it decoded then.
func TestPageSizesOfPooledBuffers(t *testing.T) {
	for _, codec := range []compress.Codec{&parquet.Gzip, &parquet.Brotli, &parquet.Lz4Raw, &parquet.Zstd, &parquet.Snappy} {
		for _, size := range []int{4096, 8192, 65536} {
			var rows []row
			for i := range 3 {
				rows = append(rows, row{Text: strings.Repeat(string(rune('a'+i)), size-4)})
			}
			path := write(t, t.TempDir(), "a.parquet", rows, parquet.Compression(codec), parquet.MaxRowsPerRowGroup(1))
			got, err := read(t.Context(), path, parquetdata.Config{})
			require.NoError(t, err)
			for i, r := range rows {
				require.True(t, r.Text == got[i], "%s, %d bytes, row %d", codec, size, i)
			}
		}
	}
}

func TestOrderAndLabels(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b.parquet", []row{{1, "three"}})
	write(t, dir, "a.parquet", []row{{1, "one"}, {2, "two"}}, parquet.MaxRowsPerRowGroup(1))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	for _, path := range []string{dir, filepath.Join(dir, "*.parquet")} {
		s, err := parquetdata.Open(path, parquetdata.Config{Column: "text"})
		require.NoError(t, err)
		require.Equal(t, path, s.Name())
		require.Equal(t, int64(3), s.Rows())
		for range 2 { // twice the same
			var got []string
			for d, err := range s.Documents(t.Context()) {
				require.NoError(t, err)
				got = append(got, fmt.Sprintf("%s %s %s", d.ID, d.Origin, d.Text))
			}
			require.Equal(t, []string{"a.parquet#0 a.parquet one", "a.parquet#1 a.parquet two", "b.parquet#0 b.parquet three"}, got)
		}
	}
}

func TestPipelineCountsNulls(t *testing.T) {
	s, err := parquetdata.Open("testdata/zstd.parquet", parquetdata.Config{Column: "text"})
	require.NoError(t, err)
	p := corpus.NewPipeline(s)
	nulls := int64(0)
	for d, err := range s.Documents(t.Context()) {
		require.NoError(t, err)
		if d.Null {
			nulls++
		}
	}
	for d, err := range p.Documents(t.Context()) {
		require.NoError(t, err)
		require.False(t, d.Null)
	}
	require.Positive(t, nulls)
	require.Equal(t, map[corpus.Reason]corpus.Count{corpus.Null: {Documents: nulls}}, p.Counts().Removed)
	require.Equal(t, 60-nulls, p.Counts().Kept.Documents)
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.parquet")
	require.NoError(t, os.WriteFile(junk, []byte("fn main() { println!(); }"), 0o600))
	tiny := filepath.Join(dir, "tiny.parquet")
	require.NoError(t, os.WriteFile(tiny, []byte("PAR1"), 0o600))
	long := filepath.Join(dir, "long.parquet")
	require.NoError(t, os.WriteFile(long, []byte("PAR1\xff\x00\x00\x00PAR1"), 0o600))
	cut := filepath.Join(dir, "cut.parquet")
	require.NoError(t, os.WriteFile(cut, []byte("PAR1 and some data"), 0o600))
	secret := filepath.Join(dir, "secret.parquet")
	require.NoError(t, os.WriteFile(secret, []byte("PARE\x00\x00\x00\x00PARE"), 0o600))
	for _, c := range []struct{ path, column, want string }{
		{"testdata/numbers.parquet", "text", `testdata/numbers.parquet has no column "text"; it has id, body, raw`},
		{"testdata/numbers.parquet", "", "testdata/numbers.parquet has no column content, text, code: name the one with the text; it has id, body, raw"},
		{"testdata/numbers.parquet", "id", `column "id" of testdata/numbers.parquet holds INT64, not text; columns of text are body`},
		{"testdata/numbers.parquet", "raw", `holds FIXED_LEN_BYTE_ARRAY(3), not text`},
		{"testdata/nested-v1.parquet", "meta", "it has meta.lang, meta.content, meta.inner.code, lines, messages.role, messages.text, deep, tags.key, tags.value, repo, licenses"},
		{junk, "", junk + `: offset 0: begins with "fn m", not with "PAR1": not a parquet file`},
		{tiny, "", tiny + ": offset 0: 4 bytes are too few for a parquet file"},
		{long, "", long + ": offset 4: a footer of 255 bytes does not fit into the file's 12"},
		{cut, "", cut + `: offset 14: ends with "data", not with "PAR1": the file was cut off, get it again`},
		{secret, "", secret + ": offset 0: the file is encrypted, which is not supported"},
		{filepath.Join(dir, "x*.parquet"), "", "no files match"},
		{filepath.Join(dir, "[.parquet"), "", "syntax error in pattern"},
	} {
		_, err := parquetdata.Open(c.path, parquetdata.Config{Column: c.column})
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := parquetdata.Open(filepath.Join(dir, "none.parquet"), parquetdata.Config{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = read(t.Context(), "testdata/empty.parquet", parquetdata.Config{})
	require.ErrorIs(t, err, corpus.ErrEmpty)
	_, err = parquetdata.Open("testdata/zstd.parquet", parquetdata.Config{Origin: "repo"})
	require.ErrorContains(t, err, `has no column "repo"`)
	_, err = parquetdata.Open("testdata/zstd.parquet", parquetdata.Config{License: "score"})
	require.ErrorContains(t, err, `column "score" of testdata/zstd.parquet holds DOUBLE, not text`)
}

// requireFormatError checks that err names the file and a place in it.
func requireFormatError(t *testing.T, err error, path string, size int) {
	t.Helper()
	var e *parquetdata.FormatError
	require.ErrorAs(t, err, &e)
	require.Equal(t, path, e.File)
	require.LessOrEqual(t, e.Offset, int64(size))
	require.GreaterOrEqual(t, e.Offset, int64(0))
	require.Contains(t, err.Error(), fmt.Sprintf("%s: offset %d: ", path, e.Offset))
	require.NotContains(t, err.Error(), "\n")
}

func TestTruncatedAnywhere(t *testing.T) {
	whole, err := os.ReadFile("testdata/v2-zstd.parquet")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "cut.parquet")
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	for n := len(whole) - 1; n >= 0; n-- {
		require.NoError(t, os.Truncate(path, int64(n)))
		_, err := read(t.Context(), path, parquetdata.Config{Column: "text"})
		requireFormatError(t, err, path, n)
	}
}

// A hole in the middle leaves both ends as they are.
func TestHoleAnywhere(t *testing.T) {
	whole, err := os.ReadFile("testdata/required.parquet") // has checksums
	require.NoError(t, err)
	want, err := read(t.Context(), "testdata/required.parquet", parquetdata.Config{Column: "text"})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "hole.parquet")
	failed := 0
	for at := 0; at+16 < len(whole); at += 16 {
		damaged := bytes.Clone(whole)
		clear(damaged[at : at+16])
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		got, err := read(t.Context(), path, parquetdata.Config{Column: "text"})
		if err == nil { // another column, or what only statistics say
			require.Equal(t, want, got, "a hole at %d", at)
			continue
		}
		failed++
		if at+16 < len(whole)-1000 { // not in the footer, where names are
			requireFormatError(t, err, path, len(whole))
		}
	}
	require.Greater(t, failed, 100)
}

// Any changed byte gives the documents, others, or an error; never a panic.
func TestEveryByteFlipped(t *testing.T) {
	for _, name := range []string{"none.parquet", "lz4.parquet", "delta_byte_array-v2.parquet", "category.parquet"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, whole, 0o600))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		step := 5
		if testing.Short() {
			step = 53
		}
		for at := 0; at < len(whole); at += step {
			_, err := f.WriteAt([]byte{whole[at] ^ 0x55}, int64(at))
			require.NoError(t, err)
			_, err = read(t.Context(), path, parquetdata.Config{Column: "text"})
			if err != nil {
				require.NotContains(t, err.Error(), "\n")
			}
			_, err = f.WriteAt(whole[at:at+1], int64(at))
			require.NoError(t, err)
		}
		require.NoError(t, f.Close())
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := parquetdata.Open("testdata/zstd.parquet", parquetdata.Config{Column: "text"})
	require.NoError(t, err)
	n := 0
	for _, err := range s.Documents(ctx) {
		if n++; n == 5 {
			cancel()
		}
		if n == 6 {
			require.ErrorIs(t, err, context.Canceled)
		} else {
			require.NoError(t, err)
		}
	}
	require.Equal(t, 6, n)
}

// One row group of 96 MB in pages of 64 kB is read in a few pages of memory.
func TestMemoryStaysFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: writes a file of 96 MB")
	}
	const rows, size = 12_000, 8 << 10
	path := filepath.Join(t.TempDir(), "large.parquet")
	f, err := os.Create(path)
	require.NoError(t, err)
	w := parquet.NewGenericWriter[row](f, parquet.Compression(&parquet.Uncompressed), parquet.PageBufferSize(64<<10), parquet.MaxRowsPerRowGroup(rows),
		parquet.ColumnPageBuffers(parquet.NewFileBufferPool(t.TempDir(), "pages")))
	text := make([]byte, size)
	for i := range rows {
		for j := range text {
			text[j] = byte('a' + (i*31+j*7)%26)
		}
		_, err := w.Write([]row{{int64(i), string(text)}})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())

	s, err := parquetdata.Open(path, parquetdata.Config{})
	require.NoError(t, err)
	before, n, most := heap(), 0, uint64(0)
	for d, err := range s.Documents(t.Context()) {
		require.NoError(t, err)
		require.Len(t, d.Text, size)
		if n++; n%1000 == 0 {
			most = max(most, heap())
		}
	}
	require.Equal(t, rows, n)
	require.Less(t, most, before+4<<20)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
