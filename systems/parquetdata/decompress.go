package parquetdata

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// decompress fills dst from src, which must give exactly as much.
func (f *file) decompress(codec format.CompressionCodec, dst, src []byte) error {
	if len(src) == 0 && len(dst) == 0 {
		return nil
	}
	buf := dst
	switch codec {
	case format.Uncompressed:
		return fits(copy(dst, src), dst)
	case format.Zstd:
		return f.unzstd(dst, src)
	case format.Lz4Raw:
		n, err := lz4.UncompressBlock(src, dst)
		if err != nil {
			return err
		}
		return fits(n, dst)
	case format.Snappy:
		// The decoder allocates what the first bytes say.
		if n, size := binary.Uvarint(src); size <= 0 || n != uint64(len(dst)) {
			return fmt.Errorf("a snappy block of %d bytes, the page header says %d", n, len(dst))
		}
	default:
		buf = make([]byte, len(dst), len(dst)+1) // a byte more, to see the stream's end
	}
	var out []byte
	err := guard(func() (err error) {
		out, err = parquet.LookupCompressionCodec(codec).Decode(buf, src)
		return err
	})
	if err != nil {
		return err
	}
	if len(out) > len(dst) {
		return fits(len(out), dst)
	}
	return fits(copy(dst, out), dst)
}

// unzstd is apart because the library's decoder would allocate whatever size a
// damaged frame declares.
func (f *file) unzstd(dst, src []byte) error {
	if f.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return err
		}
		f.zstd = d
	}
	out, err := f.zstd.DecodeAll(src, dst[:0:len(dst)])
	if err != nil {
		return err
	}
	if len(out) > 0 && &out[0] != &dst[0] {
		return errors.New("a zstd frame larger than the page header says")
	}
	return fits(len(out), dst)
}

// fits compares a number of bytes with what the page header said.
func fits(n int, dst []byte) error {
	if n != len(dst) {
		return fmt.Errorf("%d bytes, the page header says %d", n, len(dst))
	}
	return nil
}
