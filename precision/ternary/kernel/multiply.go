package kernel

const (
	tableRows      = 16  // rows of activations that share tables: the lanes of 256 bits
	minTable       = 9   // rows for which tables are faster than one row after the other
	minTableGroups = 64  // groups of rows of weights for which they are
	maxTableGroups = 256 // groups whose sums stay in the cache
)

// multiply computes the groups [from, to) of rows of m for n rows of activations,
// beginning with the first.
func multiply(y []float32, m *Matrix, x *Activations, from, to, first, n int, s *scratch) {
	if x.path.batch != nil && n >= minTable {
		x.path.batch(y, m, x, from, to, first, n, s)
		return
	}
	for i := first; i < first+n; i++ {
		x.path.single(y[i*m.rows:(i+1)*m.rows], m, x, i, from, to)
	}
}
