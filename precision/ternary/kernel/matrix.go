package kernel

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/nanochat-go/nanochat/precision/ternary"
)

// Limits of a Matrix. A lane of 32 bits holds the sum of a quarter of MaxCols products
// of an activation of at most 127 and a code of 0 to 2 that lies six bits to the left.
const (
	MaxRows = 1 << 24
	MaxCols = 1 << 19
)

const (
	line  = 64          // columns to which rows are padded: the bytes of a cache line
	quad  = 4           // columns whose products one lane of 32 bits adds up
	step  = 4 * quad    // columns of a tile: four planes of two bits
	steps = line / step // tiles of a line
	group = 32          // rows of a tile, that are multiplied together
)

// tile holds some columns of a group of rows. Bits 2p of byte k of a row are the code of
// column 4p+k, plus one.
type tile [group][quad]uint8

// Matrix is a ternary weight [rows, cols], two bits a code.
type Matrix struct {
	rows, cols int
	steps      int       // tiles of a group of rows
	tiles      []tile    // one group after the other
	scales     []float32 // of whole groups, zero after the last row
}

// New packs codes [rows, cols], each -1, 0 or 1. There is one scale, or one for each
// row; the values are scale·code.
func New(codes []int8, rows, cols int, scales []float32) (*Matrix, error) {
	if err := checkShape(len(codes), rows, cols); err != nil {
		return nil, err
	}
	if len(scales) != 1 && len(scales) != rows {
		return nil, fmt.Errorf("kernel: %d scales for %d rows, want 1 or one for each", len(scales), rows)
	}
	for i, s := range scales {
		if math.IsNaN(float64(s)) || math.IsInf(float64(s), 0) {
			return nil, fmt.Errorf("kernel: scale %d is %v", i, s)
		}
	}
	m := &Matrix{rows: rows, cols: cols, steps: steps * lines(cols), scales: make([]float32, groups(rows)*group)}
	for r := range rows {
		m.scales[r] = scales[min(r, len(scales)-1)]
	}
	m.tiles = aligned[tile](groups(rows) * m.steps)
	for r := range rows {
		if err := m.pack(r, codes[r*cols:(r+1)*cols]); err != nil {
			return nil, fmt.Errorf("kernel: row %d: %w", r, err)
		}
	}
	return m, nil
}

// pack writes the codes of row r.
func (m *Matrix) pack(r int, codes []int8) error {
	tiles := m.group(r / group)
	for c, code := range codes {
		if code < -1 || code > 1 {
			return fmt.Errorf("code %d of column %d, want -1, 0 or 1", code, c)
		}
		tiles[c/step][r%group][c%quad] |= uint8(code+1) << (c % step / quad * 2)
	}
	return nil
}

// Quantize is New with the codes and the one scale that ternary.AbsMean gives w.
func Quantize(w []float32, rows, cols int) (*Matrix, error) {
	if err := checkShape(len(w), rows, cols); err != nil {
		return nil, err
	}
	codes, scale := ternary.AbsMean(w)
	return New(codes, rows, cols, []float32{scale})
}

// Rows is the number of outputs.
func (m *Matrix) Rows() int { return m.rows }

// Cols is the number of inputs.
func (m *Matrix) Cols() int { return m.cols }

// Bytes is the memory of codes and scales.
func (m *Matrix) Bytes() int64 { return Bytes(m.rows, m.cols) }

// Bytes is the memory of codes and scales of a matrix: two bits a code and four bytes a
// row, of whole multiples of 32 rows and 64 columns.
func Bytes(rows, cols int) int64 {
	return int64(groups(rows)) * (int64(steps*lines(cols))*int64(unsafe.Sizeof(tile{})) + 4*group)
}

func (m *Matrix) group(g int) []tile { return m.tiles[g*m.steps : (g+1)*m.steps] }

func checkShape(values, rows, cols int) error {
	switch {
	case rows < 1 || rows > MaxRows || cols < 1 || cols > MaxCols:
		return fmt.Errorf("kernel: shape [%d, %d], want 1 to %d rows and 1 to %d columns", rows, cols, MaxRows, MaxCols)
	case values != rows*cols: // at most 2⁴⁴
		return fmt.Errorf("kernel: %d values for shape [%d, %d]", values, rows, cols)
	}
	return nil
}

func lines(cols int) int { return (cols + line - 1) / line }

func groups(rows int) int { return (rows + group - 1) / group }

// aligned returns n zero values of T, that begin on a cache line, so that no load of a
// register touches two.
func aligned[T tile | [line]int8 | byte](n int) []T {
	size := int(unsafe.Sizeof(*new(T)))
	s := make([]T, n+(line+size-1)/size) // the first may begin up to 63 bytes later
	skip := -uintptr(unsafe.Pointer(&s[0])) % line
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(&s[0]), skip)), n)
}
