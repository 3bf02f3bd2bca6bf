package ref

import "math"

// FOAM is arXiv:2512.07112, Algorithm 1, on Adam, folding the rows of w [n, m]
// in blocks of 2^Level; the last block is filled with zeros. Squares selects the
// second moment of the published program, the mean of squares; Eps is added to
// the corrected root.
type FOAM struct {
	LR, Beta1, Beta2, Eps, Decay float64
	Level                        int
	Residual, Alpha              float64
	Squares                      bool

	t    int
	M, V Matrix // of the blocks
}

// Step updates w in place with the gradient g.
func (f *FOAM) Step(w, g Matrix) {
	k := 1 << f.Level
	blocks := (w.Rows + k - 1) / k
	if f.M.Data == nil {
		f.M = Matrix{blocks, w.Cols, make([]float64, blocks*w.Cols)}
		f.V = Matrix{blocks, w.Cols, make([]float64, blocks*w.Cols)}
	}
	f.t++
	for b := range blocks {
		for j := range w.Cols {
			f.block(w, g, b, j, k)
		}
	}
}

// block does one column of one block.
func (f *FOAM) block(w, g Matrix, b, j, k int) {
	mean, squares := 0.0, 0.0
	from, to := b*k, min((b+1)*k, w.Rows)
	for i := from; i < to; i++ {
		mean += g.At(i, j) / float64(k)
		squares += g.At(i, j) * g.At(i, j) / float64(k)
	}
	if !f.Squares {
		squares = mean * mean
	}
	at := b*w.Cols + j
	f.M.Data[at] = f.Beta1*f.M.Data[at] + (1-f.Beta1)*mean
	f.V.Data[at] = f.Beta2*f.V.Data[at] + (1-f.Beta2)*squares
	for i := from; i < to; i++ {
		r := f.Residual * (g.At(i, j) - mean)
		m := (f.M.Data[at] + r) / (1 - math.Pow(f.Beta1, float64(f.t)))
		v := (f.V.Data[at] + r*r) / (1 - math.Pow(f.Beta2, float64(f.t)))
		x := w.At(i, j)
		w.Data[i*w.Cols+j] = x - f.LR*f.Decay*x - f.LR*f.Alpha*m/(math.Sqrt(v)+f.Eps)
	}
}
