package kernel

import "fmt"

// maxCodes bounds the memory of Activations: 16384 rows of as many columns.
const maxCodes = 1 << 28

// padRows is how many rows after the last kernels may read, whose results they drop.
const padRows = 15

// Activations are rows of values in eight bits, each row with a scale of its own.
type Activations struct {
	path   *path
	cols   int
	lines  int          // of a row
	rows   int          // that are multiplied
	codes  [][line]int8 // lines for each row, zero after the last column
	words  []int64      // the same for the portable kernel, see spread
	scales []float32
	sums   []int32 // of the codes of a row
}

// NewActivations returns room for up to maxRows rows of cols values, in the form that
// this processor multiplies fastest.
func NewActivations(maxRows, cols int) (*Activations, error) {
	return newActivations(maxRows, cols, paths()[0])
}

func newActivations(maxRows, cols int, p *path) (*Activations, error) {
	if maxRows < 1 || cols < 1 || cols > MaxCols || maxRows > maxCodes/(lines(cols)*line) {
		return nil, fmt.Errorf("kernel: activations of shape [%d, %d], want 1 to %d columns and at most %d codes with padding",
			maxRows, cols, MaxCols, maxCodes)
	}
	a := &Activations{path: p, cols: cols, lines: lines(cols)}
	a.codes = aligned[[line]int8]((maxRows + padRows) * a.lines)
	a.scales, a.sums = make([]float32, maxRows), make([]int32, maxRows)
	if p.spread {
		a.words = make([]int64, maxRows*a.lines*line/quad)
	}
	return a, nil
}

// Quantize replaces what a holds by the rows of x, as ternary.QuantizeActivations
// quantises each.
func (a *Activations) Quantize(x []float32) error {
	rows := len(x) / a.cols
	if rows < 1 || rows > len(a.scales) || len(x) != rows*a.cols {
		return fmt.Errorf("kernel: %d values, want 1 to %d rows of %d", len(x), len(a.scales), a.cols)
	}
	a.rows = rows
	for i := range rows {
		a.quantize(i, x[i*a.cols:(i+1)*a.cols])
	}
	return nil
}

// Resize sets the number of rows to multiply, which QuantizeRow writes one at a time.
func (a *Activations) Resize(rows int) error {
	if rows < 1 || rows > len(a.scales) {
		return fmt.Errorf("kernel: %d rows, want 1 to %d", rows, len(a.scales))
	}
	a.rows = rows
	return nil
}

// QuantizeRow replaces row i as Quantize does. Several goroutines may write different rows.
func (a *Activations) QuantizeRow(i int, x []float32) error {
	if i < 0 || i >= a.rows || len(x) != a.cols {
		return fmt.Errorf("kernel: %d values for row %d, want %d for one of %d rows", len(x), i, a.cols, a.rows)
	}
	a.quantize(i, x)
	return nil
}

func (a *Activations) quantize(i int, x []float32) {
	a.scales[i], a.sums[i] = a.path.quantize(flat(a.row(i))[:a.cols], x)
	if a.words != nil {
		spread(a.rowWords(i), a.row(i))
	}
}

// Rows is how many rows the last Quantize wrote, or the last Resize asked for.
func (a *Activations) Rows() int { return a.rows }

// Cols is the number of values of a row.
func (a *Activations) Cols() int { return a.cols }

// Row returns the codes and the scale of row i, x ≈ scale·code. The codes are valid
// until the next Quantize.
func (a *Activations) Row(i int) (codes []int8, scale float32) {
	return flat(a.row(i))[:a.cols:a.cols], a.scales[i]
}

func (a *Activations) row(i int) [][line]int8 { return a.codes[i*a.lines : (i+1)*a.lines] }

func (a *Activations) rowWords(i int) []int64 {
	return a.words[i*a.lines*line/quad : (i+1)*a.lines*line/quad]
}
