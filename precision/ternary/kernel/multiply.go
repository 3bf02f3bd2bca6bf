package kernel

const (
	maxSegment = 16 // blocks: the largest segment of a path
	maxBatch   = 64 // rows of activations that share unpacked weights
)

// scratch is what one thread writes to while it multiplies.
type scratch struct {
	planes []plane // of a segment
	sums   [maxBatch][group]int32
}

// multiply computes the groups [from, to) of rows of m.
func multiply(y []float32, m *Matrix, x *Activations, from, to int, s *scratch) {
	switch {
	case x.rows == 1:
		x.path.single(y, m, x, from, to)
	case x.path.unpack == nil:
		portableMultiply(y, m, x, from, to)
	default:
		for g := from; g < to; g++ {
			for first := 0; first < x.rows; first += maxBatch {
				sums := s.sums[:min(maxBatch, x.rows-first)]
				s.batch(sums, m.group(g), x, first)
				for i := range sums {
					store(y, m, x, g, first+i, sums[i])
				}
			}
		}
	}
}

// batch unpacks a segment of the weights at a time and multiplies it with all rows,
// beginning with the first.
func (s *scratch) batch(sums [][group]int32, tiles []tile, x *Activations, first int) {
	clear(sums)
	for from := 0; from < len(tiles); from += x.path.segment {
		segment := tiles[from:min(from+x.path.segment, len(tiles))]
		planes := s.planes[:4*len(segment)]
		x.path.unpack(planes, segment)
		x.path.batch(sums, planes, x.codes[4*(first*x.blocks+from):], 4*x.blocks)
	}
}

// store turns the sums of one group and row of activations into results. A sum is of
// (code+1)·x, so the sum of x is one too many of it.
func store(y []float32, m *Matrix, x *Activations, g, i int, sums [group]int32) {
	first := group * g
	scales := m.scales[first:min(first+group, m.rows)]
	y = y[i*m.rows+first:][:len(scales)]
	for r, scale := range scales {
		y[r] = float32(sums[r]-x.sums[i]) * x.scales[i] * scale
	}
}
