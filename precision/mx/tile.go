package mx

import (
	"fmt"
	"math"

	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// TileScales is how many scales a matrix has in square tiles.
func (f NVFP4) TileScales(rows, cols int) int { return rows / NVBlock * (cols / NVBlock) }

// EncodeTiles is Encode for a matrix x [rows, cols] whose tiles of NVBlock by
// NVBlock values share a scale, scales [rows/NVBlock, cols/NVBlock]: a matrix and
// its transpose get the same values (arXiv:2509.25149).
func (f NVFP4) EncodeTiles(codes, scales []uint8, x []float32, rows, cols int, tensor float32) error {
	err := f.check(codes, scales, len(x), f.TileScales(rows, cols), tensor)
	if err == nil {
		err = checkTiles(len(x), rows, cols)
	}
	if err != nil {
		return err
	}
	w, err := newWriter(minifloat.E2M1, f.Round, f.Layout, nil)
	if err != nil {
		return err
	}
	bytes := f.CodeBytes(NVBlock)
	for s := range scales {
		first := s/(cols/NVBlock)*NVBlock*cols + s%(cols/NVBlock)*NVBlock
		var amax uint32
		for i := range NVBlock {
			amax = max(amax, amaxBits(x[first+i*cols:][:NVBlock]))
		}
		if amax >= 0xFF<<23 {
			return notFinite(x)
		}
		scales[s] = f.blockScale(amax, tensor)
		factor := f.factor(scales[s], tensor)
		for i := range NVBlock {
			from := first + i*cols
			at := from / NVBlock * bytes
			if err := w.write(codes[at:at+bytes], x[from:from+NVBlock], factor, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// DecodeTiles writes the values of EncodeTiles to x [rows, cols].
func (f NVFP4) DecodeTiles(x []float32, codes, scales []uint8, rows, cols int, tensor float32) error {
	err := f.check(codes, scales, len(x), f.TileScales(rows, cols), tensor)
	if err == nil {
		err = checkTiles(len(x), rows, cols)
	}
	if err != nil {
		return err
	}
	bytes := f.CodeBytes(NVBlock)
	for b := range len(x) / NVBlock {
		row, col := b*NVBlock/cols, b*NVBlock%cols
		s := scales[row/NVBlock*(cols/NVBlock)+col/NVBlock]
		if err := f.values(x[b*NVBlock:(b+1)*NVBlock], codes[b*bytes:(b+1)*bytes], s, tensor); err != nil {
			return err
		}
	}
	return nil
}

func checkTiles(n, rows, cols int) error {
	if rows < 1 || cols < 1 || rows%NVBlock != 0 || cols%NVBlock != 0 || cols > math.MaxInt/rows || rows*cols != n {
		return fmt.Errorf("mx: %d values are no matrix [%d, %d] of tiles of %d by %d", n, rows, cols, NVBlock, NVBlock)
	}
	return nil
}
