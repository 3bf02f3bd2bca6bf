package mx

import (
	"fmt"
	"iter"
	"math"

	"github.com/nanochat-go/nanochat/precision/internal/lanes"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// TileScales is how many scales a matrix has in square tiles.
func (f NVFP4) TileScales(rows, cols int) int { return rows / NVBlock * (cols / NVBlock) }

// EncodeTiles is Encode for a matrix x [rows, cols] whose tiles of NVBlock by
// NVBlock values share a scale, scales [rows/NVBlock, cols/NVBlock]: a matrix and
// its transpose get the same values (arXiv:2509.25149).
func (f NVFP4) EncodeTiles(codes, scales []uint8, x []float32, rows, cols int, tensor float32) error {
	if err := f.checkTiles(codes, scales, len(x), rows, cols, tensor); err != nil {
		return err
	}
	w, err := newWriter(minifloat.E2M1, f.Round, f.Layout, NVBlock, nil)
	if err != nil {
		return err
	}
	var maxima, factors [parts]float32
	for t := range tiles(rows, cols) {
		n := t.width / NVBlock
		t.absMax(maxima[:n], x, cols)
		if lanes.AbsMax(maxima[:n]) >= infinity {
			return notFinite(x)
		}
		if err := f.blockScales(scales[t.scale:][:n], factors[:n], maxima[:n], tensor); err != nil {
			return err
		}
		for from := range t.rows(cols) {
			to := from + t.width
			if err := w.write(codes[f.CodeBytes(from):f.CodeBytes(to)], x[from:to], factors[:n], from); err != nil {
				return err
			}
		}
	}
	return nil
}

// DecodeTiles writes the values of EncodeTiles to x [rows, cols].
func (f NVFP4) DecodeTiles(x []float32, codes, scales []uint8, rows, cols int, tensor float32) error {
	if err := f.checkTiles(codes, scales, len(x), rows, cols, tensor); err != nil {
		return err
	}
	var factors [parts]float32
	for t := range tiles(rows, cols) {
		n := t.width / NVBlock
		then := f.blockFactors(factors[:n], scales[t.scale:][:n], tensor)
		for from := range t.rows(cols) {
			to := from + t.width
			err := f.Layout.read(x[from:to], minifloat.E2M1, codes[f.CodeBytes(from):f.CodeBytes(to)], NVBlock, factors[:n], then)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (f NVFP4) checkTiles(codes, scales []uint8, n, rows, cols int, tensor float32) error {
	if err := f.check(codes, scales, n, f.TileScales(rows, cols), tensor); err != nil {
		return err
	}
	if rows < 1 || cols < 1 || rows%NVBlock != 0 || cols%NVBlock != 0 || cols > math.MaxInt/rows || rows*cols != n {
		return fmt.Errorf("mx: %d values are no matrix [%d, %d] of tiles of %d by %d", n, rows, cols, NVBlock, NVBlock)
	}
	return nil
}

// strip is neighbouring tiles, at most span values wide.
type strip struct{ first, scale, width int }

// tiles yields the strips of a matrix.
func tiles(rows, cols int) iter.Seq[strip] {
	return func(yield func(strip) bool) {
		for row := 0; row < rows; row += NVBlock {
			for col := 0; col < cols; col += span {
				s := strip{row*cols + col, row/NVBlock*(cols/NVBlock) + col/NVBlock, min(span, cols-col)}
				if !yield(s) {
					return
				}
			}
		}
	}
}

// rows yields where the rows of the strip begin.
func (s strip) rows(cols int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range NVBlock {
			if !yield(s.first + i*cols) {
				return
			}
		}
	}
}

// absMax writes the maximum of each tile.
func (s strip) absMax(maxima, x []float32, cols int) {
	var row [parts]float32
	clear(maxima)
	for from := range s.rows(cols) {
		lanes.PartMax(row[:len(maxima)], x[from:from+s.width])
		for j, a := range row[:len(maxima)] {
			maxima[j] = max(maxima[j], a)
		}
	}
}
