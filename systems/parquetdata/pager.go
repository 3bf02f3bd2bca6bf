package parquetdata

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	firstWindow = 1 << 10  // of a page header that is read at once
	lastWindow  = 16 << 20 // a header with statistics of long texts
	maxValues   = 1 << 26  // of a page
)

// pager reads the pages of a column chunk, checks what their headers declare,
// decompresses them, and feeds them to the library as pages that are not
// compressed. The library is kept from three things that way: from trusting
// sizes; from pages without values, on which it panics (pyarrow writes them,
// in version 2, between the pages of a list); and from decompressing, where
// with LZ4 it may return an old buffer's content, or not return at all.
type pager struct {
	file    *file
	codec   format.CompressionCodec
	at, end int64
	values  int64 // of the chunk that are still to come
	raw     []byte
	feed    feed
}

// feed is the pages as the library reads them: a stream of which only the
// newest piece exists.
type feed struct {
	at   int64
	page []byte
}

// ReadAt returns what there is without an error, also when it is less than
// asked for: the library reads through a buffer, which asks again when it needs
// more, and would keep an io.EOF in mind.
func (f *feed) ReadAt(p []byte, off int64) (int, error) {
	if off < f.at || off >= f.at+int64(len(f.page)) {
		return 0, io.EOF
	}
	return copy(p, f.page[off-f.at:]), nil
}

// next feeds the next data page that has values, and the dictionary page
// before it if there is one. It returns the data page's header and offset, or
// io.EOF when the chunk has given all of its values.
func (p *pager) next() (h *format.PageHeader, at int64, err error) {
	p.feed.at += int64(len(p.feed.page))
	p.feed.page = p.feed.page[:0]
	for {
		at = p.at
		if p.values == 0 {
			return nil, at, io.EOF
		}
		if p.at >= p.end {
			return nil, at, fmt.Errorf("the column chunk ends here, %d values are missing", p.values)
		}
		h, size, err := p.header()
		if err == nil {
			err = p.check(h, p.end-at-size)
		}
		if err != nil {
			return nil, at, fmt.Errorf("the page header: %w", err)
		}
		p.at += size + int64(h.CompressedPageSize)
		if values(h) > 0 || h.Type == format.DictionaryPage {
			if err := p.load(h, at+size); err != nil {
				return nil, at, err
			}
		}
		if n := values(h); n > 0 {
			p.values -= n
			return h, at, nil
		}
	}
}

// header decodes the header at p.at and returns its size.
func (p *pager) header() (h *format.PageHeader, size int64, err error) {
	rest := p.end - p.at
	for window := int64(firstWindow); ; window *= 4 {
		b := make([]byte, min(window, rest))
		if n, err := p.file.disk.ReadAt(b, p.at); n < len(b) {
			return nil, 0, err
		}
		w := walker{b: b}
		err := w.structure(0)
		if errors.Is(err, io.ErrUnexpectedEOF) && window < min(rest, lastWindow) {
			continue // it may go on behind the window
		}
		if err != nil {
			return nil, 0, err
		}
		h = new(format.PageHeader)
		err = guard(func() error { return thrift.Unmarshal(&thrift.CompactProtocol{}, b[:w.at], h) })
		return h, int64(w.at), err
	}
}

// values is the number of values of a data page, nulls among them.
func values(h *format.PageHeader) int64 {
	switch h.Type {
	case format.DataPage:
		return int64(h.DataPageHeader.V.NumValues)
	case format.DataPageV2:
		return int64(h.DataPageHeaderV2.V.NumValues)
	}
	return 0
}

// check compares a header with the bytes that are left of the chunk.
func (p *pager) check(h *format.PageHeader, room int64) error {
	compressed, size := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	if compressed < 0 || compressed > room {
		return fmt.Errorf("a page of %d bytes in a column chunk with %d left", compressed, room)
	}
	if size < 0 {
		return fmt.Errorf("a page of %d bytes uncompressed", size)
	}
	switch h.Type {
	case format.DictionaryPage:
		// Each entry has its length before it, in four bytes.
		if n := int64(h.DictionaryPageHeader.V.NumValues); !h.DictionaryPageHeader.Valid || n < 0 || n > size/4 {
			return fmt.Errorf("a dictionary of %d entries in %d bytes", n, size)
		}
	case format.DataPage:
		if !h.DataPageHeader.Valid {
			return errors.New("a data page without a header of its own")
		}
	case format.DataPageV2:
		v := &h.DataPageHeaderV2.V
		levels := int64(v.DefinitionLevelsByteLength) + int64(v.RepetitionLevelsByteLength)
		if !h.DataPageHeaderV2.Valid || v.NumNulls < 0 || v.NumNulls > v.NumValues || v.DefinitionLevelsByteLength < 0 ||
			v.RepetitionLevelsByteLength < 0 || levels > min(compressed, size) {
			return errors.New("a data page whose sizes contradict each other")
		}
	}
	if n := values(h); n < 0 || n > p.values || n > maxValues {
		return fmt.Errorf("a page of %d values in a column chunk with %d left", n, p.values)
	}
	return nil
}

// load reads the page whose body lies at the offset, and adds it to the feed.
func (p *pager) load(h *format.PageHeader, at int64) error {
	p.raw = grow(p.raw, int(h.CompressedPageSize))
	if n, err := p.file.disk.ReadAt(p.raw, at); n < len(p.raw) {
		return fmt.Errorf("reading the page: %w", err)
	}
	if sum := crc32.ChecksumIEEE(p.raw); h.CRC != 0 && sum != uint32(h.CRC) {
		return fmt.Errorf("the page's checksum is %08x, its header says %08x", sum, uint32(h.CRC))
	}
	plain := format.PageHeader{Type: h.Type, DataPageHeader: h.DataPageHeader, DictionaryPageHeader: h.DictionaryPageHeader, DataPageHeaderV2: h.DataPageHeaderV2}
	plain.DataPageHeader.V.Statistics = format.Statistics{}
	levels, codec := 0, p.codec
	if v := &plain.DataPageHeaderV2; h.Type == format.DataPageV2 {
		levels = int(v.V.DefinitionLevelsByteLength + v.V.RepetitionLevelsByteLength)
		if v.V.IsCompressed.Valid && !v.V.IsCompressed.V {
			codec = format.Uncompressed
		}
		v.V.Statistics, v.V.IsCompressed = format.Statistics{}, thrift.New(false)
	}
	size := int(h.UncompressedPageSize)
	if codec == format.Uncompressed {
		size = len(p.raw)
	}
	plain.UncompressedPageSize, plain.CompressedPageSize = int32(size), int32(size)
	head, err := thrift.Marshal(&thrift.CompactProtocol{}, &plain)
	if err != nil {
		return err
	}
	was := len(p.feed.page)
	p.feed.page = grow(p.feed.page, was+len(head)+size)
	rest := p.feed.page[was:]
	rest = rest[copy(rest, head):]
	rest = rest[copy(rest, p.raw[:levels]):]
	if err := p.file.decompress(codec, rest, p.raw[levels:]); err != nil {
		return fmt.Errorf("decompressing the page: %w", err)
	}
	return nil
}

// grow returns a slice of length n that begins with b.
func grow(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	return append(make([]byte, 0, n+n/4), b...)[:n]
}
