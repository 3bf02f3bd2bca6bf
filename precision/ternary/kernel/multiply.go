package kernel

import "fmt"

// RowAlign is what the first row of a range that MultiplyRows computes is a multiple of.
const RowAlign = group

// Scratch is what one thread writes to while it multiplies, besides results. The zero
// value is ready for use; its memory is made when it is first needed and is kept.
type Scratch struct {
	tables *tables
	amx    *amxRoom
}

// MultiplyRows computes the rows [from, to) of m for all rows of x, as Pool.Multiply does
// for all rows of m, on the calling goroutine: it is for callers that have workers of
// their own. y [rows of x, rows of m] is that of the whole product; calls for different
// ranges may run at the same time, each with a Scratch of its own. from is a multiple of
// RowAlign, and so is to unless it is the number of rows.
func (m *Matrix) MultiplyRows(y []float32, x *Activations, from, to int, s *Scratch) error {
	if err := m.check(y, x); err != nil {
		return err
	}
	if from < 0 || from%group != 0 || to < from || to > m.rows || to%group != 0 && to != m.rows {
		return fmt.Errorf("kernel: rows %d to %d of %d, want multiples of %d", from, to, m.rows, group)
	}
	multiply(y, m, x, from/group, groups(to), s)
	return nil
}

func (m *Matrix) check(y []float32, x *Activations) error {
	switch {
	case m.cols != x.cols:
		return fmt.Errorf("kernel: activations of %d values for a weight of %d columns", x.cols, m.cols)
	case len(y) != x.rows*m.rows:
		return fmt.Errorf("kernel: room for %d results, want %d rows of %d", len(y), x.rows, m.rows)
	}
	return nil
}

// multiply computes the groups [from, to) of rows of m for all rows of activations.
func multiply(y []float32, m *Matrix, x *Activations, from, to int, s *Scratch) {
	if x.rows == 1 || len(x.path.batches) == 0 {
		x.path.multiply(0, y, m, x, from, to, 0, x.rows, s)
		return
	}
	plan, rest := tuned.plan(m.shape(x.path)), x.rows%planRows
	if x.rows > rest {
		x.path.multiply(plan[planRows], y, m, x, from, to, 0, x.rows-rest, s)
	}
	if rest > 0 {
		x.path.multiply(plan[rest], y, m, x, from, to, x.rows-rest, rest, s)
	}
}

// multiply computes groups of rows of m for n rows of activations, beginning with the
// first, in the way that a plan has chosen.
func (p *path) multiply(choice uint8, y []float32, m *Matrix, x *Activations, from, to, first, n int, s *Scratch) {
	if choice > 0 {
		p.batches[choice-1].run(y, m, x, from, to, first, n, s)
		return
	}
	for i := first; i < first+n; i++ {
		p.single(y[i*m.rows:(i+1)*m.rows], m, x, i, from, to)
	}
}
