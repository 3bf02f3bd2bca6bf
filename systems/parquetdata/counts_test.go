package parquetdata

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"
)

// Mutation: dropping "size > f.footer-start" from checkChunk fails the case
// "chunk behind the data"; dropping the comparison of rows in checkGroups fails
// "rows of the file".

// rewrite copies a file with its footer changed.
func rewrite(t *testing.T, name string, change func(*format.FileMetaData)) string {
	t.Helper()
	whole, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	f, err := openFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer f.close()
	change(f.meta)
	footer, err := thrift.Marshal(&thrift.CompactProtocol{}, f.meta)
	require.NoError(t, err)
	out := append(whole[:f.footer:f.footer], footer...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, append(out, magic...), 0o600))
	return path
}

func readAll(t *testing.T, path string) (int, error) {
	t.Helper()
	s, err := Open(path, Config{Column: "text"})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, err := range s.Documents(t.Context()) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Footers that contradict the data, or themselves.
func TestCounts(t *testing.T) {
	text := func(m *format.FileMetaData, g int) *format.ColumnChunk { return &m.RowGroups[g].Columns[1] }
	for _, c := range []struct {
		name, want string
		change     func(*format.FileMetaData)
	}{
		{"none", "", func(*format.FileMetaData) {}},
		{"rows of the file", "the file has 61 rows by its footer, its row groups have 60", func(m *format.FileMetaData) { m.NumRows++ }},
		{"more rows", "the column ends after 25 of 26 rows", func(m *format.FileMetaData) { m.NumRows++; m.RowGroups[0].NumRows++ }},
		{"fewer rows", "a page holds more rows than the row group's 24", func(m *format.FileMetaData) { m.NumRows--; m.RowGroups[0].NumRows-- }},
		{"negative rows", "row group 1 has -1 rows", func(m *format.FileMetaData) { m.RowGroups[1].NumRows = -1 }},
		{"more values", "the column chunk ends here, 1 values are missing", func(m *format.FileMetaData) { text(m, 0).MetaData.NumValues++ }},
		{"fewer values", "a page of 12 values in a column chunk with 6 left", func(m *format.FileMetaData) { text(m, 0).MetaData.NumValues = 6 }},
		{"negative values", "column text has -5 values in row group 2", func(m *format.FileMetaData) { text(m, 2).MetaData.NumValues = -5 }},
		{"chunk behind the data", "the data ends at", func(m *format.FileMetaData) { text(m, 1).MetaData.TotalCompressedSize = 1 << 40 }},
		{"chunk before the file", "offset 0: column text in row group 1", func(m *format.FileMetaData) { text(m, 1).MetaData.DictionaryPageOffset = -8 }},
		{"another page", "the page is damaged", func(m *format.FileMetaData) { text(m, 1).MetaData.DictionaryPageOffset += 3 }},
		{"another codec", "decompressing the page", func(m *format.FileMetaData) { text(m, 1).MetaData.Codec = format.Zstd }},
		{"unknown codec", "compressed with LZO, which is not supported", func(m *format.FileMetaData) { text(m, 0).MetaData.Codec = format.LZO }},
		{"elsewhere", `lies in another file, "b.parquet"`, func(m *format.FileMetaData) { text(m, 0).FilePath = "b.parquet" }},
		{"no schema", "the footer is damaged", func(m *format.FileMetaData) { m.Schema = nil }},
		{"more children", "the footer is damaged", func(m *format.FileMetaData) { m.Schema[0].NumChildren.V = 9 }},
		{"fewer columns", "the footer is damaged", func(m *format.FileMetaData) { m.RowGroups[1].Columns = m.RowGroups[1].Columns[:1] }},
		{"same name twice", `has 2 columns "text": rename one`, func(m *format.FileMetaData) { m.Schema[1].Name = "text" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := rewrite(t, "snappy.parquet", c.change)
			n, err := readAll(t, path)
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, 60, n)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), "panic")
		})
	}
}

// Row groups may differ in their codec.
func TestCodecOfEachGroup(t *testing.T) {
	whole, err := openFile("testdata/none.parquet")
	require.NoError(t, err)
	defer whole.close()
	for codec, want := range map[format.CompressionCodec]string{
		format.Uncompressed: "", format.Gzip: "decompressing the page", format.Brotli: "decompressing the page",
		format.Lz4Raw: "decompressing the page", format.Snappy: "a snappy block of",
	} {
		path := rewrite(t, "none.parquet", func(m *format.FileMetaData) { m.RowGroups[2].Columns[1].MetaData.Codec = codec })
		n, err := readAll(t, path)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
		require.Equal(t, 50, n) // the groups before it
	}
}

func TestWalker(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty structure", "\x00", ""},
		{"bool, i32, binary, list of i32", "\x11\x15\x02\x18\x01a\x19\x25\x02\x04\x00", ""},
		{"field by number", "\x05\x20\x02\x00", ""},
		{"map", "\x1b\x01\x55\x02\x02\x00", ""},
		{"empty map", "\x1b\x00\x00", ""},
		{"no stop", "\x15\x02", "unexpected EOF"},
		{"binary without its bytes", "\x18\x7f\x00", "unexpected EOF"},
		{"list without its elements", "\x19\xf5\xff\xff\xff\xff\x07\x00", "unexpected EOF"},
		{"number without end", "\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", "more than 64 bits"},
		{"unknown type", "\x1d\x00", "type 13"},
	} {
		w := walker{b: []byte(c.in)}
		err := w.structure(0)
		if c.want == "" {
			require.NoError(t, err, c.name)
			require.Equal(t, len(c.in), w.at, c.name)
			continue
		}
		require.ErrorContains(t, err, c.want, c.name)
	}
	deep := walker{b: []byte{}}
	for range 1000 {
		deep.b = append(deep.b, 0x1c)
	}
	require.ErrorContains(t, deep.structure(0), "deep")
	lists := walker{b: []byte{0x19}}
	for range 1000 {
		lists.b = append(lists.b, 0x19)
	}
	require.ErrorContains(t, lists.structure(0), "deep")
}
