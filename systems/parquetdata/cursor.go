package parquetdata

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// value is one entry of a column.
type value struct {
	row   int64 // within the row group
	null  bool
	bytes []byte // valid until the next one is read
}

// cursor reads the values of one column chunk, page by page.
type cursor struct {
	file     *file
	repeated bool
	rows     int64 // of the group
	pager    pager
	pages    *parquet.FilePages

	page   parquet.Page
	at     int64 // offset of the page's header
	left   int64 // values of the page that are still to come
	values parquet.ValueReader
	buf    [64]parquet.Value
	i, n   int
	row    int64 // of the last value
	peeked *value
}

func (f *file) cursor(group int, column *parquet.Column) *cursor {
	g := &f.meta.RowGroups[group]
	m := &g.Columns[column.Index()].MetaData
	start := chunkStart(m)
	c := &cursor{
		file: f, rows: g.NumRows, row: -1, repeated: column.MaxRepetitionLevel() > 0,
		pager: pager{file: f, codec: m.Codec, at: start, end: start + m.TotalCompressedSize, values: m.NumValues},
	}
	c.pager.feed.at = int64(len(magic)) // where plainView says that chunks begin
	chunk := f.parquet.RowGroups()[group].ColumnChunks()[column.Index()].(*parquet.FileColumnChunk)
	c.pages = chunk.PagesFrom(&c.pager.feed)
	return c
}

func (c *cursor) close() {
	c.release()
	c.pages.Close() // gives back buffers, and has no error to report
}

func (c *cursor) release() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page, c.values = nil, nil
	}
}

// next returns the next value, or false at the end of the chunk.
func (c *cursor) next() (value, bool, error) {
	if c.peeked != nil {
		v := *c.peeked
		c.peeked = nil
		return v, true, nil
	}
	for c.i == c.n {
		if more, err := c.fill(); !more {
			return value{}, false, err
		}
	}
	v := c.buf[c.i]
	c.i++
	if v.RepetitionLevel() == 0 {
		c.row++
	}
	if c.row < 0 || c.row >= c.rows {
		return value{}, false, c.file.fail(c.at, nil, "a page holds more rows than the row group's %d", c.rows)
	}
	if v.IsNull() {
		return value{row: c.row, null: true}, true, nil
	}
	return value{row: c.row, bytes: v.ByteArray()}, true, nil
}

// rowValues returns the values of a row that are not null. Rows must be asked
// for in rising order.
func (c *cursor) rowValues(row int64) ([]string, error) {
	var all []string
	for {
		v, ok, err := c.next()
		if !ok {
			return all, err
		}
		if v.row > row {
			c.peeked = &v
			return all, nil
		}
		if v.row == row && !v.null {
			all = append(all, string(v.bytes))
		}
	}
}

// fill reads more values into the buffer, from the next page if need be. The
// values point into the page, which is kept until they are used up.
func (c *cursor) fill() (more bool, err error) {
	if c.left == 0 {
		c.release()
		if more, err := c.turn(); !more {
			return false, err
		}
	}
	c.i, c.n = 0, 0
	err = guard(func() (err error) {
		c.n, err = c.values.ReadValues(c.buf[:min(c.left, int64(len(c.buf)))])
		return err
	})
	if err != nil && err != io.EOF {
		return false, c.file.fail(c.at, err, "the page is damaged")
	}
	if c.left -= int64(c.n); c.n == 0 || err == io.EOF && c.left > 0 {
		return false, c.file.fail(c.at, nil, "the page lacks %d of the values that its header declares", c.left)
	}
	return true, nil
}

// turn goes to the next page.
func (c *cursor) turn() (more bool, err error) {
	h, at, err := c.pager.next()
	c.at = at
	if err == io.EOF {
		if c.row+1 != c.rows {
			return false, c.file.fail(at, nil, "the column ends after %d of %d rows of its row group", c.row+1, c.rows)
		}
		return false, nil
	}
	if err != nil {
		return false, c.file.fail(at, err, "the page is damaged")
	}
	got := int64(0)
	err = guard(func() (err error) {
		if c.page, err = c.pages.ReadPage(); err == nil {
			got, c.values = c.page.NumValues(), c.page.Values()
		}
		return err
	})
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return false, c.file.fail(at, err, "the page is damaged")
	}
	if c.left = values(h); got != c.left {
		return false, c.file.fail(at, nil, "the page holds %d values, its header says %d", got, c.left)
	}
	return true, nil
}
