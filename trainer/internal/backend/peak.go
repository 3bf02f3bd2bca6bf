package backend

import (
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Peak measures the floating-point operations per second of float32 matrix
// products of 1024 × 1024 on a backend: the best of what half a second allows,
// after one product that is not timed.
func Peak(b compute.Backend) (float64, error) {
	const n = 1024
	exec, err := NewExec(b, func(x *Node) *Node { return ReduceAllSum(MatMul(MatMul(x, x), x)) })
	if err != nil {
		return 0, err
	}
	defer exec.Finalize()
	x := tensors.FromFlatDataAndDimensions(make([]float32, n*n), n, n)
	best := time.Duration(0)
	for begin, i := time.Now(), 0; i < 2 || time.Since(begin) < 500*time.Millisecond; i++ {
		start := time.Now()
		out, err := exec.Call1(x)
		if err != nil {
			return 0, err
		}
		out.FinalizeAll()
		if took := time.Since(start); i > 0 && (best == 0 || took < best) {
			best = took
		}
	}
	return 2 * 2 * n * n * n / best.Seconds(), nil
}
