package parquetdata

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	magic          = "PAR1"
	magicEncrypted = "PARE"
	tailSize       = 8 // length of the footer, magic
	endless        = 1 << 62
)

// disk is an *os.File.
type disk interface {
	io.ReaderAt
	io.Closer
}

// file is an open parquet file.
type file struct {
	name   string
	disk   disk
	footer int64 // offset, where the data ends
	meta   *format.FileMetaData
	zstd   *zstd.Decoder // made when needed
	// parquet is the library's view of the same file, in which nothing is
	// compressed: see pager.
	parquet *parquet.File
}

func (f *file) close() error {
	if f.zstd != nil {
		f.zstd.Close()
	}
	if err := f.disk.Close(); err != nil {
		return fmt.Errorf("parquetdata: %w", err)
	}
	return nil
}

// fail makes an error about the file.
func (f *file) fail(at int64, err error, reason string, args ...any) error {
	return &FormatError{f.name, at, fmt.Sprintf(reason, args...), err}
}

// guard runs code of the parquet library, which answers some damaged files
// with a panic.
func guard(run func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parquet library panicked: %v", r)
		}
	}()
	return run()
}

// openFile opens a file and reads its footer.
func openFile(name string) (*file, error) {
	open, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("parquetdata: %w", err)
	}
	info, err := open.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		open.Close()
		return nil, fmt.Errorf("parquetdata: %w", err)
	}
	f := &file{name: name, disk: open}
	if err := f.open(info.Size()); err != nil {
		open.Close()
		return nil, err
	}
	return f, nil
}

func (f *file) open(size int64) error {
	if err := f.findFooter(size); err != nil {
		return err
	}
	footer := make([]byte, size-tailSize-f.footer)
	if _, err := f.disk.ReadAt(footer, f.footer); err != nil {
		return f.fail(f.footer, err, "reading the footer")
	}
	w := walker{b: footer}
	if err := w.structure(0); err != nil {
		return f.fail(f.footer+int64(w.at), err, "the footer is damaged")
	}
	f.meta = new(format.FileMetaData)
	err := guard(func() error { return thrift.Unmarshal(&thrift.CompactProtocol{}, footer, f.meta) })
	if err != nil {
		return f.fail(f.footer, err, "the footer is damaged")
	}
	if f.meta.EncryptionAlgorithm.Value != nil {
		return f.fail(f.footer, nil, "the file is encrypted, which is not supported")
	}
	if err := f.checkGroups(); err != nil {
		return err
	}
	if f.parquet, err = plainView(f.meta); err != nil {
		return f.fail(f.footer, err, "the footer is damaged")
	}
	return nil
}

// findFooter checks both ends of the file and the length of the footer.
func (f *file) findFooter(size int64) error {
	if size < int64(len(magic))+tailSize {
		return f.fail(0, nil, "%d bytes are too few for a parquet file", size)
	}
	var head [4]byte
	var tail [tailSize]byte
	if _, err := f.disk.ReadAt(head[:], 0); err != nil {
		return f.fail(0, err, "reading the first bytes")
	}
	if _, err := f.disk.ReadAt(tail[:], size-tailSize); err != nil {
		return f.fail(size-tailSize, err, "reading the last bytes")
	}
	switch end := string(tail[4:]); {
	case string(head[:]) == magicEncrypted || end == magicEncrypted:
		return f.fail(0, nil, "the file is encrypted, which is not supported")
	case string(head[:]) != magic:
		return f.fail(0, nil, "begins with %q, not with %q: not a parquet file", head[:], magic)
	case end != magic:
		return f.fail(size-4, nil, "ends with %q, not with %q: the file was cut off, get it again", end, magic)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	f.footer = size - tailSize - length
	if f.footer < int64(len(magic)) {
		return f.fail(size-tailSize, nil, "a footer of %d bytes does not fit into the file's %d", length, size)
	}
	return nil
}

// checkGroups compares counts of the footer with each other.
func (f *file) checkGroups() error {
	rows := int64(0)
	for g, group := range f.meta.RowGroups {
		if group.NumRows < 0 {
			return f.fail(f.footer, nil, "row group %d has %d rows", g, group.NumRows)
		}
		rows += group.NumRows
	}
	if f.meta.NumRows != rows {
		return f.fail(f.footer, nil, "the file has %d rows by its footer, its row groups have %d", f.meta.NumRows, rows)
	}
	return nil
}

// plainView opens a file that consists of a footer: the given one without
// compression and without what is not needed. Its column chunks have no end,
// which is for the pager to know.
func plainView(meta *format.FileMetaData) (view *parquet.File, err error) {
	plain := format.FileMetaData{Version: meta.Version, Schema: meta.Schema, NumRows: meta.NumRows, CreatedBy: meta.CreatedBy}
	plain.RowGroups = make([]format.RowGroup, len(meta.RowGroups))
	for g, group := range meta.RowGroups {
		columns := make([]format.ColumnChunk, len(group.Columns))
		for i, c := range group.Columns {
			m := c.MetaData
			columns[i].MetaData = format.ColumnMetaData{
				Type: m.Type, Encoding: m.Encoding, PathInSchema: m.PathInSchema, NumValues: m.NumValues,
				TotalUncompressedSize: endless, TotalCompressedSize: endless, DataPageOffset: int64(len(magic)),
			}
		}
		plain.RowGroups[g] = format.RowGroup{Columns: columns, TotalByteSize: endless, NumRows: group.NumRows, Ordinal: int16(g)}
	}
	err = guard(func() error {
		footer, err := thrift.Marshal(&thrift.CompactProtocol{}, &plain)
		if err != nil {
			return err
		}
		b := append([]byte(magic), footer...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
		b = append(b, magic...)
		view, err = parquet.OpenFile(bytes.NewReader(b), int64(len(b)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	return view, err
}

// checkChunk checks that the chunk of a column in a row group can be read and
// lies within the file.
func (f *file) checkChunk(group int, column *parquet.Column) error {
	c := &f.meta.RowGroups[group].Columns[column.Index()]
	m := &c.MetaData
	switch m.Codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw:
	default:
		return f.fail(f.footer, nil, "column %s is compressed with %s, which is not supported: rewrite the file", column.Name(), m.Codec)
	}
	if c.FilePath != "" {
		return f.fail(f.footer, nil, "column %s lies in another file, %q, which is not supported", column.Name(), c.FilePath)
	}
	if m.NumValues < 0 {
		return f.fail(f.footer, nil, "column %s has %d values in row group %d", column.Name(), m.NumValues, group)
	}
	start, size := chunkStart(m), m.TotalCompressedSize
	if m.NumValues > 0 && (start < int64(len(magic)) || size < 0 || size > f.footer-start) {
		return f.fail(max(start, 0), nil, "column %s in row group %d takes %d bytes from here, the data ends at %d", column.Name(), group, size, f.footer)
	}
	return nil
}

// chunkStart is the offset of a chunk's first page.
func chunkStart(m *format.ColumnMetaData) int64 {
	if m.DictionaryPageOffset != 0 {
		return m.DictionaryPageOffset
	}
	return m.DataPageOffset
}
